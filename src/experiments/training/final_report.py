"""The summary on the screen when a training run is over, and the commands that it recommends."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config.composition import stated_options
from ..config.paths import HOME
from ..tracking.folder import JOURNAL
from ..tracking.record import RunRecord
from ..tracking.run import Run
from .loop import Training
from .summary_line import FORMATS, in_one_line, summary_line
from .text_metrics import TEXT_FORMATS
from .text_statistics import description
from .threads import num_threads

log = logging.getLogger("experiments")

WHERE = ("tracker=", "tracker.uri=", "tracker.experiment=", "tracker.folder=")  # what says where runs are, not how


def summarize(training: Training) -> None:
    """Log the best and last metrics, where the files are, and how to open the dashboard."""
    log.info("")
    for name, text in [*metrics_rows(training), *run_rows(training.run, training.experiment.overrides)]:
        log.info("%-11s %s", name, text)


def metrics_rows(training: Training) -> Iterator[tuple[str, str]]:
    """The best epoch, and the newest metrics of each split with how they were measured."""
    task, evaluation = training.task, training.evaluation
    deciding = "valid" if "valid" in training.dataset.splits else "train"
    best = best_metrics(training, deciding)
    yield "best", f"{summary_line(best, task)}  ({deciding}, epoch {training.best.epoch} of {training.epoch})"
    if training.end_note:
        yield "ended", training.end_note
    notes = {
        "train": training.train_metrics_are,
        "valid": "last epoch" if evaluation.is_exact else f"last epoch, {evaluation.description}",
        "test": "with the best weights, exact",
    }
    for split, note in notes.items():
        if split in training.last:
            yield split, f"{summary_line(training.last[split], task)}  ({note})"
    if further := in_one_line(training.last.get("test", {}), TEXT_FORMATS):
        yield "", further
    if data := description(training.dataset):
        yield "data", data


def best_metrics(training: Training, deciding: str) -> dict[str, float]:
    """The metrics of the deciding split in its best epoch, as the run's journal has them."""
    recorded = RunRecord.of(training.run.folder)
    values = {key: recorded.at_best(key, deciding) for key in FORMATS}
    return {key: value for key, value in values.items() if value is not None}


def model_line(training: Training) -> str:
    """The model with its number of parameters, and where and how precisely it is computed."""
    number = sum(weight.numel() for weight in training.model.parameters())
    solved = [f"{option}={value}" for option, value in training.model.solved_options.items()]
    size = ", ".join([*solved, f"{number:,} parameters" if number else "not trained by gradients"])
    device, precision = training.experiment.device
    threads = num_threads()
    computes = f"{device}, {precision}, {threads} {'thread' if threads == 1 else 'threads'}"
    return f"{training.experiment.choices['model']}, {size}; {computes}"


def run_rows(run: Run, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The run's id and folder, what its store has not received, and its page."""
    yield "run", run.run_id
    yield "folder", str(run.folder)
    if run.num_undelivered:
        waiting = f"{run.num_undelivered} lines of {run.folder / JOURNAL} wait for the store"
        yield "undelivered", f"{waiting}: {program()} runner=doctor sends them"
    if run.store.has_page:
        server, view = run.page
        yield "dashboard", dashboard_command(overrides) if server is None else f"{server}{view}"
        if server is None and view is not None:
            yield "", f"then {dashboard_address()}{view}"


def dashboard_command(overrides: Sequence[str]) -> str:
    """The command that opens the page of the store that these overrides choose."""
    where = [override for override in tracker_overrides(overrides) if override.startswith(WHERE)]
    return shlex.join([program(), "runner=dashboard", *where])


def dashboard_address() -> str:
    """Where runner=dashboard serves the page unless another address is typed."""
    stated = stated_options([HOME / "conf"], "runner", "dashboard")
    return f"http://{stated['host']}:{stated['port']}"


def resume_command(name: str, overrides: Sequence[str]) -> str:
    """The command that resumes the run of this name in the store that these overrides choose."""
    return shlex.join([program(), f"resume={name}", *tracker_overrides(overrides)])


def tracker_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides that choose the store and the folder."""
    return [override for override in overrides if override.startswith("tracker")]


def program() -> str:
    """The command `experiments`, as a path where it is not on PATH."""
    script = Path(sys.executable).with_name("experiments")
    return os.path.relpath(script) if shutil.which("experiments") is None and script.exists() else "experiments"
