"""The summary on the screen when a training run is over, and the commands that it recommends."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..tracking.folder import JOURNAL
from ..tracking.run import Run
from .evaluation import columns, how_read, is_exact
from .loop import Training
from .metrics import perplexity
from .progress import short

if TYPE_CHECKING:
    from ..experiment import Experiment

log = logging.getLogger("experiments")


def summarize(experiment: "Experiment", run: Run, training: Training) -> None:
    """Log the best and last metrics, where the files are, and how to open the dashboard."""
    log.info("")
    for name, text in [*metrics_rows(training), *run_rows(experiment.overrides, run)]:
        log.info("%-11s %s", name, text)


def metrics_rows(training: Training) -> Iterator[tuple[str, str]]:
    """The best epoch, and the newest metrics of each split with how they were measured."""
    deciding = "valid" if "valid" in training.dataset.splits else "train"
    best = {"loss": training.best.loss}
    if "perplexity" in training.last[deciding]:
        best["perplexity"] = perplexity(training.best.loss)
    yield "best", f"{short(best)}  ({deciding}, epoch {training.best.epoch} of {training.epoch})"
    batch_size = columns(training.dataset, training.settings, exact=False)
    is_approximate = not is_exact(training.dataset, batch_size)
    how = f", {how_read(training.dataset, training.settings, batch_size)}" if is_approximate else ""
    notes = {
        "train": training.train_metrics_are,
        "valid": f"last epoch{how}",
        "test": "with the best weights, exact",
    }
    for split, note in notes.items():
        if split in training.last:
            yield split, f"{short(training.last[split])}  ({note})"


def run_rows(overrides: Sequence[str], run: Run) -> Iterator[tuple[str, str]]:
    """The run's id and folder, what its store has not received, and its page."""
    yield "run", run.run_id
    yield "folder", str(run.folder)
    if run.undelivered:
        waiting = f"{run.undelivered} lines of {run.folder / JOURNAL} wait for the store"
        yield "undelivered", f"{waiting}: {program()} runner=doctor sends them"
    if run.store.has_page:
        yield "dashboard", run.page or dashboard_command(overrides)


def dashboard_command(overrides: Sequence[str]) -> str:
    """The command that opens the page of the store that these overrides choose."""
    return shlex.join([program(), "runner=dashboard", *tracker_overrides(overrides)])


def resume_command(experiment: "Experiment", run: Run) -> str:
    """The command that resumes a run."""
    return shlex.join([program(), f"resume={run.name}", *tracker_overrides(experiment.overrides)])


def tracker_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides that choose the store and the folder."""
    return [override for override in overrides if override.startswith("tracker")]


def program() -> str:
    """The command `experiments`, as a path where it is not on PATH."""
    script = Path(sys.executable).with_name("experiments")
    return os.path.relpath(script) if shutil.which("experiments") is None and script.exists() else "experiments"
