"""Progress on the screen: a bar on a terminal, and a line per epoch."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .metrics import TimedMetrics

log = logging.getLogger("experiments")

LINE_INTERVAL = 2.0  # least number of seconds between two epochs' lines, so that short epochs do not fill the screen
BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"


class Progress:
    """Context manager: a bar over the windows of all epochs (on a terminal), and a line per epoch."""

    def __init__(self, windows: int, epochs: int, in_sweep: bool):
        """`windows` is the number per epoch. In a sweep no bar is drawn: the sweep has its own display."""
        self._epochs = epochs
        on_terminal = sys.stderr.isatty() and not in_sweep
        self._bar = tqdm(total=windows * epochs, bar_format=BAR, disable=not on_terminal, leave=False)
        self._redirect = logging_redirect_tqdm([log]) if on_terminal else None
        self._shown = self._line = 0.0

    def __enter__(self) -> "Progress":
        if self._redirect:
            self._redirect.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.close()
        if self._redirect:
            self._redirect.__exit__(*error)

    def windows(self, number: int, epoch: int, metrics: TimedMetrics) -> None:
        """Advance the bar by a number of windows; metrics are computed only when the bar is redrawn."""
        if self._bar.disable:
            return
        self._bar.update(number)
        now = time.monotonic()
        if now - self._shown >= 0.5:
            self._shown = now
            self._bar.set_description_str(f"epoch {epoch}/{self._epochs}")
            self._bar.set_postfix_str(f"{short(metrics.compute())}, {metrics.rate():,.0f} targets/s")

    def epoch(
        self, epoch: int, train: Mapping[str, float] | None, valid: Mapping[str, float] | None, rate: float
    ) -> None:
        """Log a line for an epoch, at most one per LINE_INTERVAL; the first and the last epoch always have one."""
        now = time.monotonic()
        if epoch in (1, self._epochs) or now - self._line >= LINE_INTERVAL:
            self._line = now
            parts = [f"epoch {epoch}/{self._epochs}"]
            parts += [f"{split} {short(metrics)}" for split, metrics in (("train", train), ("valid", valid)) if metrics]
            log.info("  ".join([*parts, f"{rate:,.0f} targets/s"]))


def short(metrics: Mapping[str, float]) -> str:
    """The loss, and perplexity and accuracy where they exist, as one line."""
    parts = [f"loss {metrics['loss']:.4g}"]
    parts += [f"perplexity {metrics['perplexity']:.2f}"] if "perplexity" in metrics else []
    parts += [f"accuracy {metrics['accuracy']:.2%}"] if "accuracy" in metrics else []
    return " ".join(parts)
