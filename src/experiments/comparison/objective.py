"""What a sweep is about: the metric by which a search chooses and a table marks its best row."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from ..tracking.record import RunRecord

METRICS = ("loss", "perplexity", "bits_per_symbol", "accuracy")  # of an epoch
SPLITS = ("train", "valid")


class Objective(NamedTuple):
    """A metric at the epoch of the lowest loss, whose weights are kept."""

    metric: str
    split: str | None  # None: validation, or training where there is no validation split
    higher_is_better: bool

    @classmethod
    def of(cls, name: str | None, direction: str | None) -> "Objective":
        """From a name like `valid/accuracy` or `accuracy` (None: loss); without a direction, what suits the metric.

        ValueError if there is no such metric.
        """
        split, _, metric = (name or "loss").rpartition("/")
        if metric not in METRICS or split not in ("", *SPLITS):
            others = ": what is chosen by the test split is not tested by it any more" if split == "test" else ""
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, alone or as valid/NAME, got {name}{others}")
        maximizes = metric == "accuracy" if direction is None else direction == "maximize"
        return cls(metric, split or None, maximizes)

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> "Objective":
        """That of a sweep's parent run."""
        name, direction = (tags.get(f"sweep.{key}", "None") for key in ("metric", "direction"))
        return cls.of(None if name == "None" else name, None if direction == "None" else direction)

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        return "maximize" if self.higher_is_better else "minimize"

    def value(self, run: RunRecord) -> float | None:
        """What a run reached so far; None if it has no such metric."""
        return run.at_best(self.metric, self.split)

    def best(self, runs: Iterable[RunRecord]) -> RunRecord | None:
        """The run with the best value; None if none has one."""
        sign = -1 if self.higher_is_better else 1
        values = [(sign * value, run) for run in runs if (value := self.value(run)) is not None]
        scored = [pair for pair in values if not math.isnan(pair[0])]
        return min(scored, key=lambda pair: pair[0])[1] if scored else None


LOWEST_LOSS = Objective("loss", None, False)
