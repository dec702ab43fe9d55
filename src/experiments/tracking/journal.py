"""The journal of a run: everything that its store shall know, one JSON object a line, in the order of happening.

The first line says which run it is (`run`); the others are points of metrics (`key`, `value`, `step`, `timestamp`),
`parameters`, `tags`, names of files to keep (`file`) and the `status`. A store is brought up to date by replaying the
lines it has not seen, so nothing is lost while it is away, and doing so twice changes nothing.
"""

import errno
import json
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """One value of one metric; the step is the number of training targets seen."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Journal:
    """Appends whole lines, also from several threads; what a killed process wrote of a last line is cut off."""

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)  # outlives a deleted folder
        self._guard = threading.Lock()
        self.end = 0
        self.has_parameters = False
        self._written: set[tuple[str, int]] = set()  # a point once written is not written again by a resumed run
        for entry, after in self.entries(0):
            self.end = after
            self.has_parameters = self.has_parameters or "parameters" in entry
            if "key" in entry:
                self._written.add((entry["key"], entry["step"]))
        os.ftruncate(self._file, self.end)

    @property
    def is_new(self) -> bool:
        return self.end == 0

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Write these lines and hand them to the system. After an OSError none of them is there."""
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        with self._guard:
            before = os.fstat(self._file).st_size
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file, before)
                raise

    def sync(self) -> None:
        """Make what was written last through a loss of power."""
        os.fsync(self._file)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Append the finite ones of these metrics, unless they were there before the run was resumed."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items() if math.isfinite(value)]
        points = [point for point in points if (point.key, point.step) not in self._written]
        self.append(*(point._asdict() for point in points))

    def entries(self, start: int) -> Iterator[tuple[dict[str, Any], int]]:
        """The whole lines from this byte on, each with the byte after it."""
        rest = b""
        at = start
        while block := os.pread(self._file, 1 << 20, at + len(rest)):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                at += len(line) + 1
                entry = parsed(line)
                if entry is None:  # written while the power went: nothing after it can be relied on
                    return
                yield entry, at

    def close(self) -> None:
        os.close(self._file)


def parsed(line: bytes) -> dict[str, Any] | None:
    """One line; None if it is damaged."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal up to the first damaged one."""
    with path.open("rb") as file:
        for line in file:
            entry = parsed(line) if line.endswith(b"\n") else None
            if entry is None:
                return
            yield entry


def read_journal(path: Path) -> list[Point]:
    """The points of a journal, in the order in which they were written."""
    return [Point(**entry) for entry in read_lines(path) if "key" in entry]
