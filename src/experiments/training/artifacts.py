"""What a training run leaves beside its metrics."""

import logging
from typing import TYPE_CHECKING

from ..config.errors import first_line
from ..tracking.folder import JOURNAL
from ..tracking.journal import read_journal
from ..tracking.run import Tracker
from .layer_table import layer_table
from .pictures import draw_learning_curve
from .sampling import specimen

if TYPE_CHECKING:
    from .loop import Training

log = logging.getLogger("experiments")


def keep_files(training: "Training", tracker: Tracker) -> None:
    """The best weights and the learning curve, however the training ended; a file that cannot be written is said."""
    try:
        if training.best.weights is not None:
            training.save_best()
            tracker.log_file(tracker.folder / "best.pt")
            tracker.set_tags({"checkpoint": "best.pt"})
        picture = tracker.folder / "learning_curve.png"
        draw_learning_curve(read_journal(tracker.folder / JOURNAL), picture, tracker.name)
        if picture.exists():
            tracker.log_file(picture)
    except Exception as error:  # these files are worth less than what is said of how the run ended
        log.warning("not all files of the run could be kept: %s", first_line(error))


def describe(training: "Training", tracker: Tracker) -> None:
    """The layers, and for a language model what it says with the weights it has now."""
    model, dataset = training.model.eval(), training.dataset
    try:
        tracker.log_text("layers.txt", layer_table(model, training.settings) + "\n")
        if not dataset.labelled and dataset.num_inputs == dataset.num_outputs == len(dataset.vocabulary):
            tracker.log_text("sample.txt", specimen(model, training.experiment.device, dataset))
    except Exception as error:  # an ornament: a trained network is worth more than its description
        log.warning("the network could not be described: %s", first_line(error))
