"""The folder of one run: its lock, its journal, and how much of the journal the store has received."""

import contextlib
import itertools
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from ..config.atomic import atomic_write
from .journal import Journal

JOURNAL, LOCK, DELIVERED = "journal.jsonl", "lock", "delivered.json"


class Busy(ValueError):
    """Another process has locked the run's folder."""


class Delivered(NamedTuple):
    """How far a store has received a run's journal: the content of delivered.json."""

    store: str | None = None  # what identifies the store
    store_id: str | None = None  # the store's own name of the run; None until it knows the run
    offset: int = 0  # of the first byte of the journal that the store has not received


class RunFolder:
    """A run's folder, created if it does not exist and locked until `close`; Busy if another process has locked it.

    The system frees the lock however the process dies, but its file remains, by which such runs are found.
    """

    def __init__(self, path: Path):
        self.path = path
        self._is_parent_new = not path.parent.exists()
        path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path / LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise Busy(f"the run in {path} is in progress in another process") from None
        try:
            self.journal = Journal(path / JOURNAL)
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    def new(cls, parent: Path, name: str) -> "RunFolder":
        """A new folder of this name, or where there are such folders with -2, -3, ... after it."""
        is_parent_new = not parent.exists()
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()  # fails if another process was faster
            except FileExistsError:
                continue
            folder = cls(path)
            folder._is_parent_new = is_parent_new
            return folder
        raise AssertionError  # the numbers do not end

    def close(self) -> None:
        """Close the journal and unlock the folder.

        The lock's file remains while the journal says RUNNING, as on a full disk: a later start then closes the run.
        """
        self.journal.close()
        if self.journal.status != "RUNNING":
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()

    def remove(self) -> None:
        """Delete a folder in which nothing was recorded, and its parent if that was created with it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._is_parent_new:
            with contextlib.suppress(OSError):  # it has another run by now
                self.path.parent.rmdir()


def read_delivered(folder: Path) -> Delivered:
    """How far a store has received the journal in this folder; as for a new run if that cannot be read."""
    try:
        delivered = Delivered(**json.loads((folder / DELIVERED).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Delivered()
    types = (str, str | None, int)
    return delivered if all(map(isinstance, delivered, types)) else Delivered()


def write_delivered(folder: Path, delivered: Delivered) -> None:
    """Write delivered.json. If that fails, lines are sent again, which changes nothing."""
    with contextlib.suppress(OSError), atomic_write(folder / DELIVERED) as temporary:  # the journal reports a full disk
        temporary.write_text(json.dumps(delivered._asdict()), encoding="utf-8")
