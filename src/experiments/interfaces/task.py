"""Which numbers describe a task: decided here for lines on the screen, pictures, sweeps and reports."""

from collections.abc import Container, Mapping
from typing import NamedTuple

from .data import Dataset

TAG = "dataset.task"  # of a run: the name of its task
UNITS = {"perplexity": "perplexity", "accuracy": "accuracy (share of targets)", "loss": "loss (per target)"}
OF_TEXT = ("perplexity", "bits_per_symbol")


class Task(NamedTuple):
    """What a dataset asks a model for, and the metrics that say how well it does."""

    name: str  # symbols, labels or numbers
    hidden: tuple[str, ...]  # metrics that are recorded and not shown
    panels: tuple[tuple[str, ...], ...]  # of a learning curve: of each the first metric that there is

    def of(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics that are shown."""
        return {key: value for key, value in metrics.items() if key not in self.hidden}

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


SYMBOLS = Task("symbols", (), (("perplexity", "loss"),))
LABELS = Task("labels", OF_TEXT, (("accuracy",), ("loss",)))  # a perplexity of two classes says no more than their loss
NUMBERS = Task("numbers", (*OF_TEXT, "accuracy"), (("loss",),))
TASKS = {task.name: task for task in (SYMBOLS, LABELS, NUMBERS)}


def task_of(dataset: Dataset) -> Task:
    """The task that a dataset sets."""
    if dataset.real_targets:
        return NUMBERS
    return LABELS if dataset.labelled or dataset.labels else SYMBOLS
