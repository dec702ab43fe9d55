"""The folder of one run: who holds it, what was journalled and how much of that the store has taken."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..config.atomic import atomic_write
from .journal import Journal, read_lines

JOURNAL, LOCK, DELIVERED = "journal.jsonl", "lock", "delivered.json"


class Busy(ValueError):
    """Another process works on the run."""


class RunFolder:
    """A run's folder. While a process works on the run it holds a lock that the system frees however it dies."""

    def __init__(self, path: Path):
        self.path = path
        self.store_id: str | None = None  # the store's own name of the run, once it knows of it
        self.offset = 0  # of the first line of the journal that the store has not taken
        self._lock = FileLock(path / LOCK)

    def open(self, store: str) -> Journal:
        """Take hold of the folder, made if it is not there. Busy if another process holds it.

        What another store than this one has taken does not count.
        """
        self.was_left_open = (self.path / LOCK).exists()
        self._parent_is_new = not self.path.parent.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise Busy(f"the run in {self.path} is going on in another process") from None
        self._store, delivered = store, read_delivered(self.path)
        if delivered.get("store") == store:
            self.store_id, self.offset = delivered["store_id"], delivered["offset"]
        try:
            self.journal = Journal(self.path / JOURNAL)
        except BaseException:
            self._lock.release()
            raise
        if self.offset > self.journal.end:  # lines were lost with the machine: what is left is sent again
            self.offset = 0
        return self.journal

    def delivered(self, store_id: str, offset: int) -> None:
        """Remember how far the store has come. Losing this only means to send again what changes nothing."""
        self.store_id, self.offset = store_id, offset
        known = {"store": self._store, "store_id": store_id, "offset": offset}
        with contextlib.suppress(OSError), atomic_write(self.path / DELIVERED) as temporary:  # the journal reports it
            temporary.write_text(json.dumps(known), encoding="utf-8")

    def forget(self) -> None:
        """The store knows nothing of the run."""
        self.store_id, self.offset = None, 0

    def close(self) -> None:
        """Let go of the folder."""
        self.journal.close()
        with contextlib.suppress(OSError):
            (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()

    def remove(self) -> None:
        """Delete a folder in which nothing was recorded."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._parent_is_new:
            with contextlib.suppress(OSError):  # another run may have come meanwhile
                self.path.parent.rmdir()


def read_delivered(folder: Path) -> dict[str, Any]:
    """Which store has taken how much of a run's journal; empty if that is not known."""
    try:
        delivered = json.loads((folder / DELIVERED).read_text(encoding="utf-8"))
        return {"store": delivered["store"], "store_id": delivered["store_id"], "offset": delivered["offset"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def left_open(folder: Path) -> list[Path]:
    """The run folders that a process took hold of and did not let go; it may still be at work."""
    return sorted(lock.parent for lock in folder.glob(f"*/{LOCK}"))


def facts(journal: Path) -> dict[str, Any]:
    """What a journal says of its run but for the points: name, time of its start (`started`), tags, last status."""
    known: dict[str, Any] = {}
    for entry in read_lines(journal):
        known |= entry.get("tags", {})
        known |= {key: entry[key] for key in ("run", "started", "store", "status") if key in entry}
    return known
