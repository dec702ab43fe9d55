"""One run being recorded: a folder with its journal, and a store that is brought up to date from it.

Whatever happens is first a line of the journal. A thread replays what is new to the store, so training neither waits
for a store that is slow nor ends because of one that is away; what it has not taken waits in the journal.
"""

import contextlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .errors import first_line
from .journal import Point
from .run_folder import JOURNAL, RunFolder, facts

log = logging.getLogger("experiments")

HEARTBEAT = 30.0  # seconds between signs of life in the store
SILENT = 600.0  # seconds without one before a run of another machine counts as dead
PATIENCE = 60.0  # seconds at most between two attempts to reach a store that is away
START, END = 10.0, 60.0  # seconds that a run waits for its store before it begins and when it is over
BATCH = 1000  # points that are sent together


class Refused(ValueError):
    """The store will never take this: trying again is of no use."""


class QuietFile(logging.FileHandler):
    """A log file that does not shout when the disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class Tracker:
    """A context manager around one run; a store subclasses it with `_begin`, `_deliver` and so on.

    Leaving it ends the run: FINISHED, KILLED after an interruption, FAILED after any other exception, with the tag
    `outcome` (completed, interrupted, failed, or what the exception's attribute `outcome` says).
    """

    has_page = False  # whether the store can be looked at
    address: str | None = None  # of that page, where it is always there
    store = "memory"  # what names the store, so that no journal is sent to another one

    def __init__(self, *, folder: str, interval: float, required: bool, name: str, tags: Mapping[str, str]):
        """`folder` is the parent of all run folders; `interval` the seconds between deliveries to the store.

        With `required`, a store in trouble fails the run. A run of this name that is in the folder is continued.
        """
        if interval < 0:
            raise ValueError(f"interval must be at least 0 seconds, got {interval}")
        self.name, self.tags, self.interval, self.required = name, dict(tags), interval, required
        self.place = RunFolder(Path(folder).absolute() / name)
        self.folder = self.place.path
        self.trouble: str | None = None  # what went wrong with the last delivery
        self.retries = -1  # to make the run known to the store
        self.undelivered = 0  # lines that the store had not taken when the run ended
        self._delivering, self._leaving = threading.Lock(), threading.Event()
        self._tried = threading.Event()  # the store was asked once at least
        self._delivered_at = self._beat_at = 0.0
        self._last: list[Mapping[str, Any]] = []  # lines of the end that found no place in the journal

    @property
    def run_id(self) -> str:
        """What names the run: the store's id, or the name of its folder while the store knows nothing of it."""
        return self.place.store_id or self.name

    @classmethod
    def find_checkpoint(cls, which: str, into: Path, **_: Any) -> tuple[Path, str]:  # noqa: ARG003 - nothing to copy
        """A run id or "latest" -> its best checkpoint, copied into a folder, and its run id. ValueError if none."""
        raise ValueError(f"there is no checkpoint file {which!r}, and a {cls.__name__} keeps no runs to look in")

    @classmethod
    def close_silent(cls, silent: float, **_: Any) -> list[str]:  # noqa: ARG003 - nobody else is in this memory
        """End runs of the store that gave no sign of life for so many seconds as KILLED; their ids."""
        return []

    def __enter__(self) -> Self:
        self.journal = self.place.open(self.store)
        self.resumed = not self.journal.is_new
        self.retries += self.resumed
        self._courier = threading.Thread(target=self._keep_delivering, name="delivery", daemon=True)
        try:
            begins = {"status": "RUNNING"} if self.resumed else {"run": self.name, "started": time.time()}
            self.journal.append({**begins, "store": self.store, "tags": self.tags | {"outcome": "running"}})
            self._log_file = QuietFile(self.folder / "run.log", encoding="utf-8")
            self._courier.start()
            self._tried.wait(None if self.required else START)
            if self.required and self.trouble:
                raise ConnectionError(f"tracker.required=true, but {self.trouble}")
        except BaseException:
            self._leaving.set()
            if self._courier.is_alive():
                self._courier.join(START)
            self.place.close()
            if not self.resumed:  # nothing was recorded, so nothing is left behind
                self.place.remove()
            raise
        self._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(self._log_file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status, outcome = ending(error)
        if status == "FAILED":
            self.log_text("traceback.txt", "".join(traceback.format_exception(kind, error, trace)))
        log.removeHandler(self._log_file)
        with contextlib.suppress(OSError):  # a full disk
            self._log_file.close()
        self.end(status, outcome)

    def end(self, status: str, outcome: str) -> None:
        """Write down how the run ended, give the store some time to take it and let go of the folder."""
        self._last = [{"file": "run.log"}, {"file": JOURNAL}, {"tags": {"outcome": outcome}}, {"status": status}]
        try:
            self.journal.append(*self._last)
            self._last = []
        except OSError as error:  # a full disk: then the store at least shall know
            log.warning("the end of the run could not be written down: %s", first_line(error))
        self._leaving.set()
        self._courier.join(END)
        self.undelivered = sum(1 for _ in self.journal.entries(self.place.offset))
        self.place.close()

    def settle(self) -> str | None:
        """Look after a run whose process is gone: close it if it never ended, send what waits; what was done, if any.

        ValueError if its process is not gone.
        """
        known = facts(self.folder / JOURNAL)
        if known.get("store") != self.store:
            return None
        self.journal = self.place.open(self.store)
        try:
            known = facts(self.folder / JOURNAL)  # as it is now that we hold it
            died = self.place.was_left_open and known.get("status", "RUNNING") == "RUNNING"
            if died:
                self.journal.append({"tags": {"outcome": "interrupted"}, "status": "KILLED"})
            waited = any(True for _ in self.journal.entries(self.place.offset))
            self.retries = 0
            if waited:
                self.deliver()
            if self.trouble:
                return self.trouble
            return "its process died: closed as KILLED" if died else "delivered" if waited else None
        finally:
            self.place.close()

    def log_config(self, parameters: Mapping[str, Any]) -> None:
        """Parameters by flattened, dotted key; a resumed run has them already."""
        if not self.resumed:
            self.journal.append({"parameters": {key: str(value) for key, value in parameters.items()}})

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Journal these metrics; one that was there at this step before the run was resumed stays as it was."""
        self.journal.log_metrics(metrics, step)
        if self.required and self.trouble:
            raise ConnectionError(f"tracker.required=true, but {self.trouble}")

    def log_file(self, path: Path) -> None:
        """Keep a file of the run's folder as an artifact of the store."""
        self.journal.append({"file": path.name})

    def log_text(self, name: str, text: str) -> None:
        """Write a file into the run's folder and keep it; a folder in trouble is said and does not stop the run."""
        building = self.folder / f"{name}.building"
        try:
            building.write_text(text, encoding="utf-8")
            os.replace(building, self.folder / name)
            self.log_file(self.folder / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                building.unlink(missing_ok=True)
            log.warning("%s could not be written: %s", name, first_line(error))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.journal.append({"tags": dict(tags)})

    def deliver(self) -> None:
        """Bring the store up to date; what it does not take goes on waiting, and `trouble` says why."""
        with self._delivering:
            try:
                self._replay()
            except Exception as error:  # whatever a store can raise: a run is worth more than its record
                trouble = f"the store did not take what was sent: {first_line(error)[:300]}"
                if self.trouble is None:
                    log.warning("%s; the run goes on and its journal waits", trouble)
                self.trouble = trouble
            else:
                if self.trouble is not None:
                    log.info("the store is there again and up to date")
                self.trouble = None
            self._delivered_at = time.monotonic()
            self._tried.set()

    def _replay(self) -> None:
        """Send every line that the store has not seen, in order; points that follow each other go together."""
        if self.place.store_id is None:
            self.retries += 1
            self.place.delivered(self._begin(), 0)
        waiting: list[Point] = []
        end = self.place.offset
        for entry, after in self.journal.entries(self.place.offset):
            if "key" in entry:
                waiting.append(Point(**entry))
                if len(waiting) == BATCH:
                    self._deliver_points(waiting, after)
                    waiting = []
            else:
                self._deliver_points(waiting, end)
                waiting = []
                self._send(entry)
                self.place.delivered(self.place.store_id, after)
            end = after
        self._deliver_points(waiting, end)

    def _deliver_points(self, points: list[Point], end: int) -> None:
        if points:
            self._deliver(points)
            self.place.delivered(self.place.store_id, end)

    def _send(self, entry: Mapping[str, Any]) -> None:
        """One line of the journal that is no point; one that the store refuses for good is said and left out."""
        verbs = {"parameters": self._parameters, "tags": self._tag, "status": self._end, "file": self._keep}
        for kind, content in entry.items():
            try:
                if kind in verbs:
                    verbs[kind](content)
            except Refused as error:
                log.warning("the store refused %s: %s", kind, first_line(error))

    def _keep(self, name: str) -> None:
        """Send a file; one that cannot be sent to a store that answers must not hold up all that comes after it."""
        path = self.folder / name
        if not path.is_file():
            raise Refused(f"{path} is not there any more")
        if path.name != name or path.is_symlink():  # a journal may be anybody's
            raise Refused(f"{name} is no file of the run's own folder")
        try:
            self._upload(path)
        except Exception as error:
            self._tag({"heartbeat": str(int(time.time()))})
            raise Refused(f"{name}: {first_line(error)}") from error

    def _keep_delivering(self) -> None:
        """What the thread does: deliver at every interval, more rarely while the store is away."""
        often = max(min(self.interval, HEARTBEAT), 0.05)
        self.deliver()
        pause = often
        while not self._leaving.wait(pause):
            if self.trouble or time.monotonic() - self._delivered_at >= self.interval:
                self.deliver()
            pause = min(max(1.0, 2 * pause), max(PATIENCE, often)) if self.trouble else often
            if not self.trouble and time.monotonic() - self._beat_at > HEARTBEAT:
                self._beat_at = time.monotonic()
                with contextlib.suppress(Exception):
                    self._tag({"heartbeat": str(int(time.time()))})
        self.deliver()
        with contextlib.suppress(Exception):
            for entry in self._last[2:]:  # what could not be written down
                self._send(entry)


def ending(error: BaseException | None) -> tuple[str, str]:
    """How a run ended by this exception (or none) is recorded: MLflow's status, our outcome."""
    if error is None:
        return "FINISHED", "completed"
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted"
    return "FAILED", getattr(error, "outcome", "failed")
