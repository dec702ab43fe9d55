"""Delivery: updates a store from the journal of a run, in a thread or later in another process."""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..config.errors import first_line
from .backend import Backend, Content, Deleted, Gone
from .folder import Delivered, RunFolder, write_delivered
from .journal import Point
from .sending import send_entry, send_heartbeat, send_points

log = logging.getLogger("experiments")

HEARTBEAT = 30.0  # seconds between updates of the tag `heartbeat`, which shows that the process lives
MAX_PAUSE = 60.0  # seconds at most between two attempts to reach a store
BATCH_SIZE = 1000  # points that are sent together


class Delivery:
    """Sends what the store of one run has not received of its journal.

    Once the journal is closed nothing is read or recorded any more, so a thread that still waits for the store cannot
    touch a run that is opened later.
    """

    def __init__(self, folder: RunFolder, connect: Callable[[], Backend], delivered: Delivered, may_exist: bool):
        """`delivered` is how far the store has received the journal; a run without an id there `may_exist` in it.

        `connect` makes the backend; it may take seconds, and is called by the first delivery.
        """
        self._connect = connect
        self._backend: Backend | None = None
        self._folder, self._journal, self._name = folder, folder.journal, folder.path.name
        self._store, self._store_id, self._may_exist = delivered.store, delivered.store_id or "", may_exist
        # beyond the end if lines were lost with the machine: what is left is sent again
        self._offset = delivered.offset if delivered.offset <= self._journal.end else 0
        self.error: str | None = None  # why the last attempt failed
        self.is_deleted = False  # whether that is because the run was deleted in the store
        self._delivering = threading.Lock()
        self._connected, self._attempted, self._finishing = (threading.Event() for _ in range(3))
        self._connected_at = 0.0
        self._unwritten: Mapping[str, Any] = {}
        self._delivered_at, self._heartbeat_at = 0.0, -math.inf
        self._is_live = False  # whether the process of the run itself delivers
        self._thread = threading.Thread(target=self._deliver_regularly, name="delivery", daemon=True)

    @property
    def backend(self) -> Backend:
        """The run in the store."""
        if self._backend is None:
            try:
                backend = self._connect()
                backend.run_id = self._store_id
                self._backend = backend
            finally:
                self._connected_at = time.monotonic()
                self._connected.set()
        return self._backend

    @property
    def run_id(self) -> str:
        """The store's own name of the run; empty until it knows the run."""
        return self._store_id if self._backend is None else self._backend.run_id

    @property
    def page(self) -> tuple[str | None, str | None]:
        """The address of a server that always shows the run, and the part of the page's address after it."""
        return (None, None) if self._backend is None else (self._backend.server, self._backend.view)

    @property
    def num_waiting(self) -> int:
        """Lines of the journal that the store has not received."""
        return sum(1 for _ in self._journal.entries(self._offset))

    @property
    def is_behind(self) -> bool:
        """Whether the store has not received the whole journal."""
        return any(True for _ in self._journal.entries(self._offset))

    def start(self, interval: float) -> None:
        """Deliver every `interval` seconds in a thread, for the first time at once."""
        self._interval, self._is_live = interval, True
        self._thread.start()

    def wait(self, timeout: float | None) -> None:
        """Wait until something was delivered or an attempt failed, at most `timeout` seconds from when that began."""
        self._connected.wait()  # libraries may have to be imported first
        self._attempted.wait(None if timeout is None else max(0.0, self._connected_at + timeout - time.monotonic()))

    def finish(self, timeout: float, unwritten: Mapping[str, Any] | None = None) -> None:
        """Deliver a last time and end the thread, waiting at most `timeout` seconds.

        `unwritten` is a last entry that could not be written to the journal and is sent directly.
        """
        self._unwritten = unwritten or {}
        self._finishing.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def deliver(self) -> None:
        """Update the store; what it does not accept stays in the journal, and `error` says why."""
        with self._delivering:
            try:
                try:
                    self._replay()
                except Gone:  # the run was deleted in the store, or the store itself: everything is sent again
                    self.backend.run_id, self._offset, self._heartbeat_at = "", 0, -math.inf
                    self._replay()
            except Exception as error:  # whatever a store can raise: no run may fail because of it
                if self._journal.is_closed:
                    return
                failure = f"the store could not be updated: {first_line(error)[:300]}"
                if self.error is None:
                    log.warning("%s; the run's journal keeps what is missing", failure)
                self.error, self.is_deleted = failure, isinstance(error, Deleted)
            else:
                if self.error is not None:
                    log.info("the store is reachable again and up to date")
                self.error, self.is_deleted = None, False
            self._delivered_at = time.monotonic()
            self._attempted.set()

    def repair(self, thorough: bool) -> list[str]:
        """Compare the store with the journal, and send everything again if something is missing; what was missing.

        What a store answered is no proof that it still has it: it may have been copied back from a backup since.
        """
        missing = self._missing(thorough)
        if missing:
            log.warning("the store lacks %s of the run %s: everything is sent again", ", ".join(missing), self._name)
            self.resend()
            if self.error is None and (still := self._missing(thorough)):
                log.warning("the store still lacks %s of the run %s", ", ".join(still), self._name)
        return missing

    def resend(self) -> None:
        """Send the whole journal again, to a new run if the store does not show the old one."""
        self._offset = 0
        if self.is_deleted:
            self.backend.run_id = ""
        self.deliver()

    def _missing(self, thorough: bool) -> list[str]:
        try:
            return self.backend.missing(Content.of(self._journal.entries(0)), thorough)
        except Gone:
            return ["everything"]
        except Exception as error:  # as in `deliver`
            self.error, self.is_deleted = f"cannot be compared: {first_line(error)[:300]}", isinstance(error, Deleted)
            return []

    def _replay(self) -> None:
        """Send every line that the store has not received, in order; consecutive points are sent together."""
        if not self.backend.run_id:
            self._begin()
        points: list[Point] = []
        end = self._offset
        for entry, after in self._journal.entries(self._offset):
            self._beat()  # before a line says RUNNING: by its last heartbeat a run that is resumed is dead
            if points and ("key" not in entry or len(points) == BATCH_SIZE):
                send_points(self.backend, points)
                self._record(end)
                points = []
            if "key" in entry:
                points.append(Point(**entry))
            else:
                send_entry(self.backend, entry, self._folder.path)
                self._record(after)
            end = after
        if points:
            send_points(self.backend, points)
            self._record(end)

    def _begin(self) -> None:
        first, _ = next(self._journal.entries(0), ({}, 0))
        may_exist, self._may_exist = self._may_exist, True
        self.backend.run_id = self.backend.begin(first.get("started", time.time()), may_exist)
        self._record(0)

    def _record(self, offset: int) -> None:
        with self._journal.kept_open():
            self._offset = offset
            write_delivered(self._folder.path, Delivered(self._store, self.backend.run_id, offset))

    def _beat(self) -> None:
        """Tell the store that the process of the run lives, if it has not been told for HEARTBEAT seconds."""
        if self._is_live and time.monotonic() - self._heartbeat_at > HEARTBEAT:
            send_heartbeat(self.backend)
            self._heartbeat_at = time.monotonic()

    def _deliver_regularly(self) -> None:
        """Deliver at every interval, less often while the store cannot be reached, and once more at the end."""
        shortest = max(min(self._interval, HEARTBEAT), 0.05)
        self.deliver()
        pause = shortest
        while not self._finishing.wait(pause):
            if self.error or time.monotonic() - self._delivered_at >= self._interval:
                self.deliver()
            pause = min(max(1.0, 2 * pause), MAX_PAUSE) if self.error else shortest
            if not self.error:
                with contextlib.suppress(Exception):
                    self._beat()
        self.deliver()
        if not self._journal.is_closed:
            with contextlib.suppress(Exception):
                send_entry(self.backend, self._unwritten, self._folder.path)
        if not (self._journal.is_closed or self.error or self._unwritten):
            self.repair(thorough=False)
