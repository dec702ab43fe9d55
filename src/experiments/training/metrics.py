"""Sums over scored targets, divided once: loss, perplexity, bits per symbol, accuracy.

docs/metrics.md says which number is divided by which.
"""

import math
from typing import Any

from ..checkpoints.training_state import AttributesAsState
from ..interfaces.model import Score

LN2 = math.log(2.0)


class Metrics(AttributesAsState):
    """Sums over the targets of some windows. They stay on the model's device until `compute` is called."""

    def __init__(self) -> None:
        self.loss: Any = 0.0
        self.nats: Any = 0.0
        self.correct: Any = 0  # whole numbers: a float32 sum would stop counting at 2**24; None without classes
        self.count = 0
        self.columns = 0  # of the windows, where they are counted
        self._has_nats = True

    def update(self, score: Score, count: int, columns: int = 0) -> None:
        """Add one window's `Score` over `count` targets, or as many predictions as it says, in so many columns."""
        loss = in_double_precision(score.loss)
        self.loss = self.loss + loss
        self.correct = None if score.correct is None else self.correct + score.correct
        self.count += count if score.predictions is None else score.predictions
        self.columns += columns
        self._has_nats = self._has_nats and score.nats is not None
        if self._has_nats:
            self.nats = self.nats + (loss if score.nats is score.loss else in_double_precision(score.nats))

    @property
    def has_nats(self) -> bool:
        """Whether every target had a likelihood."""
        return self._has_nats

    def mean_loss(self) -> float:
        """The objective per target; NaN before any target."""
        return float(self.loss) / self.count if self.count else math.nan

    def summed_loss(self) -> float:
        """The objective summed over the steps of a window: a mean over the columns of all windows."""
        return float(self.loss) / self.columns if self.columns else math.nan

    def compute(self) -> dict[str, float]:
        """loss and, of classes, accuracy per target; with a likelihood also perplexity and bits per symbol."""
        if not self.count:
            return {"loss": math.nan, "accuracy": math.nan}
        metrics = {"loss": self.mean_loss()}
        metrics |= {} if self.correct is None else {"accuracy": float(self.correct) / self.count}
        if self._has_nats:
            nats = float(self.nats) / self.count
            metrics |= {"perplexity": perplexity(nats), "bits_per_symbol": nats / LN2}
        return metrics


def perplexity(nats: float) -> float:
    """exp(nats per target); infinity where that overflows."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def in_double_precision(value: Any) -> Any:
    """A number, or a 0-d tensor in float64, so that a long sum keeps its digits (Apple's GPUs have no float64)."""
    if not hasattr(value, "detach"):
        return float(value)
    value = value.detach()
    return value if value.device.type == "mps" else value.double()
