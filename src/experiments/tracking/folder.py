"""The folder of one run: which process holds it, its journal, and how much of that the store has received."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from ..config.atomic import atomic_write
from .journal import Journal

JOURNAL, LOCK, DELIVERED = "journal.jsonl", "lock", "delivered.json"


class Busy(ValueError):
    """Another process holds the run's folder."""


class Delivered(NamedTuple):
    """How far a store has received a run's journal; as it stands in delivered.json."""

    store: str | None = None  # what identifies the store
    store_id: str | None = None  # the store's own name of the run; None until it knows the run
    offset: int = 0  # of the first byte of the journal that the store has not received


class RunFolder:
    """A run's folder. A process that works on the run holds a lock, which the system frees however the process dies."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = FileLock(path / LOCK)

    def open(self) -> Journal:
        """Lock the folder, which is created if it does not exist, and open the journal. Busy if it is locked."""
        self.was_left_open = (self.path / LOCK).exists()
        self._is_parent_new = not self.path.parent.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise Busy(f"the run in {self.path} is in progress in another process") from None
        try:
            self.journal = Journal(self.path / JOURNAL)
        except BaseException:
            self._lock.release()
            raise
        return self.journal

    def close(self) -> None:
        """Close the journal and unlock the folder."""
        self.journal.close()
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
    """How far a store has received the journal in this folder; as of a new run if that cannot be read."""
    try:
        plain = json.loads((folder / DELIVERED).read_text(encoding="utf-8"))
        delivered = Delivered(plain["store"], plain["store_id"], plain["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return Delivered()
    types = (str, str | None, int)
    return delivered if all(map(isinstance, delivered, types)) else Delivered()


def write_delivered(folder: Path, delivered: Delivered) -> None:
    """Record it. If that fails, lines are sent again, which changes nothing."""
    with contextlib.suppress(OSError), atomic_write(folder / DELIVERED) as temporary:  # the journal reports a full disk
        temporary.write_text(json.dumps(delivered._asdict()), encoding="utf-8")


def left_open(folder: Path) -> list[Path]:
    """The run folders with a lock: a process works on the run, or died while it did."""
    return sorted(lock.parent for lock in folder.glob(f"*/{LOCK}"))
