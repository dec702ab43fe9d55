"""Bringing a store up to date from the journal of a run: by a thread while the run goes on, or later by anybody."""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.errors import first_line
from .folder import JOURNAL, RunFolder, facts
from .journal import Journal, Point

log = logging.getLogger("experiments")

HEARTBEAT = 30.0  # seconds between signs of life in the store
PATIENCE = 60.0  # seconds at most between two attempts to reach a store that is away
BATCH = 1000  # points that are sent together


class Refused(ValueError):
    """The store will never take this: trying again is of no use."""


class Gone(ValueError):
    """The store does not know the run any more."""


class Delivery:
    """What the store of one run has seen of its journal, and what it is still to see.

    A store subclasses it with the verbs `_begin`, `_parameters`, `_deliver`, `_tag`, `_upload` and `_end`.
    """

    store = "memory"  # what names the store, so that no journal is sent to another one
    journal: Journal

    def __init__(self, folder: Path, interval: float):
        """The run's own folder, and the seconds between deliveries."""
        self.place, self.folder, self.interval = RunFolder(folder), folder, interval
        self.trouble: str | None = None  # what went wrong with the last delivery
        self.retries = -1  # to make the run known to the store
        self._delivering, self._leaving = threading.Lock(), threading.Event()
        self._tried = threading.Event()  # the store was asked once at least
        self._delivered_at = self._beat_at = 0.0
        self._last: list[Mapping[str, Any]] = []  # lines of the end that found no place in the journal

    def settle(self, failure: str | None = None) -> str | None:
        """Look after a run whose process is gone: close it if it never ended, send what waits; what was done, if any.

        With a `failure` it is closed as FAILED for that reason, else as KILLED. ValueError if its process is not gone.
        """
        known = facts(self.folder / JOURNAL)
        if known.get("store") != self.store:
            return None
        self.journal = self.place.open(self.store)
        try:
            known = facts(self.folder / JOURNAL)  # as it is now that we hold it
            died = self.place.was_left_open and known.get("status", "RUNNING") == "RUNNING"
            if died:
                killed = {"tags": {"outcome": "interrupted"}, "status": "KILLED"}
                failed = {"tags": {"outcome": "failed", "error": failure}, "status": "FAILED"}
                self.journal.append(failed if failure else killed)
            waited = any(True for _ in self.journal.entries(self.place.offset))
            self.retries = 0
            if waited:
                self.deliver()
            if self.trouble:
                return self.trouble
            if died:
                return f"its process died: closed as {'FAILED' if failure else 'KILLED'}"
            return "delivered" if waited else None
        finally:
            self.place.close()

    def deliver(self) -> None:
        """Bring the store up to date; what it does not take goes on waiting, and `trouble` says why."""
        with self._delivering:
            try:
                try:
                    self._replay()
                except Gone:  # it was deleted, or the store itself: all is sent again
                    self.place.forget()
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
