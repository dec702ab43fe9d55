"""Sums over scored targets, divided once: loss, perplexity, bits per symbol, accuracy."""

import contextlib
import math
import time
from collections.abc import Iterator

LN2 = math.log(2.0)


class Tally:
    """What some windows cost together. The sums stay where the model computes until somebody reads them."""

    def __init__(self) -> None:
        self.loss = self.nats = 0.0
        self.correct = self.count = 0  # whole numbers: a float32 sum would stop counting at 2**24
        self._has_nats = True

    def add(self, score, count: int) -> None:
        """Add one window's `Score` over `count` targets."""
        loss = _wide(score.loss)
        self.loss = self.loss + loss
        self.correct = self.correct + score.correct
        self.count += count
        self._has_nats = self._has_nats and score.nats is not None
        if self._has_nats:
            self.nats = self.nats + (loss if score.nats is score.loss else _wide(score.nats))

    def state(self) -> dict:
        """All sums, so that counting can go on from them."""
        return dict(vars(self))

    def restore(self, state: dict) -> None:
        vars(self).update(state)

    def mean_loss(self) -> float:
        """The objective per target; NaN before any target."""
        return float(self.loss) / self.count if self.count else math.nan

    def read(self) -> dict[str, float]:
        """loss and accuracy per target; with a likelihood also perplexity and bits per symbol."""
        metrics = {
            "loss": self.mean_loss(),
            "accuracy": float(self.correct) / self.count if self.count else math.nan,
        }
        if self._has_nats and self.count:
            nats = float(self.nats) / self.count
            metrics |= {"perplexity": perplexity(nats), "bits_per_symbol": nats / LN2}
        return metrics


class Meter(Tally):
    """A tally and the time it takes."""

    def __init__(self) -> None:
        super().__init__()
        self._before, self._began = 0.0, time.monotonic()

    def start(self) -> None:
        """Let the clock go on from now; what lies between a restoration and this does not count."""
        self._began = time.monotonic()

    def state(self) -> dict:
        """All sums and the seconds so far."""
        return super().state() | {"_before": self.seconds()}

    def seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def rate(self) -> float:
        """Targets per second since it began."""
        return self.count / max(self.seconds(), 1e-9)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count."""
        before = time.monotonic()
        yield
        self._began += time.monotonic() - before


def perplexity(nats: float) -> float:
    """exp(nats per target); infinity where that overflows."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def _wide(value):
    """A number or a 0-d tensor in double precision, so that a long sum loses no digits (Apple's GPUs have none)."""
    if not hasattr(value, "detach"):
        return float(value)
    value = value.detach()
    return value if value.device.type == "mps" else value.double()
