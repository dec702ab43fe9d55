"""The files of a training run besides its metrics."""

import logging
from collections.abc import Sequence

from tabulate import tabulate

from ..config.errors import first_line
from ..interfaces.model import Model, SummaryRow
from ..tracking.folder import JOURNAL
from ..tracking.journal import points_of
from .learning_curve import draw_learning_curve
from .loop import Training
from .sampling import sample_texts

log = logging.getLogger("experiments")


def store_results(training: Training) -> None:
    """Store the best weights and the learning curve, however the training ended; logs a warning if that fails."""
    run = training.run
    try:
        if training.best.weights is not None:
            training.save_best()
            run.log_file(run.folder / "best.pt")
            run.set_tags({"checkpoint": "best.pt"})
            if run.store.serves_models:
                run.log_model(run.folder / "best.pt")
        picture = run.folder / "learning_curve.png"
        x, scale = training.runner.curve_x, training.runner.curve_scale
        draw_learning_curve(points_of(run.folder / JOURNAL), picture, run.name, training.task, x, scale)
        if picture.exists():
            run.log_file(picture)
    except Exception as error:  # must not hide the error that ended the run
        log.warning("not all files of the run could be stored: %s", first_line(error))


def store_description(training: Training) -> None:
    """Store the table of layers, and sampled text of a language model; logs a warning if that fails."""
    model, dataset, run = training.model.eval(), training.dataset, training.run
    try:
        settings = training.settings
        layers = model.summary(settings.truncation or "T", settings.batch_size)
        run.log_text("layers.txt", layer_table(layers, num_parameters(model, layers)) + "\n")
        is_text = not dataset.labelled and not model.reads_both_sides
        if is_text and dataset.num_inputs == dataset.num_outputs == len(dataset.vocabulary):
            run.log_text("sample.txt", sample_texts(model, training.experiment.device, dataset))
    except Exception as error:  # a finished run must not fail for its description
        log.warning("the network could not be described: %s", first_line(error))


def layer_table(layers: Sequence[SummaryRow], total: int) -> str:
    """A row per layer (name, output shape, parameters), and the total of the parameters."""
    rows = [(name, in_brackets(shape), f"{size:,}") for name, shape, size in layers]
    return as_table([("layer", "output shape", "parameters"), *rows, ("total", "", f"{total:,}")])


def num_parameters(model: Model, layers: Sequence[SummaryRow]) -> int:
    """All parameters of a model, of which the rows of its layers may know fewer (or count what is no parameter)."""
    return max(sum(size for _, _, size in layers), sum(weight.numel() for weight in model.parameters()))


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, the last one of numbers."""
    sides = [*["left"] * (len(rows[0]) - 1), "right"]
    return tabulate(rows, tablefmt="plain", colalign=sides, disable_numparse=True)


def in_brackets(shape: Sequence[int | str]) -> str:
    """A shape as it is written: (8, 2, 3)."""
    return f"({', '.join(map(str, shape))})"
