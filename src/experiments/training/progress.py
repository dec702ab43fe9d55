"""Progress on the screen: a bar on a terminal, and a line per epoch."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .metrics import TimedMetrics, summary_line

log = logging.getLogger("experiments")

LINE_INTERVAL = 2.0  # seconds at least between the lines of two epochs, so that short epochs do not fill the screen
BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"


class Progress(contextlib.ExitStack):
    """Context manager: a bar over the windows of all epochs (on a terminal), and a line per epoch."""

    def __init__(self, windows: int, epochs: int, in_sweep: bool):
        """`windows` is the number per epoch. In a sweep no bar is drawn: the sweep has its own display."""
        super().__init__()
        self._epochs, self._last_line = epochs, 0.0
        shown = sys.stderr.isatty() and not in_sweep
        if shown:
            self.enter_context(logging_redirect_tqdm([log]))
        bar = tqdm(total=windows * epochs, bar_format=BAR, disable=not shown, leave=False, mininterval=0.5)
        self._bar = self.enter_context(bar)

    def windows(self, number: int, epoch: int, metrics: TimedMetrics) -> None:
        """Advance the bar by a number of windows; metrics are computed only when the bar is redrawn."""
        if self._bar.update(number):
            self._bar.set_description_str(f"epoch {epoch}/{self._epochs}", refresh=False)
            self._bar.set_postfix_str(f"{summary_line(metrics.compute())}, {metrics.rate():,.0f} targets/s")

    def epoch(
        self, epoch: int, train: Mapping[str, float] | None, valid: Mapping[str, float] | None, rate: float
    ) -> None:
        """Log a line for an epoch, at most one per LINE_INTERVAL; the first and the last epoch always have one."""
        now = time.monotonic()
        if epoch in (1, self._epochs) or now - self._last_line >= LINE_INTERVAL:
            self._last_line = now
            splits = {"train": train, "valid": valid}
            parts = [f"{split} {summary_line(metrics)}" for split, metrics in splits.items() if metrics]
            log.info("  ".join([f"epoch {epoch}/{self._epochs}", *parts, f"{rate:,.0f} targets/s"]))
