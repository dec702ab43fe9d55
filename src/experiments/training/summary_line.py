"""Metrics as one line on the screen."""

from collections.abc import Mapping

from ..interfaces.task import Task

FORMATS = {
    "loss": ".4g",
    "loss_sum": ".4g",
    "perplexity": ".2f",
    "accuracy": ".2%",
    "macro_f1": ".4f",
    "majority_accuracy": ".2%",
}


def summary_line(metrics: Mapping[str, float], task: Task) -> str:
    """The metrics that describe a task, as one line."""
    return in_one_line(task.of(metrics), FORMATS)


def in_one_line(metrics: Mapping[str, float], formats: Mapping[str, str]) -> str:
    """What there is of the formats, each with its name; a diverging perplexity without its hundred digits."""
    there = {key: spec if metrics[key] < 1e15 else ".4g" for key, spec in formats.items() if key in metrics}
    return " ".join(f"{key} {metrics[key]:{spec}}" for key, spec in there.items())
