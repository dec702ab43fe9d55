"""The numbers of runs: what they are compared by, their scores, means over seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ..interfaces.task import SYMBOLS
from ..tracking.record import RunRecord


class Criterion(NamedTuple):
    """What runs are compared by; the loss of the same split decides which epoch was best."""

    split: str  # valid; train where there is no validation split
    metric: str  # perplexity, accuracy or loss
    unit: str  # the metric as an axis names it

    @property
    def key(self) -> str:
        """The metric as it is recorded."""
        return f"{self.split}/{self.metric}"

    @property
    def higher_is_better(self) -> bool:
        return self.metric == "accuracy"

    def score(self, run: RunRecord) -> float | None:
        """The metric at the epoch of the lowest loss; of a run that was stopped, among the epochs it had."""
        return run.at_best(self.metric, self.split)

    def scores(self, runs: Sequence[RunRecord]) -> list[float]:
        """The score of every run that has one."""
        return [score for run in runs if (score := self.score(run)) is not None]


class Mean(NamedTuple):
    """A mean over runs and the half width of its 95 % confidence interval (Student's t); NaN if unknown."""

    value: float
    half_width: float

    @property
    def margin(self) -> float:
        """The half width as it is drawn: none where it is unknown."""
        return 0.0 if math.isnan(self.half_width) else self.half_width


def criterion_of(runs: Sequence[RunRecord]) -> Criterion:
    """Validation if any run has it, else training; what describes the task of all runs, else the loss."""
    split = "valid" if any(key.startswith("valid/") for run in runs for key in run.metrics) else "train"
    scored = [run for run in runs if f"{split}/loss" in run.metrics]
    found, units = {run.criterion(split) for run in scored}, {run.task for run in scored}
    metric = found.pop() if len(found) == 1 else "loss"
    task = units.pop() if len(units) == 1 else SYMBOLS
    return Criterion(split, metric, task.unit(metric))


def completed(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The completed runs, of several with the same seed only the newest: the others are the same run."""
    done = sorted((run for run in runs if run.outcome == "completed"), key=lambda run: run.started)
    return list({run.parameters.get("seed", run.name): run for run in done}.values())


def mean(values: Sequence[float | None]) -> Mean:
    """The mean and, from two values on, its half width; NaN if any value is missing, which would flatter the rest."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) < len(values):
        return Mean(math.nan, math.nan)
    n, middle = len(known), statistics.fmean(known)
    if n == 1:
        return Mean(middle, math.nan)
    from scipy.stats import t  # takes a second, so only when there is something to compare

    deviation = math.sqrt(math.fsum((value - middle) ** 2 for value in known) / (n - 1))
    return Mean(middle, float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n))
