"""The numbers of runs: what they are judged by, its best and last value, means over seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..tracking.record import Recorded


class Judge(NamedTuple):
    """What runs are compared by: `score` is the metric for people, the loss decides which epoch was best."""

    split: str  # valid; train where there is no validation split
    metric: str  # perplexity, accuracy or loss

    @property
    def score(self) -> str:
        return f"{self.split}/{self.metric}"

    @property
    def loss(self) -> str:
        return f"{self.split}/loss"


class Mean(NamedTuple):
    """A mean over runs and the half width of its 95 % confidence interval (Student's t); None where there is none."""

    value: float | None
    half_width: float | None


def judge(runs: Sequence[Recorded]) -> Judge:
    """Validation if any run has it, else training; accuracy for labels, perplexity for language models, or the loss."""
    keys = {key for run in runs for key in run.metrics}
    split = "valid" if any(key.startswith("valid/") for key in keys) else "train"
    metrics = ["perplexity", "accuracy"]
    if "test/f1" in keys:  # only labels have it; perplexity and accuracy are recorded of everything
        metrics.reverse()
    return Judge(split, next((metric for metric in metrics if f"{split}/{metric}" in keys), "loss"))


def best(run: Recorded, key: str, judged_by: Judge) -> float | None:
    """A metric's value at the epoch of the lowest loss; of a run that was stopped, of those it had."""
    if not run.metrics.get(judged_by.loss):
        return None
    step = min(run.metrics[judged_by.loss], key=lambda point: point[1])[0]
    return dict(run.metrics.get(key, ())).get(step)


def last(run: Recorded, key: str) -> float | None:
    return run.metrics[key][-1][1] if run.metrics.get(key) else None


def average(run: Recorded, key: str) -> float | None:
    """The mean of a metric over the epochs."""
    points = run.metrics.get(key, ())
    return sum(value for _, value in points) / len(points) if points else None


def number(text: str | None) -> float | None:
    """A tag that holds a number; None if there is none."""
    return None if text is None else float(text)


def completed(runs: Sequence[Recorded]) -> list[Recorded]:
    """The runs that came to their end, of several with the same seed the newest: the others are the same run."""
    done = sorted((run for run in runs if run.outcome == "completed"), key=lambda run: run.started)
    return list({run.parameters.get("seed", run.name): run for run in done}.values())


def mean(values: Sequence[float | None]) -> Mean:
    """The mean, if all values are there: without the one that is not finite it would be too good. From two on, ±."""
    if not values or any(value is None or not math.isfinite(value) for value in values):
        return Mean(None, None)
    n, middle = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Mean(middle, None)
    from scipy.stats import t  # a second, so only when there is something to compare

    deviation = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (n - 1))
    return Mean(middle, float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n))
