"""One run being recorded: whatever happens is first a line of the journal in its folder.

A thread replays what is new to the store (see `delivery`), so training neither waits for a store that is slow nor ends
because of one that is away; what it has not taken waits in the journal.
"""

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..config.atomic import atomic_write
from ..config.checks import at_least
from ..config.errors import first_line
from .delivery import Delivery
from .folder import JOURNAL, facts
from .record import Recorded, recorded_in

log = logging.getLogger("experiments")

SILENT = 600.0  # seconds without one before a run of another machine counts as dead
START, END = 10.0, 60.0  # seconds that a run waits for its store before it begins and when it is over


class QuietFile(logging.FileHandler):
    """A log file that does not shout when the disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class Tracker(Delivery):
    """A context manager around one run; a store subclasses it with the verbs of a `Delivery`.

    Leaving it ends the run: FINISHED, KILLED after an interruption, FAILED after any other exception, with the tag
    `outcome` (completed, interrupted, failed), unless the exception's attributes `status` and `outcome` say otherwise.
    """

    has_page = False  # whether the store can be looked at
    address: str | None = None  # of that page, where it is always there

    def __init__(self, *, folder: str, interval: float, required: bool, name: str, tags: Mapping[str, str]):
        """`folder` is the parent of all run folders; `interval` the seconds between deliveries to the store.

        With `required`, a store in trouble fails the run. A run of this name that is in the folder is continued.
        """
        at_least(0, interval=interval)
        super().__init__(Path(folder).absolute() / name, interval)
        self.name, self.tags, self.required = name, dict(tags), required
        self.undelivered = 0  # lines that the store had not taken when the run ended

    @property
    def run_id(self) -> str:
        """What names the run: the store's id, or the name of its folder while the store knows nothing of it."""
        return self.place.store_id or self.name

    @classmethod
    def find_checkpoint(cls, which: str, into: Path, **_: Any) -> tuple[Path, str]:  # noqa: ARG003 - nothing to copy
        """A run id or "latest" -> its best checkpoint, copied into a folder, and its run id. ValueError if none."""
        raise ValueError(f"there is no checkpoint file {which!r}, and a {cls.__name__} keeps no runs to look in")

    @classmethod
    def recorded(cls, which: str | None, *, folder: str, **_: Any) -> tuple[Recorded | None, list[Recorded]]:
        """A sweep (its id or name; None: the latest) and its runs, from the run folders. ValueError if there is none.

        A store that can search may return None and the training runs that fit a filter, too.
        """
        return recorded_in(Path(folder).absolute(), which)

    @classmethod
    def close_silent(cls, silent: float, **_: Any) -> list[str]:  # noqa: ARG003 - nobody else is in this memory
        """End runs of the store that gave no sign of life for so many seconds as KILLED; their ids."""
        return []

    def __enter__(self) -> Self:
        self.journal = self.place.open(self.store)
        self._entered = time.time()
        self._seconds = float(facts(self.folder / JOURNAL).get("seconds", 0.0))  # of earlier processes
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
        seconds = self._seconds + time.time() - self._entered
        tags = {"outcome": outcome, "seconds": f"{seconds:.1f}"}
        if error is not None or self.resumed:  # what stopped a run before it was resumed is over
            tags["error"] = "" if error is None else first_line(error)[:500]
        if status == "FAILED":
            self.log_text("traceback.txt", "".join(traceback.format_exception(kind, error, trace)))
        log.removeHandler(self._log_file)
        with contextlib.suppress(OSError):  # a full disk
            self._log_file.close()
        self.end(status, tags)

    def end(self, status: str, tags: Mapping[str, str]) -> None:
        """Write down how the run ended, give the store some time to take it and let go of the folder."""
        # outcome and status in one line: a process can be killed between two
        self._last = [{"file": "run.log"}, {"file": JOURNAL}, {"tags": dict(tags), "status": status}]
        try:
            self.journal.append(*self._last)
            self._last = []
        except OSError as error:  # a full disk: then the store at least shall know
            log.warning("the end of the run could not be written down: %s", first_line(error))
        self._leaving.set()
        self._courier.join(END)
        self.undelivered = sum(1 for _ in self.journal.entries(self.place.offset))
        self.place.close()

    def log_config(self, parameters: Mapping[str, Any]) -> None:
        """Parameters by flattened, dotted key; a resumed run has them, unless it was killed before it wrote them."""
        if not self.journal.has_parameters:
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
        try:
            with atomic_write(self.folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
            self.log_file(self.folder / name)
        except OSError as error:
            log.warning("%s could not be written: %s", name, first_line(error))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.journal.append({"tags": dict(tags)})


def ending(error: BaseException | None) -> tuple[str, str]:
    """How a run ended by this exception (or none) is recorded: MLflow's status, our outcome."""
    if error is None:
        return "FINISHED", "completed"
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted"
    return getattr(error, "status", "FAILED"), getattr(error, "outcome", "failed")
