"""What a running job knows of its sweep."""

import dataclasses
import os
import socket
import time
from pathlib import Path
from typing import Any, ClassVar

STOP = "stop"  # a file in the sweep's folder: all its jobs shall end
LOOK = 1.0  # seconds between looks at it


class Pruned(Exception):
    """Others do better: the rest of this training is not worth its time."""

    status, outcome = "KILLED", "pruned"


@dataclasses.dataclass
class SweepJob:
    """A `JobContext`: the part that the plan says, then what holds for this start of the sweep."""

    called_back: ClassVar[bool] = False  # whether a scheduler wants this process to end, to begin its job again later
    name: str  # of the parent run
    run: str  # the job's own name
    point: str  # what was chosen for it, but for the seed
    trial: int | None  # its number in a search
    study: dict[str, Any] | None  # where trials are compared while they run, if they are
    folder: str  # of the parent run
    host: str
    pid: int  # of the sweep's own process
    deadline: float | None  # seconds since 1970 after which no job is begun
    threads: int | None  # for a job that says nothing of them
    cwd: str

    def __post_init__(self):
        self._looked = 0.0
        self._trial = None

    @property
    def is_in_process(self) -> bool:
        """Whether the job runs in the process that conducts the sweep."""
        return self.pid == os.getpid() and self.host == socket.gethostname()

    def tags(self, seed: int) -> dict[str, str]:
        return {"sweep": self.name, "sweep.point": self.point, "sweep.replicate": str(seed)}

    def is_stopped(self) -> bool:
        """Whether somebody wants the job to end, or its sweep's process on this machine is gone; cheap to ask."""
        if time.monotonic() - self._looked < LOOK:
            return False
        self._looked = time.monotonic()
        abandoned = self.host == socket.gethostname() and not alive(self.pid)
        return self.called_back or abandoned or (Path(self.folder) / STOP).exists()

    def is_late(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline

    def report(self, epoch: int, loss: float) -> None:
        """Tell the search the lowest loss of this trial up to this epoch. Raises Pruned if it shall not go on."""
        if self.study is None:
            return
        if self._trial is None:
            from .search import running_trial

            self._trial = running_trial(self.study, self.trial)
        self._trial.report(loss, epoch)
        if epoch < self.study["epochs"] and self._trial.should_prune():  # after the last epoch there is nothing to save
            raise Pruned(f"pruned after epoch {epoch}: other trials do better")


def alive(pid: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
