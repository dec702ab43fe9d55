"""The screen of a sweep: a line for each job that ends, and on a terminal a bar for each that runs."""

import contextlib
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..tracking.record import RunRecord
from ..training.summary_line import summary_line
from .job_status import JobStatus

log = logging.getLogger("experiments.sweep")

INTERVAL = 0.5  # seconds between readings of the journals
MAX_BARS = 8  # of running jobs
MAX_LISTED = 40  # jobs of a plan
SWEEP_BAR = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}"
JOB_BAR = "{desc} {percentage:3.0f}% |{bar}|"


class Screen:
    """Context manager: a thread reads the journals, shows what is new and calls `tick` each time."""

    def __init__(self, jobs: Mapping[str, JobStatus], least_total: int, tick: Callable[[], None]):
        """`jobs` may grow while the sweep runs; it will have at least `least_total` of them."""
        self._jobs, self._least_total, self._tick = jobs, least_total, tick
        self._started: dict[str, float] = {}  # when jobs began, by name
        self._num_ended = 0  # jobs that ended since this start of the sweep
        self._lock, self._leaving = threading.Lock(), threading.Event()
        self._redirect = contextlib.ExitStack()
        self._bars: dict[str, tqdm[Any]] = {}  # of running jobs, by name

    def __enter__(self) -> "Screen":
        self._start = time.monotonic()
        if sys.stderr.isatty():
            self._redirect.enter_context(logging_redirect_tqdm([logging.getLogger("experiments")]))
        self._sweep_bar: tqdm[Any] = tqdm(total=self._total(), bar_format=SWEEP_BAR, leave=False, disable=None)
        self._thread = threading.Thread(target=self._keep_reading, name="sweep", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._leaving.set()
        self._thread.join()
        self.read_journals()
        for bar in (*self._bars.values(), self._sweep_bar):
            bar.close()
        self._redirect.close()

    def read_journals(self) -> None:
        """Read the journals of the jobs that are not over, and log which ended."""
        with self._lock:
            for name, status in list(self._jobs.items()):
                record = status.record
                if record.is_over:
                    continue
                outcome, num_failures = record.outcome, record.num_failures
                record.refresh()
                has_changed = record.outcome != outcome
                if has_changed and record.outcome == "running":
                    self._started[name] = time.monotonic()
                elif (has_changed and record.outcome) or record.num_failures > num_failures:
                    self._log_end(name)
            if not self._sweep_bar.disable:
                self._draw()

    def _keep_reading(self) -> None:
        while not self._leaving.wait(INTERVAL):
            with contextlib.suppress(OSError):  # a journal that cannot be read now is read again
                self.read_journals()
            self._tick()

    def _log_end(self, name: str) -> None:
        record, total = self._jobs[name].record, self._total()
        seconds = time.monotonic() - self._started.get(name, self._start)
        self._num_ended += record.is_over
        outcome = f"failed: {record.tags.get('error', '')}" if record.outcome == "failed" else record.outcome
        count = f"[{self._num_over():>{len(str(total))}}/{total}]"
        parts = [count, self._jobs[name].job.label, best_value(record), duration(seconds), outcome, self._time_left()]
        log.info("  ".join(part for part in parts if part))

    def _total(self) -> int:
        return max(self._least_total, len(self._jobs))

    def _num_over(self) -> int:
        return sum(status.record.is_over for status in list(self._jobs.values()))

    def _time_left(self) -> str:
        """How long the remaining jobs take at the pace so far, if that is known."""
        num_left = self._total() - self._num_over()
        if not self._num_ended or not num_left:
            return ""
        return f"(about {duration((time.monotonic() - self._start) / self._num_ended * num_left)} left)"

    def _draw(self) -> None:
        """Update the bar of the sweep and one for each running job."""
        running = [status for status in list(self._jobs.values()) if status.record.outcome == "running"][:MAX_BARS]
        for name in self._bars.keys() - {status.job.name for status in running}:
            self._bars.pop(name).close()
        for job, record in ((status.job, status.record) for status in running):
            if job.name not in self._bars:
                self._bars[job.name] = tqdm(total=job.epochs, bar_format=JOB_BAR, leave=False)
            bar, epoch = self._bars[job.name], int(record.last("train/epoch") or 0)
            bar.n = epoch
            bar.set_description_str(f"{job.label}  epoch {epoch}/{job.epochs}  {best_value(record)}".strip())
        self._sweep_bar.n, self._sweep_bar.total = self._num_over(), self._total()
        self._sweep_bar.set_description_str(f"sweep {self._time_left()}".strip())


def best_value(record: RunRecord) -> str:
    """The best value of a job so far: perplexity, or the loss and what else describes its task."""
    if math.isnan(record.best_loss):
        return ""
    split, metric = record.deciding_split, record.criterion(record.deciding_split)
    shown = (metric,) if metric == "perplexity" else ("loss", "accuracy")
    values = {key: value for key in shown if (value := record.at_best(key)) is not None}
    return f"{split} {summary_line(values, record.task)}"


def duration(seconds: float) -> str:
    """Seconds in a unit that suits them: `50 s`, `12 min`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def log_plan(jobs: Sequence[JobStatus]) -> None:
    """Log the jobs, each with its outcome and best value in earlier starts."""
    width = max(len(status.job.label) for status in jobs)
    for status in jobs[:MAX_LISTED]:
        state = "" if status.record.outcome is None else f"{status.record.outcome}  {best_value(status.record)}"
        log.info(f"  {status.job.label:<{width}}  {state}".rstrip())
    if len(jobs) > MAX_LISTED:
        log.info("  ... and %d more", len(jobs) - MAX_LISTED)
