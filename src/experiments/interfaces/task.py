"""Which numbers describe a task: decided here for lines on the screen, pictures, sweeps and reports."""

from collections.abc import Container, Mapping
from typing import NamedTuple

from .data import Dataset

TAG = "dataset.task"  # of a run: the name of its task
UNITS = {"perplexity": "perplexity", "accuracy": "accuracy (share of targets)", "loss": "loss (per target)"}
LOSSES = ("loss", "loss_sum")


class Task(NamedTuple):
    """What a dataset asks a model for. Other metrics are recorded, too, but not shown as its result."""

    name: str  # symbols, labels or numbers
    shown: tuple[str, ...]  # metrics on the screen, as far as there are
    panels: tuple[tuple[str, ...], ...]  # of a learning curve: of each the first metric that there is

    def of(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics that are shown."""
        return {key: metrics[key] for key in self.shown if key in metrics}

    def curves(self, known: Container[str]) -> list[str]:
        """The metric of each panel of the learning curve of a run with these metrics."""
        found = (next((metric for metric in panel if metric in known), None) for panel in self.panels)
        return [metric for metric in found if metric is not None]

    def unit(self, metric: str) -> str:
        """A metric as the axis of a picture names it."""
        return "squared error (per target)" if self is NUMBERS else UNITS[metric]

    def criterion(self, known: Container[str]) -> str:
        """The metric by which runs with these metrics are compared."""
        return next(iter(self.curves(known)), "loss")


SYMBOLS = Task("symbols", (*LOSSES, "perplexity", "accuracy"), (("perplexity", "loss"),))
# A perplexity of two classes says nothing that their loss does not say.
LABELS = Task("labels", (*LOSSES, "accuracy", "macro_f1", "majority_accuracy"), (("accuracy",), ("loss",)))
NUMBERS = Task("numbers", LOSSES, (("loss",),))
TASKS = {task.name: task for task in (SYMBOLS, LABELS, NUMBERS)}


def task_of(dataset: Dataset) -> Task:
    """The task that a dataset sets."""
    if dataset.real_targets:
        return NUMBERS
    return LABELS if dataset.labelled or dataset.labels else SYMBOLS
