"""Metrics with a clock: how many targets a second."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from .metrics import Metrics


class TimedMetrics(Metrics):
    """Metrics and the time that the work on them took."""

    def __init__(self) -> None:
        super().__init__()
        self._before, self._began = 0.0, time.monotonic()

    def start(self) -> None:
        """Start the clock now: the time since the metrics were made or loaded does not count."""
        self._began = time.monotonic()

    def rate(self) -> float:
        """Targets per second so far."""
        return self.count / max(self._seconds(), 1e-9)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count."""
        before = time.monotonic()
        yield
        self._began += time.monotonic() - before

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_before": self._seconds()}

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._began
