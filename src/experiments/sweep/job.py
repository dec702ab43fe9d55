"""One job of a sweep in the process that a launcher chose: what it knows of its sweep, and how it runs."""

import contextlib
import dataclasses
import logging
import math
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import joblib

from ..comparison.objective import LOWEST_LOSS, Objective
from ..config.composition import Composition
from ..config.errors import ConfigError, sentence
from ..tracking.folder import Busy
from ..tracking.interruption import Interrupted
from ..tracking.record import RunRecord
from .options import SweepOptions

log = logging.getLogger("experiments.sweep")

STOP = "stop"  # a file in the sweep's folder that tells all its jobs to stop; it holds the signal's number
CHECK_INTERVAL = 1.0  # seconds between checks for it
FAILURES = ("failed", "refused", "timed out")  # of these only the first may succeed when it is tried again


class Pruned(Exception):
    """Other trials do better, so this one is stopped."""

    status, outcome = "KILLED", "pruned"


class TookTooLong(Interrupted):
    """The time limit of a job is over: after the current update it fails, with a checkpoint."""

    status, outcome = "FAILED", "failed"

    def __init__(self, limit: float):
        super().__init__(signal.SIGALRM)
        self.args = (took_longer(limit),)


@dataclasses.dataclass
class SweepJob:
    """The `JobContext` of a job: the fields up to `study` are from its plan, the others from `session`."""

    is_preempted: ClassVar[bool] = False  # whether a cluster's scheduler asked this process to end, to requeue its job
    name: str  # of the parent run
    run: str  # the job's own name
    point: str  # its own overrides, apart from the seed
    trial: int | None  # its number in a search
    study: dict[str, Any] | None  # where running trials are compared, if they are
    folder: str  # of the parent run
    host: str
    pid: int  # of the sweep's own process
    deadline: float | None  # seconds since 1970 after which no job starts
    threads: int | None  # for a job whose config does not set them
    cwd: str
    timeout: float | None = None  # seconds after which it fails
    fail_fast: bool = False  # whether its failure ends the sweep
    attempts: int = 1  # in this launch

    def __post_init__(self) -> None:
        self._checked_at, self._started_at = 0.0, time.monotonic()
        self._trial: Any = None
        self._record: RunRecord | None = None  # as far as its journal was read

    @property
    def is_in_process(self) -> bool:
        """Whether the job runs in the sweep's own process."""
        return self.pid == os.getpid() and self.host == socket.gethostname()

    @property
    def is_orphan(self) -> bool:
        """Whether the sweep's process, on this machine, is gone."""
        return self.host == socket.gethostname() and not is_alive(self.pid)

    def tags(self, seed: int) -> dict[str, str]:
        """The tags that make a run a job of this sweep."""
        return {"sweep": self.name, "sweep.point": self.point, "sweep.replicate": str(seed)}

    def stop_signal(self) -> int | None:
        """The signal that should end the job, as if it had received it; cheap to call.

        It is the one that the sweep received, SIGTERM if the sweep's process is gone, another job's failure ends the
        sweep or the job is preempted. Raises TookTooLong when its time limit is over.
        """
        if time.monotonic() - self._checked_at < CHECK_INTERVAL:
            return None
        self._checked_at = time.monotonic()
        if self.timeout is not None and self._checked_at - self._started_at > self.timeout:
            raise TookTooLong(self.timeout)
        with contextlib.suppress(FileNotFoundError):
            return int((Path(self.folder) / STOP).read_text() or signal.SIGTERM)
        return signal.SIGTERM if self.is_preempted or self.is_orphan else None

    def is_late(self) -> bool:
        """Whether the sweep's budget is spent."""
        return self.deadline is not None and time.time() > self.deadline

    def report(self, epoch: int, loss: float) -> None:
        """Report the lowest loss up to this epoch, or the metric there, to the search.

        Raises Pruned if the trial should stop.
        """
        if self.study is None or self.trial is None:
            return
        if self._trial is None:
            from .search import running_trial  # Optuna takes a second to import

            self._trial = running_trial(self.study, self.trial)
        self._trial.report(self._reached(loss), epoch)
        if epoch < self.study["epochs"] and self._trial.should_prune():  # after the last epoch there is nothing to save
            raise Pruned(f"pruned after epoch {epoch}: other trials do better")

    def _reached(self, loss: float) -> float:
        """The value of the search's metric so far: the lowest loss, or what the journal has."""
        objective = Objective(*(self.study or {}).get("objective", LOWEST_LOSS))
        if objective == LOWEST_LOSS:
            return loss
        if self._record is None:
            self._record = RunRecord.of(Path(self.folder).parent / self.run)
        else:
            self._record.refresh()
        value = objective.value(self._record)
        return math.nan if value is None else value


def took_longer(limit: float) -> str:
    return f"took longer than hydra.sweeper.job_timeout={limit:g} seconds"


def session(folder: Path, deadline: float | None, num_workers: int, options: SweepOptions) -> dict[str, Any]:
    """The part of a `SweepJob` that holds for all jobs launched now, of which `num_workers` run side by side."""
    return {
        "timeout": options.job_timeout,
        "fail_fast": options.fail_fast,
        "attempts": options.attempts if options.fail_fast else 1,
        "folder": str(folder),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "deadline": deadline,
        "threads": max(1, joblib.cpu_count() // num_workers) if num_workers > 1 else None,
        "cwd": os.getcwd(),
    }


def is_alive(pid: int) -> bool:
    """Whether this process exists on this machine."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it belongs to another user
    return True


def run_job(composition: dict[str, Any], job: SweepJob) -> dict[str, Any]:
    """Run a job in this process."""
    record = RunRecord.of(Path(job.folder).parent / job.run)
    if record.is_over:  # another start of the sweep was faster
        return {"outcome": record.outcome}
    if job.stop_signal() or job.is_late():
        return {"outcome": "left out"}
    composed = Composition.from_json(composition)
    if composed.config["threads"] is None:
        composed.config["threads"] = job.threads
    try:
        from ..experiment import Experiment

        Experiment.of(composed, job).run()
    except TookTooLong as late:
        record.refresh()
        if not record.is_over:  # else it had just completed
            return {"outcome": "timed out", "why": str(late)}
    except Interrupted:
        if job.is_in_process:
            raise
        return {"outcome": "interrupted"}
    except Busy:
        return {"outcome": "elsewhere"}
    except ConfigError as error:
        return {"outcome": "refused", "why": sentence(error)}
    except SystemExit as stop:  # of the user's own code: it ends the job and not the sweep
        return {"outcome": "failed", "why": f"it called sys.exit({stop.code!r})"}
    except Exception as error:
        return {"outcome": getattr(error, "outcome", "failed"), "why": sentence(error)}
    return {"outcome": "completed"}


def set_up_worker(job: SweepJob) -> None:
    """Give a worker's process the working directory and import path of the sweep's, and leave Ctrl-C to the sweep."""
    os.chdir(job.cwd)
    if job.cwd not in sys.path:
        sys.path.append(job.cwd)  # where a model or dataset of the user's own may be
    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep stops its jobs by the file STOP
