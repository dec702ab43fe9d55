"""Progress on the screen: a bar on a terminal, and a line per epoch."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..interfaces.task import Task
from .summary_line import summary_line
from .timed_metrics import TimedMetrics

log = logging.getLogger("experiments")

LINE_INTERVAL = 2.0  # seconds at least between the lines of two epochs, so that short epochs do not fill the screen
BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"


class Progress(contextlib.ExitStack):
    """Context manager: a bar over the windows of all epochs (on a terminal), and a line per epoch."""

    def __init__(self, windows: int, epochs: int, task: Task, print_every: int | None, has_bar: bool):
        """`windows` is the number per epoch. `has_bar`: false in a sweep, which has its own display.

        Every `print_every`-th epoch has a line; None: at most one per LINE_INTERVAL. The first and the last one always
        do, and the last one is known when training has ended, by patience too.
        """
        super().__init__()
        self._epochs, self._task, self._print_every = epochs, task, print_every
        self._last_line, self._waiting = 0.0, ""
        shown = sys.stderr.isatty() and has_bar
        if shown:
            self.enter_context(logging_redirect_tqdm([log]))
        self._windows = windows * epochs
        bar = tqdm(total=self._windows, bar_format=BAR, disable=not shown, leave=False, mininterval=0.5)
        self._bar = self.enter_context(bar)
        self.callback(self._log_waiting)

    def set_share(self, share: float) -> None:
        """The bar ends after this share of all epochs."""
        self._bar.total = self._windows * share

    def windows(self, number: int, epoch: int, metrics: TimedMetrics) -> None:
        """Advance the bar by a number of windows; metrics are computed only when the bar is redrawn."""
        if self._bar.update(number):
            self._bar.set_description_str(f"epoch {epoch}/{self._epochs}", refresh=False)
            line = summary_line(metrics.compute(), self._task)
            self._bar.set_postfix_str(f"{line}, {metrics.rate():,.0f} targets/s")

    def epoch(
        self, epoch: int, train: Mapping[str, float] | None, valid: Mapping[str, float] | None, rate: float
    ) -> None:
        """Log a line for an epoch if it is one that has a line."""
        splits = {"train": train, "valid": valid}
        parts = [f"{split} {summary_line(metrics, self._task)}" for split, metrics in splits.items() if metrics]
        self._waiting = "  ".join([f"epoch {epoch}/{self._epochs}", *parts, f"{rate:,.0f} targets/s"])
        if epoch in (1, self._epochs) or self._is_due(epoch):
            self._log_waiting()

    def _is_due(self, epoch: int) -> bool:
        if self._print_every is not None:
            return epoch % self._print_every == 0
        return time.monotonic() - self._last_line >= LINE_INTERVAL

    def _log_waiting(self) -> None:
        """Log the line of the newest epoch unless it was logged."""
        if self._waiting:
            log.info(self._waiting)
            self._last_line, self._waiting = time.monotonic(), ""
