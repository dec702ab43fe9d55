"""The screen of a sweep: a line for each job that ends, and on a terminal a bar for each that runs."""

import contextlib
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..tracking.record import RunRecord
from ..training.metrics import perplexity
from .plan import Job

log = logging.getLogger("experiments.sweep")

INTERVAL = 0.5  # seconds between readings of the journals
MAX_BARS = 8
MAX_LISTED = 40  # jobs of a plan


class Screen:
    """Context manager: a thread reads the journals, shows what is new and calls `tick` each time."""

    def __init__(self, tick: Callable[[], None]):
        self.records: dict[str, RunRecord] = {}
        self._jobs: dict[str, Job] = {}
        self._started: dict[str, float] = {}  # when jobs began, by name
        self._tick, self._total = tick, 0
        self._num_ended = 0  # jobs that ended since this start of the sweep
        self._guard, self._leaving = threading.Lock(), threading.Event()
        self._on_terminal = sys.stderr.isatty()
        self._open = contextlib.ExitStack()
        self._bars: list[tqdm[Any]] = []

    def __enter__(self) -> "Screen":
        self._start = time.monotonic()
        if self._on_terminal:
            self._open.enter_context(logging_redirect_tqdm([logging.getLogger("experiments")]))
        self._thread = threading.Thread(target=self._keep_looking, name="sweep", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._leaving.set()
        self._thread.join()
        self.look()
        for bar in self._bars:
            bar.close()
        self._open.close()

    def add(self, jobs: Sequence[Job], records: Sequence[RunRecord], total: int) -> None:
        """Show these jobs too; `total` is how many the sweep will have as far as known."""
        with self._guard:
            for job, record in zip(jobs, records):
                self._jobs[job.name], self.records[job.name] = job, record
            self._total = max(total, len(self._jobs))

    def look(self) -> None:
        """Read the journals of the jobs that are not over, and log which ended."""
        with self._guard:
            for name, record in self.records.items():
                if record.is_over:
                    continue
                outcome, failures = record.outcome, record.num_failures
                record.refresh()
                has_changed = record.outcome != outcome
                if has_changed and record.outcome == "running":
                    self._started[name] = time.monotonic()
                elif (has_changed and record.outcome) or record.num_failures > failures:
                    self._log_end(name)
            if self._on_terminal:
                self._draw()

    def _keep_looking(self) -> None:
        while not self._leaving.wait(INTERVAL):
            self.look()
            self._tick()

    def _log_end(self, name: str) -> None:
        job, record = self._jobs[name], self.records[name]
        seconds = time.monotonic() - self._started.get(name, self._start)
        over = self._num_over()
        self._num_ended += record.is_over
        outcome = f"failed: {record.tags.get('error', '')}" if record.outcome == "failed" else record.outcome
        count = f"[{over:>{len(str(self._total))}}/{self._total}]"
        parts = [count, job.label, best_value(record), duration(seconds), outcome, self._time_left(over)]
        log.info("  ".join(part for part in parts if part))

    def _num_over(self) -> int:
        return sum(record.is_over for record in self.records.values())

    def _time_left(self, over: int) -> str:
        """How long the rest takes at the pace so far."""
        left = self._total - over
        if not self._num_ended or not left:
            return ""
        return f"(about {duration((time.monotonic() - self._start) / self._num_ended * left)} left)"

    def _draw(self) -> None:
        """Set the bar of the sweep and one for each running job; bars of jobs that ended are left empty."""
        running = [name for name, record in self.records.items() if record.outcome == "running"][:MAX_BARS]
        while len(self._bars) < len(running) + 1:
            at = len(self._bars)
            form = "{desc} {percentage:3.0f}% |{bar}|" if at else "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}"
            self._bars.append(tqdm(total=1, position=at, leave=False, bar_format=form))
        over = self._num_over()
        _set(self._bars[0], over, self._total, f"sweep {self._time_left(over)}".strip())
        for bar in self._bars[1 + len(running) :]:
            _set(bar, 0, 1, "")
        for bar, name in zip(self._bars[1:], running):
            job, record = self._jobs[name], self.records[name]
            epoch = int(record.last("train/epoch") or 0)
            _set(bar, epoch, job.epochs, f"{job.label}  epoch {epoch}/{job.epochs}  {best_value(record)}".strip())


def _set(bar: "tqdm[Any]", n: int, total: int, text: str) -> None:
    bar.n, bar.total = n, max(total, 1)
    bar.set_description_str(text)


def best_value(record: RunRecord) -> str:
    """The best value of a job so far, as perplexity or as loss and accuracy."""
    split, accuracy = record.deciding_split, record.at_best("accuracy")
    if math.isnan(record.best_loss):
        return ""
    if f"{split}/perplexity" in record.metrics:
        return f"{split} perplexity {perplexity(record.best_loss):.2f}"
    shown = "" if accuracy is None else f" accuracy {accuracy:.2%}"
    return f"{split} loss {record.best_loss:.4g}{shown}"


def duration(seconds: float) -> str:
    """Seconds in a unit that suits them: `50 s`, `12 min`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def log_plan(jobs: Sequence[Job], records: Sequence[RunRecord]) -> None:
    """Print the jobs, each with its outcome and best value in earlier starts."""
    width = max(len(job.label) for job in jobs)
    for job, record in list(zip(jobs, records))[:MAX_LISTED]:
        state = "" if record.outcome is None else f"{record.outcome}  {best_value(record)}"
        log.info(f"  {job.label:<{width}}  {state}".rstrip())
    if len(jobs) > MAX_LISTED:
        log.info("  ... and %d more", len(jobs) - MAX_LISTED)
