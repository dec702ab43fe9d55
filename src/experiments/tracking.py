"""One run being recorded: a folder with its journal, and a store to which the journal is delivered.

Every metric is first appended to `metrics.jsonl` in the run's folder, with its step and timestamp; the store gets it
from there in batches. What the store refuses waits in the journal, and the training goes on.
"""

import contextlib
import json
import logging
import math
import shutil
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from .errors import first_line

log = logging.getLogger("experiments")


class Point(NamedTuple):
    """One value of one metric; the step is the number of training targets seen."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Journal:
    """Points appended to a JSON-lines file, one object a line; a NaN or an infinity is never written."""

    def __init__(self, path: Path):
        self._file = path.open("a", encoding="utf-8")

    def append(self, metrics: Mapping[str, float], step: int) -> list[Point]:
        """Write the finite ones of these metrics and hand them to the system; the points that were written."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items() if math.isfinite(value)]
        self._file.write("".join(json.dumps(point._asdict()) + "\n" for point in points))
        self._file.flush()
        return points

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> list[Point]:
    """The points of a metrics.jsonl, in the order in which they were written."""
    with path.open(encoding="utf-8") as file:
        return [Point(**json.loads(line)) for line in file]


class Tracker:
    """A context manager around one run; a store subclasses it with `_begin`, `_deliver` and so on.

    Leaving it ends the run: FINISHED, KILLED after an interruption, FAILED after any other exception, with the tag
    `outcome` (completed, interrupted, failed, or what the exception's attribute `outcome` says).
    """

    has_page = False  # whether the store can be looked at
    address: str | None = None  # of that page, where it is always there
    run_id: str

    def __init__(self, *, folder: str, interval: float, name: str, tags: Mapping[str, str]):
        """`folder` is the parent of all run folders; `interval` the seconds between deliveries to the store."""
        if interval < 0:
            raise ValueError(f"interval must be at least 0 seconds, got {interval}")
        self.name, self.tags, self.interval = name, dict(tags), interval
        self.folder = Path(folder).absolute() / name
        self._pending: list[Point] = []
        self._delivered_at = time.monotonic()

    @classmethod
    def find_checkpoint(cls, which: str, into: Path, **_: Any) -> tuple[Path, str]:  # noqa: ARG003 - nothing to copy
        """A run id or "latest" -> its best checkpoint, copied into a folder, and its run id. ValueError if none."""
        raise ValueError(f"there is no checkpoint file {which!r}, and a {cls.__name__} keeps no runs to look in")

    def __enter__(self) -> Self:
        is_first = not self.folder.parent.exists()
        self.folder.mkdir(parents=True)
        self._journal = Journal(self.folder / "metrics.jsonl")
        self._log_file = logging.FileHandler(self.folder / "run.log", encoding="utf-8")
        try:
            self.run_id = self._begin()
        except BaseException:  # nothing was recorded, so nothing is left behind
            self._journal.close()
            self._log_file.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            if is_first:
                with contextlib.suppress(OSError):  # another run may have come meanwhile
                    self.folder.parent.rmdir()
            raise
        self._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(self._log_file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status, outcome = ending(error)
        try:
            if status == "FAILED":
                self.log_text("traceback.txt", "".join(traceback.format_exception(kind, error, trace)))
            self._journal.close()
            log.removeHandler(self._log_file)
            self._log_file.close()
            self.log_file(self.folder / "run.log")
            self.log_file(self.folder / "metrics.jsonl")
            self.deliver()
            self._guarded(self._tag, {"outcome": outcome})
        finally:
            self._guarded(self._end, status)

    def log_config(self, parameters: Mapping[str, Any]) -> None:
        """Parameters by flattened, dotted key; said once, at the beginning."""
        self._guarded(self._parameters, {key: str(value) for key, value in parameters.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Journal these metrics, and deliver what waits if the interval has passed."""
        self._pending += self._journal.append(metrics, step)
        if time.monotonic() - self._delivered_at >= self.interval:
            self.deliver()

    def log_file(self, path: Path) -> None:
        """Keep a file of the run's folder as an artifact of the store."""
        self._guarded(self._upload, path)

    def log_text(self, name: str, text: str) -> None:
        """Write a file into the run's folder and keep it; a folder in trouble is said and does not stop the run."""
        try:
            (self.folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            log.warning("%s could not be written: %s", name, first_line(error))
        else:
            self.log_file(self.folder / name)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._guarded(self._tag, dict(tags))

    def deliver(self) -> None:
        """Send the points that wait to the store; what it does not take goes on waiting."""
        self._delivered_at = time.monotonic()
        if self._pending and self._guarded(self._deliver, self._pending):
            self._pending = []

    @property
    def undelivered(self) -> int:
        """How many journalled points the store has not taken."""
        return len(self._pending)

    def _guarded(self, send, content) -> bool:
        """Whether the store took it; a store in trouble is said and does not stop the run."""
        try:
            send(content)
        except Exception as error:  # whatever a store can raise: a run is worth more than its record
            log.warning("the store did not take %s: %s", send.__name__.strip("_"), first_line(error))
            return False
        return True


class MemoryTracker(Tracker):
    """Keeps everything in the process: for tests, and for runs that nobody wants to keep."""

    ended: list["MemoryTracker"] = []  # noqa: RUF012 - shared on purpose: how a test finds the runs of a command

    def _begin(self) -> str:
        self.parameters: dict[str, str] = {}
        self.points: list[Point] = []
        self.files: list[str] = []
        self.status = "RUNNING"
        return self.name

    def _parameters(self, parameters: dict[str, str]) -> None:
        self.parameters |= parameters

    def _deliver(self, points: list[Point]) -> None:
        self.points += points

    def _tag(self, tags: dict[str, str]) -> None:
        self.tags |= tags

    def _upload(self, path: Path) -> None:
        self.files.append(path.name)

    def _end(self, status: str) -> None:
        self.status = status
        self.ended.append(self)


def ending(error: BaseException | None) -> tuple[str, str]:
    """How a run ended by this exception (or none) is recorded: MLflow's status, our outcome."""
    if error is None:
        return "FINISHED", "completed"
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted"
    return "FAILED", getattr(error, "outcome", "failed")
