"""One run being recorded: everything is first a line of the journal in the run's folder.

A thread replays new lines to the store (see delivery.py), so training neither waits for a slow store nor fails because
one cannot be reached; what the store has not received stays in the journal.
"""

import contextlib
import logging
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..config.atomic import atomic_write
from ..config.errors import first_line
from .folder import JOURNAL, RunFolder
from .record import RunRecord
from .store import Store

log = logging.getLogger("experiments")

START_TIMEOUT = 10.0  # seconds in which a store can tell the id of a run
END_TIMEOUT = 60.0  # seconds that a run waits for its store after it ended
LOG = "run.log"


class QuietFileHandler(logging.FileHandler):
    """A log file that prints no traceback when the disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class Run:
    """A context manager around one run of a store; a run of this name that is already in the folder is resumed.

    One that `is_new` gets a folder of its own, and the folder's name: that of another run is not taken.

    Leaving it ends the run: FINISHED, KILLED after an interruption, FAILED after any other exception, with the tag
    `outcome` (completed, interrupted, failed), unless the exception's attributes `status` and `outcome` say otherwise.
    """

    def __init__(self, store: Store, name: str, tags: Mapping[str, str], is_new: bool = False):
        self._is_new = is_new
        self.store, self.name, self.tags = store, name, dict(tags)
        self.folder = store.folder / name
        self.num_undelivered = 0  # lines that the store had not received when the run ended

    @property
    def run_id(self) -> str:
        """The store's id of the run, or the name of its folder where the store does not know it in time."""
        self.wait_for_store()
        return self.delivery.run_id or self.name

    @property
    def page(self) -> tuple[str | None, str | None]:
        """The address of a server that always shows the run, and the part of the page's address after it."""
        return self.delivery.page

    def wait_for_store(self) -> None:
        """Wait until the store knows the run, at most START_TIMEOUT seconds from when it was asked."""
        if not self.delivery.run_id:
            self.delivery.wait(START_TIMEOUT)

    def __enter__(self) -> Self:
        self._locked = RunFolder.new(self.store.folder, self.name) if self._is_new else RunFolder(self.folder)
        self.folder, self.name = self._locked.path, self._locked.path.name
        self.journal = self._locked.journal
        self.resumed = self.journal.end > 0
        earlier = RunRecord.of(self.folder)
        self.delivery = self.store.delivery(self._locked, may_exist=self.resumed)
        try:
            self._begin(earlier)
        except BaseException:
            if self.resumed:
                self._restore(earlier)
            self.delivery.finish(START_TIMEOUT)
            self._locked.close()
            if not self.resumed:  # nothing was recorded, so nothing is left behind
                self._locked.remove()
            raise
        self._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(self._log_file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status, outcome = ending(error)
        seconds = self._earlier_seconds + time.time() - self._entered
        tags = {"outcome": outcome, "seconds": f"{seconds:.1f}"}
        if error is not None or self.resumed:  # the error that stopped a run does not apply once it was resumed
            tags["error"] = "" if error is None else first_line(error)[:500]
        try:
            if status == "FAILED":
                self.log_text("traceback.txt", "".join(traceback.format_exception(kind, error, trace)))
            log.removeHandler(self._log_file)
            with contextlib.suppress(OSError):  # a full disk
                self._log_file.close()
        finally:  # also after a second signal
            self._end({"tags": tags, "status": status})  # one line: a process can be killed between two
        if error is None:
            self._check_required()

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Record parameters by dotted key; a resumed run has them, unless it was killed before it recorded them."""
        if not self.journal.has_parameters:
            self.journal.append({"parameters": _texts(parameters)})

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Record metrics at a step; those recorded at this step before the run was resumed stay as they are."""
        self.journal.log_metrics(metrics, step)
        self._check_required()

    def log_dataset(self, name: str, digest: str, sizes: Mapping[str, str]) -> None:
        """Record what the run reads; the digest tells data of one name apart."""
        self.journal.append({"dataset": {"name": name, "digest": digest, **_texts(sizes)}})

    def log_file(self, path: Path) -> None:
        """Store a file of the run's folder as an artifact."""
        self.journal.append({"file": path.name})

    def log_model(self, path: Path) -> None:
        """Store a checkpoint of the run's folder as a model that the store can serve."""
        self.journal.append({"model": path.name})

    def log_text(self, name: str, text: str) -> None:
        """Write a file into the run's folder and store it; logs a warning if it cannot be written.

        What UTF-8 does not have, as in the name of a file in another encoding, is escaped.
        """
        try:
            with atomic_write(self.folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            self.journal.append({"file": name})
        except OSError as error:
            log.warning("%s could not be written: %s", name, first_line(error))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.journal.append({"tags": _texts(tags)})

    def _begin(self, earlier: RunRecord) -> None:
        """Append this process's first line to the journal, open the log file and start the delivery."""
        self._entered = time.time()
        self._earlier_seconds = float(earlier.tags.get("seconds", 0.0))
        begins = {"status": "RUNNING"} if self.resumed else {"run": self.name, "started": time.time()}
        tags = _texts(self.tags) | {"outcome": "running"}
        self.journal.append({**begins, "store": self.store.identifier, "tags": tags})
        self._log_file = QuietFileHandler(self.folder / LOG, encoding="utf-8", errors="backslashreplace")
        self.delivery.start(self.store.interval)
        if self.store.required:
            self.delivery.wait(None)
            self._check_required()

    def _restore(self, earlier: RunRecord) -> None:
        """Record that a run that could not be resumed is again what it was, in the store that it was in."""
        tags = {key: text for key, text in earlier.tags.items() if key in self.tags}
        tags["outcome"] = earlier.outcome or "failed"
        store = {} if earlier.store is None else {"store": earlier.store}
        with contextlib.suppress(OSError):  # a full disk: the run is closed by a later start
            self.journal.append({**store, "tags": tags, "status": earlier.status})

    def _check_required(self) -> None:
        if self.store.required and self.delivery.error:
            raise ConnectionError(f"tracker.required=true, but {self.delivery.error}")

    def _end(self, last: Mapping[str, Any]) -> None:
        """Append the last line, give the store some time to receive it, and unlock the folder.

        On a full disk the last line is sent without the journal. What counts is the journal, so a later start closes
        the run as one whose process died: then it can be resumed.
        """
        unwritten = None
        try:
            try:
                self.journal.append({"file": LOG}, {"file": JOURNAL}, last)
            except OSError as error:
                log.warning("the end of the run could not be recorded: %s", first_line(error))
                unwritten = last
            self.delivery.finish(END_TIMEOUT, unwritten)
            self.num_undelivered = self.delivery.num_waiting
        finally:  # also after a second signal
            self._locked.close()


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def ending(error: BaseException | None) -> tuple[str, str]:
    """MLflow's status and our outcome of a run that ended with this exception, or none."""
    if error is None:
        return "FINISHED", "completed"
    is_stopped = isinstance(error, KeyboardInterrupt)
    status, outcome = ("KILLED", "interrupted") if is_stopped else ("FAILED", "failed")
    return getattr(error, "status", status), getattr(error, "outcome", outcome)
