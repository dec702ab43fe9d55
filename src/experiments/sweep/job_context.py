"""What a running job knows of its sweep."""

import dataclasses
import os
import socket
import time
from pathlib import Path
from typing import Any, ClassVar

import joblib

STOP = "stop"  # a file in the sweep's folder that tells all its jobs to stop
CHECK_INTERVAL = 1.0  # seconds between checks for it


class Pruned(Exception):
    """Other trials do better, so this one is stopped."""

    status, outcome = "KILLED", "pruned"


@dataclasses.dataclass
class SweepJob:
    """The `JobContext` of a job: first what its plan says, from `folder` on the values of this start (`session`)."""

    is_preempted: ClassVar[bool] = False  # whether a cluster's scheduler asked this process to end, to requeue its job
    name: str  # of the parent run
    run: str  # the job's own name
    point: str  # what was chosen for it, but for the seed
    trial: int | None  # its number in a search
    study: dict[str, Any] | None  # where running trials are compared, if they are
    folder: str  # of the parent run
    host: str
    pid: int  # of the sweep's own process
    deadline: float | None  # seconds since 1970 after which no job starts
    threads: int | None  # for a job whose config does not set them
    cwd: str

    def __post_init__(self) -> None:
        self._checked_at = 0.0
        self._trial: Any = None

    @property
    def is_in_process(self) -> bool:
        """Whether the job runs in the sweep's own process."""
        return self.pid == os.getpid() and self.host == socket.gethostname()

    def tags(self, seed: int) -> dict[str, str]:
        """The tags that make a run a job of this sweep."""
        return {"sweep": self.name, "sweep.point": self.point, "sweep.replicate": str(seed)}

    def is_stopped(self) -> bool:
        """Whether the job should end, also because the sweep's process on this machine is gone; cheap to call."""
        if time.monotonic() - self._checked_at < CHECK_INTERVAL:
            return False
        self._checked_at = time.monotonic()
        is_orphan = self.host == socket.gethostname() and not is_alive(self.pid)
        return self.is_preempted or is_orphan or (Path(self.folder) / STOP).exists()

    def is_late(self) -> bool:
        """Whether the sweep's budget is spent."""
        return self.deadline is not None and time.time() > self.deadline

    def report(self, epoch: int, loss: float) -> None:
        """Report the lowest loss up to this epoch to the search. Raises Pruned if the trial should stop."""
        if self.study is None or self.trial is None:
            return
        if self._trial is None:
            from .study import running_trial  # Optuna takes a second to import

            self._trial = running_trial(self.study, self.trial)
        self._trial.report(loss, epoch)
        if epoch < self.study["epochs"] and self._trial.should_prune():  # after the last epoch there is nothing to save
            raise Pruned(f"pruned after epoch {epoch}: other trials do better")


def session(folder: Path, deadline: float | None, num_workers: int) -> dict[str, Any]:
    """The part of a `SweepJob` that holds for jobs launched now, so many side by side."""
    return {
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
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
