"""All jobs of a sweep on one screen: a line for each that ends, and on a terminal a bar for each that runs."""

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..training.metrics import perplexity
from .plan import Job
from .watch import Watch

log = logging.getLogger("experiments.sweep")

LOOK = 0.5  # seconds between looks at the journals
ROWS = 8  # bars at most
SHOWN = 40  # jobs of a plan that are listed


class Screen:
    """Context manager: a thread reads the journals, shows what is new and calls `tick` each time."""

    def __init__(self, tick: Callable[[], None]):
        self.watches: dict[str, Watch] = {}
        self._tick, self._jobs = tick, {}
        self._total, self._began = 0, {}
        self._ended: list[float] = []  # times of the jobs that ended now, and not in an earlier start
        self._guard, self._leaving = threading.Lock(), threading.Event()
        self._on_terminal = sys.stderr.isatty()
        self._redirect = logging_redirect_tqdm([logging.getLogger("experiments")]) if self._on_terminal else None
        self._bars: list[tqdm] = []

    def __enter__(self) -> "Screen":
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="sweep", daemon=True)
        if self._redirect:
            self._redirect.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._leaving.set()
        self._thread.join()
        self.look()
        for bar in self._bars:
            bar.close()
        if self._redirect:
            self._redirect.__exit__(*error)

    def add(self, jobs: Sequence[Job], watches: Sequence[Watch], total: int) -> None:
        """Show these jobs too; `total` is how many the sweep will have as far as one knows."""
        with self._guard:
            for job, watch in zip(jobs, watches):
                self._jobs[job.name], self.watches[job.name] = job, watch
            self._total = max(total, len(self._jobs))

    def look(self) -> None:
        """Read what is new of the jobs that are not over, and say which ended."""
        with self._guard:
            for name, watch in self.watches.items():
                before, failures = watch.outcome, watch.failures
                if watch.is_over:
                    continue
                watch.refresh()
                if watch.outcome != before and watch.outcome == "running":
                    self._began[name] = time.monotonic()
                elif (watch.outcome != before and watch.outcome) or watch.failures > failures:
                    self._say_end(name)
            if self._on_terminal:
                self._draw()

    def _watch(self) -> None:
        while not self._leaving.wait(LOOK):
            self.look()
            self._tick()

    def _say_end(self, name: str) -> None:
        job, watch = self._jobs[name], self.watches[name]
        seconds = time.monotonic() - self._began.get(name, self._start)
        over = sum(watch.is_over for watch in self.watches.values())
        self._ended += [time.monotonic()] if watch.is_over else []
        parts = [f"[{over:>{len(str(self._total))}}/{self._total}]", job.label, shown(watch), f"{duration(seconds)}"]
        parts += [watch.outcome if watch.outcome != "failed" else f"failed: {watch.tags.get('error', '')}"]
        log.info("  ".join(part for part in [*parts, self._estimate(over)] if part))

    def _estimate(self, over: int) -> str:
        """How long the rest will take if it goes on as so far."""
        left = self._total - over
        if not self._ended or not left:
            return ""
        return f"(about {duration((time.monotonic() - self._start) / len(self._ended) * left)} left)"

    def _draw(self) -> None:
        running = [name for name, watch in self.watches.items() if watch.outcome == "running"][:ROWS]
        while len(self._bars) < len(running) + 1:
            at = len(self._bars)
            form = "{desc} {percentage:3.0f}% |{bar}|" if at else "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}"
            self._bars.append(tqdm(total=1, position=at, leave=False, bar_format=form))
        over = sum(watch.is_over for watch in self.watches.values())
        _set(self._bars[0], over, self._total, f"sweep {self._estimate(over)}".strip())
        for bar, name in zip(self._bars[1:], [*running, *[None] * len(self._bars)]):
            if name is None:
                _set(bar, 0, 1, "")
                continue
            job, watch = self._jobs[name], self.watches[name]
            epoch = int(watch.last.get("train/epoch", 0))
            _set(bar, epoch, job.epochs, f"{job.label}  epoch {epoch}/{job.epochs}  {shown(watch)}".strip())


def _set(bar: tqdm, n: int, total: int, text: str) -> None:
    bar.n, bar.total = n, max(total, 1)
    bar.set_description_str(text)


def shown(watch: Watch) -> str:
    """The best value so far, in the units that a person reads."""
    split = next((split for split in ("valid", "train") if f"{split}/loss" in watch.last), "test")
    if math.isnan(watch.best):
        return ""
    if f"{split}/perplexity" in watch.last:
        return f"{split} perplexity {perplexity(watch.best):.2f}"
    accuracy = f" accuracy {watch.accuracy[split]:.2%}" if split in watch.accuracy else ""
    return f"{split} loss {watch.best:.4g}{accuracy}"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def show_plan(jobs: Sequence[Job], watches: Sequence[Watch]) -> None:
    """The table of jobs, each with what there is of it already."""
    width = max(len(job.label) for job in jobs)
    for job, watch in list(zip(jobs, watches))[:SHOWN]:
        state = "" if watch.outcome is None else f"{watch.outcome}  {shown(watch)}"
        log.info(f"  {job.label:<{width}}  {state}".rstrip())
    if len(jobs) > SHOWN:
        log.info("  ... and %d more", len(jobs) - SHOWN)
