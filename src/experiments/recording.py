"""The run that an experiment is recorded as: a new one, or one that it resumes."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .checkpoints.resume import nearest_to, newest_of
from .experiment import Experiment
from .tracking.folder import JOURNAL, Busy
from .tracking.interruption import ProcessLost, Stop, interruptible
from .tracking.naming import name_of_run
from .tracking.record import RunRecord
from .tracking.records import unfinished_in
from .tracking.run import Run
from .tracking.unrecorded import UnrecordedRun
from .training.threads import num_threads

log = logging.getLogger("experiments")


def run_to_resume(experiment: Experiment, fingerprint: str) -> Path | None:
    """The folder of the run that this command resumes. ConfigError if that run read other data."""
    folder = experiment.store.folder
    if experiment.job is not None:  # its name is a hash of what it computes
        own = folder / experiment.job.run
        return own if (own / JOURNAL).exists() else None
    if experiment.settings.resume == "auto":
        unfinished = unfinished_in(folder)
        newest = newest_of(experiment.description.identity(fingerprint), unfinished)
        if newest is None and (note := nearest_to(experiment.config, unfinished)):
            log.info("%s", note)
        return newest
    if experiment.resumes is not None:
        experiment.description.refuse_other_data_or_code(RunRecord.of(experiment.resumes), fingerprint)
    return experiment.resumes


@contextlib.contextmanager
def open_run(
    experiment: Experiment,
    fingerprint: str,
    resumed: Path | None = None,
    facts: Mapping[str, str] | None = None,
    **tags: str,
) -> Iterator[tuple[Run, Stop]]:
    """Record a run of an experiment in a folder of its own, or resume the one in the folder `resumed`.

    `facts` about its data become parameters and tags.
    Until the run has ended, a signal only sets the Stop, so that no run stays RUNNING. Of several processes the first
    one records; for the others the run is an UnrecordedRun.
    """
    if not experiment.processes.is_first:
        with _follow(experiment) as followed:
            yield followed
        return
    facts, job, device = dict(facts or {}), experiment.job, experiment.device.torch_device
    tags |= facts | {"threads": str(num_threads()), "device": str(device)}
    if experiment.processes.size > 1 or resumed is not None:
        tags["processes"] = str(experiment.processes.size)
    tags |= {} if job is None else job.tags(experiment.settings.seed)
    tags |= experiment.description.tags(fingerprint)
    is_new = resumed is None and job is None
    run = Run(experiment.store, _name(experiment) if resumed is None else resumed.name, tags, is_new)
    signals = interruptible((lambda: None) if job is None else job.stop_signal, experiment.processes.agreed)
    closing = experiment.store.close_dead_runs if job is None else lambda _: None  # a sweep closes its own runs
    with signals as stop, run, in_background(closing, run.name):
        experiment.recorded.append(run.folder)
        if device.type == "cuda" and not experiment.settings.deterministic:
            log.info("sums on a GPU may differ in their last bits from run to run; deterministic=true repeats them")
        run.log_parameters(experiment.description.parameters() | experiment.solved | facts)
        if resumed is None:
            run.log_dataset(_data_name(experiment), fingerprint, facts)
        for file, text in experiment.description.texts():
            run.log_text(file, text)
        experiment.processes.from_first(lambda: run.name)
        yield run, stop
    stop.check()  # for a signal that arrived while the run was being closed


@contextlib.contextmanager
def _follow(experiment: Experiment) -> Iterator[tuple[Run, Stop]]:
    """The run that the first process records; if that process dies, the run is closed for it."""
    processes = experiment.processes
    with interruptible(agreed=processes.agreed) as stop:
        run = UnrecordedRun(experiment.store, processes.from_first(str))
        experiment.recorded.append(run.folder)
        try:
            yield run, stop
        except ProcessLost as lost:
            processes.wait_for_first()
            if done := _closed_if_dead(run):
                why = f"process 0 ended without closing the run {run.name}"
                raise ConnectionError(f"{why}: {done}; resume={run.name} resumes it") from lost
            raise
    stop.check()


def _closed_if_dead(run: Run) -> str | None:
    """Close a run if its process died just now, for which the system may not have freed its lock yet; what was done."""
    for _ in range(10):
        try:
            return run.store.close_dead_run(run.name)
        except Busy:
            time.sleep(0.1)
        except (ValueError, OSError):  # it cannot be reached from here
            break
    return None


def _data_name(experiment: Experiment) -> str:
    """The choice of the data, with the file that it is read from."""
    choice, path = experiment.choices["data"], experiment.data.options.get("path")
    return f"{choice} {Path(path).name}" if isinstance(path, str) else choice


def _name(experiment: Experiment) -> str:
    """That of a new run."""
    if experiment.job is not None:
        return experiment.job.run
    parts = (override.partition("=") for override in experiment.overrides)
    typed = {key.lstrip("+"): text for key, _, text in parts}
    return experiment.settings.name or name_of_run(experiment.choices, typed)


@contextlib.contextmanager
def in_background(work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Do work that may have to wait for a store while the block runs; then wait at most 10 seconds for it to end."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=10.0)
