"""What stands on the screen when a run is over."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..tracking.folder import JOURNAL
from ..tracking.run import Tracker
from .evaluation import columns, how_read, is_exact
from .metrics import perplexity
from .progress import short

if TYPE_CHECKING:
    from ..experiment import Experiment
    from .loop import Training

log = logging.getLogger("experiments")


def summarize(experiment: "Experiment", tracker: Tracker, training: "Training") -> None:
    """Best and final figures, where the files are, and the command that opens the dashboard."""
    judge = "valid" if "valid" in training.dataset.splits else "train"
    used = columns(training.dataset, experiment.settings, exact=False)
    approximate = judge == "valid" and not is_exact(training.dataset, used)
    how = how_read(training.dataset, experiment.settings, used)
    best = {"loss": training.best.loss}
    if "perplexity" in training.last[judge]:
        best["perplexity"] = perplexity(training.best.loss)
    rows = [("best", f"{short(best)}  ({judge}, epoch {training.best.epoch} of {training.epoch})")]
    for split in ("train", "valid", "test"):
        if split in training.last:
            measured = training.train_metrics_are
            which = {"test": "with the best weights, exact", "valid": "last epoch"}.get(split, measured)
            note = which + (f", {how}" if approximate and split == "valid" else "")
            rows.append((split, f"{short(training.last[split])}  ({note})"))
    rows += [("run", tracker.run_id), ("folder", str(tracker.folder))]
    if tracker.undelivered:
        waiting = f"{tracker.undelivered} lines of {tracker.folder / JOURNAL} wait for the store"
        rows.append(("undelivered", f"{waiting}: {program()} runner=doctor sends them"))
    if tracker.has_page:
        rows.append(("dashboard", tracker.address or dashboard_command(experiment.overrides)))
    log.info("")
    for name, text in rows:
        log.info("%-11s %s", name, text)


def dashboard_command(overrides: Sequence[str]) -> str:
    """The command that opens the page of the store that these overrides choose."""
    return shlex.join([program(), "runner=dashboard", *typed_of_tracker(overrides)])


def resume_command(experiment: "Experiment", tracker: Tracker) -> str:
    """The command that goes on with a run."""
    return shlex.join([program(), f"resume={tracker.name}", *typed_of_tracker(experiment.overrides)])


def typed_of_tracker(overrides: Sequence[str]) -> list[str]:
    """What was typed to choose the store and the folder."""
    return [override for override in overrides if override.startswith("tracker")]


def program() -> str:
    """How `experiments` can be typed here: by its name, or by its path where it is not on PATH."""
    script = Path(sys.executable).with_name("experiments")
    return os.path.relpath(script) if shutil.which("experiments") is None and script.exists() else "experiments"
