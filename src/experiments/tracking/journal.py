"""The journal of a run: everything that its store is told, one JSON object per line, in the order of happening.

The first line names the run (`run`); others are points of metrics (`key`, `value`, `step`, `timestamp`), `parameters`,
`tags`, names of files to keep (`file`) and the `status`. A store is brought up to date by replaying the lines that it
has not received, so nothing is lost while it cannot be reached, and replaying a line twice changes nothing.
"""

import errno
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Entry = dict[str, Any]
TYPES: dict[str, type | tuple[type, ...]] = {  # of the values of an entry; other keys are ignored
    "run": str,
    "started": (int, float),
    "store": str,
    "status": str,
    "file": str,
    "parameters": dict,
    "tags": dict,
    "key": str,
    "value": (int, float),
    "step": int,
    "timestamp": int,
}
BLOCK = 1 << 20  # bytes that are read at a time


class Point(NamedTuple):
    """One value of one metric; the step is the number of training targets seen."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Damaged(ValueError):
    """A whole line of a journal is not one that this package writes; nothing after it can be relied on."""


class Closed(ValueError):
    """The journal is closed."""


class Journal:
    """Appends whole lines, also from several threads; opening it removes a damaged end.

    Once it is closed it can be neither read nor written, not even by a thread that still holds it: the descriptor is
    used only under the lock, so it never stands for a file that was opened later.
    """

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)  # also works on a deleted folder
        self._lock, self._is_closed = threading.Lock(), False
        self.end = 0  # where the last whole line ended when the journal was opened
        self.has_parameters = False
        self._written: set[tuple[str, int]] = set()  # points that a resumed run does not write again
        try:
            self._scan()
            os.ftruncate(self._file, self.end)
        except BaseException:
            self.close()
            raise

    @property
    def is_new(self) -> bool:
        """Whether it was empty when it was opened."""
        return self.end == 0

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Write these lines and hand them to the system. After an OSError none of them is there."""
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        with self._lock:
            self._check_open()
            before = os.fstat(self._file).st_size
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file, before)
                raise

    def sync(self) -> None:
        """Make sure that what was written survives a loss of power."""
        os.fsync(self._file)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Append the finite ones of these metrics, except those recorded before the run was resumed."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items() if math.isfinite(value)]
        points = [point for point in points if (point.key, point.step) not in self._written]
        self.append(*(point._asdict() for point in points))

    def entries(self, start: int) -> Iterator[tuple[Entry, int]]:
        """The whole lines from byte `start` on, each with the byte after it. Damaged, or Closed if it is closed."""
        return parse(self._read, start)

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._file)

    def _scan(self) -> None:
        try:
            for entry, after in self.entries(0):
                self.end = after
                self.has_parameters = self.has_parameters or "parameters" in entry
                if "key" in entry:
                    self._written.add((entry["key"], entry["step"]))
        except Damaged:
            pass

    def _read(self, start: int) -> bytes:
        with self._lock:
            self._check_open()
            return os.pread(self._file, BLOCK, start)

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("the journal is closed")


def parse(read: Callable[[int], bytes], start: int) -> Iterator[tuple[Entry, int]]:
    """The whole lines from byte `start` on, each with the byte after it; `read` returns a block from a byte on.

    Damaged at the first whole line that is not well-formed.
    """
    rest, at = b"", start
    while block := read(at + len(rest)):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            entry = parse_line(line)
            at += len(line) + 1
            yield entry, at


def parse_line(line: bytes) -> Entry:
    """One line. Damaged if it is not a JSON object whose values have the right types."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Damaged("a line is not JSON") from error
    if not isinstance(entry, dict) or not all(isinstance(entry[key], TYPES[key]) for key in entry.keys() & TYPES):
        raise Damaged("a line has values of the wrong type")
    if "key" in entry and entry.keys() != set(Point._fields):
        raise Damaged("a point has other keys")
    if not all(isinstance(text, str) for name in ("parameters", "tags") for text in entry.get(name, {}).values()):
        raise Damaged("a parameter or tag is not text")
    return entry


def read_entries(path: Path, start: int = 0) -> Iterator[tuple[Entry, int]]:
    """The whole lines of a journal from byte `start` on, each with the byte after it. Damaged, or OSError."""
    with path.open("rb") as file:
        yield from parse(lambda at: os.pread(file.fileno(), BLOCK, at), start)


def read_journal(path: Path) -> list[Point]:
    """The points of a journal, up to the first damaged line, in the order in which they were written."""
    points = []
    try:
        for entry, _ in read_entries(path):
            if "key" in entry:
                points.append(Point(**entry))
    except Damaged:
        pass
    return points
