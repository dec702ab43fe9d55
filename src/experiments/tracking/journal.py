"""The journal of a run: everything that is sent to its store, one JSON object per line, in the order of happening.

The first line names the run (`run`); others are points of metrics (`key`, `value`, `step`, `timestamp`), `parameters`,
`tags`, the `dataset` that is read, names of files to keep (`file`) and the `status`. A store is updated by replaying
the lines that it has not received, so nothing is lost while it cannot be reached; replaying a line twice changes
nothing.
"""

import contextlib
import errno
import json
import logging
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .written_points import WrittenPoints

log = logging.getLogger("experiments")

Entry = dict[str, Any]
TYPES: dict[str, type | tuple[type, ...]] = {  # of the values of an entry; other keys are ignored
    "run": str,
    "started": (int, float),
    "store": str,
    "status": str,
    "file": str,
    "model": str,
    "parameters": dict,
    "tags": dict,
    "dataset": dict,
    "key": str,
    "value": (int, float),
    "step": int,
    "timestamp": int,
}
TEXTS = ("parameters", "tags", "dataset")  # entries whose values are all text
BLOCK_SIZE = 1 << 20  # bytes that are read at a time

# Lines of points as `log_metrics` writes them, which are nearly all lines of a long run: read without a JSON parser.
INTEGER = rb"-?(?:0|[1-9][0-9]{0,17})"
NUMBER = INTEGER + rb"(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
REST = rb'", "value": (%s), "step": (%s), "timestamp": (%s)\}' % (NUMBER, INTEGER, INTEGER)
PLAIN = rb"[ !#-\[\]-~]*"  # ASCII without quotes and backslashes
POINT = re.compile(rb'\{"key": "(' + PLAIN + rb")" + REST)
INTERVAL_POINTS = re.compile(rb'(?:\{"key": "interval/' + PLAIN + REST + rb"\n)++")


class Point(NamedTuple):
    """One value of one metric; the step is the number of training targets seen."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Damaged(ValueError):
    """A whole line of a journal is not one that this package writes; nothing after it can be used."""


class Journal:
    """Appends whole lines, also from several threads; opening it removes an unfinished last line.

    What follows a damaged whole line is removed, too, and kept in a copy of the file, `journal.jsonl.damaged`. A thread
    that still has a closed journal gets a ValueError, and no other file that has its descriptor by then.
    """

    def __init__(self, path: Path):
        self._file = path.open("ab+", buffering=0)  # stays usable if the folder is deleted
        self._lock = threading.Lock()  # held wherever the descriptor is used
        self.end = 0  # where the last whole line ended when the journal was opened; 0 for a new journal
        self.has_parameters = False
        self.status = "RUNNING"  # as the last line with a status says; of a new journal, too
        self._written = WrittenPoints()  # that a resumed run does not write again
        try:
            try:
                for entry, after in self.entries(0):
                    self.end = after
                    self.has_parameters = self.has_parameters or "parameters" in entry
                    self.status = entry.get("status", self.status)
                    if "key" in entry:
                        self._written.add(entry["key"], entry["step"])
            except Damaged:
                copy = shutil.copy(path, path.with_name(f"{path.name}.damaged"))
                log.warning("%s is damaged: what follows the damaged line is removed and kept in %s", path, copy)
            self._file.truncate(self.end)
        except BaseException:
            self.close()
            raise

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Write these lines and hand them to the system. After an OSError none of them is there."""
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        with self.kept_open() as descriptor:
            size = os.fstat(descriptor).st_size
            try:
                if self._file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                self._file.truncate(size)
                raise
            for entry in entries:
                self.status = entry.get("status", self.status)

    def sync(self) -> None:
        """Make what was written last through a loss of power."""
        with self.kept_open() as descriptor:
            os.fsync(descriptor)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Append the finite ones of these metrics, except those recorded before the run was resumed."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items() if math.isfinite(value)]
        self.append(*(point._asdict() for point in points if (point.key, step) not in self._written))

    def entries(self, start: int) -> Iterator[tuple[Entry, int]]:
        """The whole lines from byte `start` on, each with the offset of the next. Damaged, or ValueError if closed."""
        return parse(self._read, start)

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[int]:
        """In the block no other thread uses or closes the journal; yields its descriptor. ValueError if closed."""
        with self._lock:
            yield self._file.fileno()

    @property
    def is_closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _read(self, start: int) -> bytes:
        with self.kept_open() as descriptor:
            return os.pread(descriptor, BLOCK_SIZE, start)


def parse(read: Callable[[int], bytes], start: int, with_interval: bool = True) -> Iterator[tuple[Entry, int]]:
    """The whole lines from byte `start` on, each with the offset of the next. Damaged at the first malformed line.

    `read` returns the block that begins at an offset. Not `with_interval`, of interval/* points that follow each other
    only the last one of a block is handed out; the others are checked all the same.
    """
    rest, offset = b"", start
    while block := read(offset + len(rest)):
        text, at = rest + block, 0
        end = text.rfind(b"\n") + 1
        while at < end:
            if not with_interval and (skipped := INTERVAL_POINTS.match(text, at, end)):
                at = max(at, text.rfind(b"\n", at, skipped.end() - 1) + 1)
            after = text.index(b"\n", at) + 1
            yield parse_line(text[at : after - 1]), offset + after
            at = after
        rest, offset = text[end:], offset + end


def parse_line(line: bytes) -> Entry:
    """One line. Damaged if it is not a JSON object whose values have the right types."""
    if point := POINT.fullmatch(line):
        key, value, step, timestamp = point.groups()
        name = sys.intern(key.decode())
        return {"key": name, "value": float(value), "step": int(step), "timestamp": int(timestamp)}
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Damaged("a line is not JSON") from error
    if not isinstance(entry, dict) or not all(isinstance(entry[key], TYPES[key]) for key in entry.keys() & TYPES):
        raise Damaged("a line has values of the wrong type")
    if "key" in entry and entry.keys() != set(Point._fields):
        raise Damaged("a point has other keys")
    if "key" in entry and not -(1 << 63) <= entry["step"] < 1 << 63:
        raise Damaged("a step has more than 64 bits")
    if not all(isinstance(text, str) for name in TEXTS for text in entry.get(name, {}).values()):
        raise Damaged("a parameter, a tag or what describes the data is not text")
    return entry


def read_entries(
    path: Path, start: int = 0, *, with_interval: bool = True, block_size: int = BLOCK_SIZE
) -> Iterator[tuple[Entry, int]]:
    """The whole lines of a journal from byte `start` on, each with the offset of the next. Damaged, or OSError.

    See `parse`; `block_size` bytes are read at a time.
    """
    with path.open("rb") as file:
        yield from parse(lambda offset: os.pread(file.fileno(), block_size, offset), start, with_interval)


def points_of(path: Path) -> Iterator[Point]:
    """The points of a journal up to the first damaged line, in the order in which they were written."""
    with contextlib.suppress(Damaged):
        for entry, _ in read_entries(path):
            if "key" in entry:
                yield Point(**entry)


def read_journal(path: Path) -> list[Point]:
    """All of `points_of` at once, for benchmarks and tests: of a long run they take a lot of memory."""
    return list(points_of(path))
