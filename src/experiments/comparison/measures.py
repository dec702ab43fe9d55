"""The numbers of runs: what they are compared by, their scores, means over seeds."""

import functools
import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ..config.errors import ConfigError, unknown
from ..config.figure import HIGHER_IS_BETTER_SHARES, is_share
from ..interfaces.task import SYMBOLS, UNITS, Task
from ..tracking.record import RunRecord

HIGHER_IS_BETTER = (*HIGHER_IS_BETTER_SHARES, "targets_per_second")  # the ends of such metrics' names


class Criterion(NamedTuple):
    """What runs are compared by; the loss of the same split decides which epoch was best."""

    split: str  # valid; train where there is no validation split; what was typed
    metric: str  # perplexity, accuracy, loss or what was typed
    unit: str  # the metric as an axis names it

    @property
    def key(self) -> str:
        """The metric as it is recorded."""
        return f"{self.split}/{self.metric}"

    @property
    def higher_is_better(self) -> bool:
        return self.metric.endswith(HIGHER_IS_BETTER)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that the metric can be."""
        if is_share(self.metric):
            return 0.0, 1.0
        return (1.0 if self.metric.startswith("perplexity") else 0.0), math.inf

    @property
    def column(self) -> str:
        """The metric in a table: of a split that is scored in every epoch, at the best one."""
        return self.key if self.split == "test" else f"{self.key} best"

    def score(self, run: RunRecord) -> float | None:
        """The metric at the epoch of the lowest loss; of a run that was stopped, among the epochs it had."""
        found = run.at_best(self.metric, self.split)
        return run.last(self.key) if found is None else found

    def scores(self, runs: Sequence[RunRecord]) -> list[float]:
        """The score of every run that has one."""
        return [score for run in runs if (score := self.score(run)) is not None]


class Mean(NamedTuple):
    """A mean over runs and the half width of its 95 % confidence interval (Student's t); NaN if unknown."""

    value: float
    half_width: float
    number: int = 1  # of runs


def criterion_of(runs: Sequence[RunRecord], metric: str | None = None) -> Criterion:
    """The metric that was typed, else what describes the task of all runs, else the loss.

    Validation if any run has it, else training. ConfigError for a metric that no run has.
    """
    task = task_of(runs)
    if metric is not None:
        keys = sorted({key for run in runs for key in run.metrics})
        if metric not in keys:
            raise ConfigError(f"runner.metric: {unknown('metric', metric, keys)}")
        split, _, name = metric.partition("/")
        return Criterion(split, name, unit_of(task, name))
    split = "valid" if any(key.startswith("valid/") for run in runs for key in run.metrics) else "train"
    found = {run.criterion(split) for run in runs if f"{split}/loss" in run.metrics}
    name = found.pop() if len(found) == 1 else "loss"
    return Criterion(split, name, unit_of(task, name))


def task_of(runs: Sequence[RunRecord]) -> Task:
    """The task of these runs, as far as they have metrics."""
    tasks = {run.task for run in runs if run.metrics}
    return tasks.pop() if len(tasks) == 1 else SYMBOLS


def unit_of(task: Task, metric: str) -> str:
    """A metric as the axis of a picture names it."""
    return task.unit(metric) if metric in UNITS else metric.replace("_", " ")


def completed(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The completed runs, of several with the same seed only the newest: the others are the same run."""
    done = sorted((run for run in runs if run.outcome == "completed"), key=lambda run: run.started)
    return list({run.parameters.get("seed", run.name): run for run in done}.values())


def mean(values: Sequence[float | None]) -> Mean:
    """The mean and, from two values on, its half width; NaN if any value is missing, which would flatter the rest."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) < len(values):
        return Mean(math.nan, math.nan)
    n, middle = len(known), statistics.mean(known)  # neither a sum nor a square overflows, here and below
    if n == 1:
        return Mean(middle, math.nan)
    deviation = math.hypot(*(value - middle for value in known)) / math.sqrt(n - 1)
    return Mean(middle, quantile_of_t(n - 1) * deviation / math.sqrt(n), n)


@functools.cache
def quantile_of_t(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t  # takes a second, so only when there is something to compare

    return float(t.ppf(0.975, freedom))
