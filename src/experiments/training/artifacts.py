"""The files of a training run besides its metrics."""

import logging
from typing import TYPE_CHECKING

from ..config.errors import first_line
from ..tracking.folder import JOURNAL
from ..tracking.journal import read_journal
from ..tracking.run import Run
from .layer_table import layer_table
from .loop import Training
from .pictures import draw_learning_curve
from .sampling import sample_texts

if TYPE_CHECKING:
    from .loop import Training

log = logging.getLogger("experiments")


def keep_files(training: Training, run: Run) -> None:
    """Store the best weights and the learning curve, however the training ended; logs a warning if that fails."""
    try:
        if training.best.weights is not None:
            training.save_best()
            run.log_file(run.folder / "best.pt")
            run.set_tags({"checkpoint": "best.pt"})
        picture = run.folder / "learning_curve.png"
        draw_learning_curve(read_journal(run.folder / JOURNAL), picture, run.name)
        if picture.exists():
            run.log_file(picture)
    except Exception as error:  # must not hide the error that ended the run
        log.warning("not all files of the run could be stored: %s", first_line(error))


def describe(training: Training, run: Run) -> None:
    """Store the table of layers, and sampled text of a language model; logs a warning if that fails."""
    model, dataset = training.model.eval(), training.dataset
    try:
        run.log_text("layers.txt", layer_table(model, training.settings) + "\n")
        if not dataset.labelled and dataset.num_inputs == dataset.num_outputs == len(dataset.vocabulary):
            run.log_text("sample.txt", sample_texts(model, training.experiment.device, dataset))
    except Exception as error:  # a finished run must not fail for its description
        log.warning("the network could not be described: %s", first_line(error))
