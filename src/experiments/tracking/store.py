"""A store: the place where runs are kept, as a `tracker` section describes it."""

import abc
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ..config.checks import at_least
from .backend import Backend
from .delivery import Delivery
from .folder import LOCK, Delivered, RunFolder, read_delivered
from .record import DIED, RunRecord
from .records import beginnings_in
from .selection import Folders, Selection, select

log = logging.getLogger("experiments")

IfDeleted = Literal["report", "restore", "forget", "resend"]
UNLASTING = "memory"  # the identifier of a store that ends with its process
FORGOTTEN = "none"  # instead of a store's identifier in the journal of a run that is not delivered any more
MAX_SILENCE = 600.0  # seconds without a heartbeat after which a run of another machine counts as dead


class Store(abc.ABC):
    """A place that keeps runs. Each run also has a folder with its journal in one parent folder."""

    identifier: str  # names the store in journals, so that no line counts as received by another store
    is_lasting = True  # whether it keeps runs after the process has ended
    serves_models = False  # whether it keeps the best network of a run as a model that it can serve
    has_page = False  # whether it can be viewed in a browser

    def __init__(self, *, folder: str, interval: float, required: bool):
        """`folder` is the parent of all run folders; `interval` the seconds between deliveries.

        With `required`, a store that cannot be updated fails the run.
        """
        at_least(0, interval=interval)
        self.folder, self.interval, self.required = Path(folder).absolute(), interval, required

    @abc.abstractmethod
    def backend(self, name: str) -> Backend:
        """The run of this name, for its delivery."""

    def find_checkpoint(self, which: str, into: Path) -> tuple[Path, str]:  # noqa: ARG002 - nothing to copy
        """A run id or "latest" -> its best checkpoint and its run id; one from elsewhere is copied into a folder.

        ValueError if there is none.
        """
        raise ValueError(f"there is no checkpoint file {which!r}, and a {type(self).__name__} keeps no checkpoints")

    def select(self, which: Sequence[str]) -> Selection:
        """The runs that names or ids of sweeps and runs, `latest:N` and filters mean; nothing: the latest sweep.

        A store that cannot search knows no filter. ValueError for what is not there.
        """
        return select(which, Folders(beginnings_in(self.folder), str(self.folder)))

    def close_silent(self, seconds: float) -> list[str]:  # noqa: ARG002 - only a shared store has runs of others
        """End runs of the store without a heartbeat for so many seconds as KILLED; returns their ids."""
        return []

    def dashboard(self, host: str, port: int) -> tuple[str, list[str], dict[str, str]]:
        """The address of the store's page, and the command and added environment that serve it.

        The command is empty if the page is always served. ValueError if the store has none (see `has_page`).
        """
        raise ValueError(f"a {type(self).__name__} has no page, so none on {host}:{port}")

    def delivery(self, folder: RunFolder, may_exist: bool) -> Delivery:
        """What updates this store from a run's journal; `may_exist`: the run may exist in the store already."""
        delivered = read_delivered(folder.path)
        if delivered.store != self.identifier or not self.is_lasting:
            delivered = Delivered(self.identifier)
        return Delivery(folder, lambda: self.backend(folder.path.name), delivered, may_exist)

    def close_dead_run(self, name: str, failure: str | None = None, if_deleted: IfDeleted | None = None) -> str | None:
        """Close a run of this store whose process died, and deliver what the store lacks; what was done, if anything.

        It ends as FAILED with a `failure`, else as KILLED. With `if_deleted` what the store has is compared with the
        journal, point by point, and this is done if the run was deleted there. Busy if its process is alive, OSError if
        the folder cannot be used.
        """
        record = RunRecord.of(self.folder / name)
        if record.store != self.identifier:
            return None
        with contextlib.closing(RunFolder(record.folder)) as folder:
            record.refresh()  # its process may have ended it before the folder was locked
            done = None
            if record.status == "RUNNING":  # and no process has locked it
                tags = {"outcome": "failed", "error": failure} if failure else {"outcome": "interrupted"}
                status = "FAILED" if failure else "KILLED"
                folder.journal.append({"tags": {**tags, DIED: str(record.step)}, "status": status})
                done = f"its process died: closed as {status}"
            return self._deliver(folder, done, if_deleted) if self.is_lasting else done

    def _deliver(self, folder: RunFolder, done: str | None, if_deleted: IfDeleted | None) -> str | None:
        delivery = self.delivery(folder, may_exist=True)
        is_behind = delivery.is_behind
        if is_behind:
            delivery.deliver()
        if if_deleted is None:
            return delivery.error or done or ("delivered" if is_behind else None)
        missing = [] if delivery.error else delivery.repair(thorough=True)
        if delivery.is_deleted and if_deleted == "forget":
            folder.journal.append({"store": FORGOTTEN})
            return "was deleted in the store and is not sent again"
        if delivery.is_deleted and if_deleted == "restore":
            delivery.backend.restore()
            delivery.resend()
        elif delivery.is_deleted and if_deleted == "resend":
            delivery.resend()
        return delivery.error or done or ("delivered" if is_behind or missing else None)

    def is_own(self, record: RunRecord) -> bool:
        """Whether a run in the folder is one of this store, or of none that lasts."""
        return record.store in (self.identifier, FORGOTTEN, None, UNLASTING)

    def delete(self, name: str) -> None:
        """Delete a run that ended, in the store and its folder. Busy if its process is alive.

        If the store cannot be reached, nothing is deleted: ConnectionError or another exception.
        """
        record = RunRecord.of(self.folder / name)
        with contextlib.closing(RunFolder(record.folder)) as folder:
            record.refresh()  # it may have been resumed before the folder was locked
            if record.status == "RUNNING" or not self.is_own(record):
                raise ValueError("it did not end, or is a run of another store")
            if record.store == self.identifier:
                self.delete_stored(record.run_id)
            folder.remove()
            if record.folder.exists():
                raise OSError(f"not all files of {record.folder} could be deleted")

    def delete_stored(self, run_id: str) -> bool:  # noqa: ARG002 - nothing to delete
        """Delete what the store has of a run; whether it had it."""
        return False

    def close_dead_runs(self, own: str) -> None:
        """Close all other runs whose process died, in the folder and in the store; logs which."""
        for record in beginnings_in(self.folder, LOCK):
            name = record.folder.name
            with contextlib.suppress(ValueError, OSError):  # its process is alive, or it belongs to another user
                if name != own and (done := self.close_dead_run(name)):
                    record.refresh()
                    log.info("%s  %s%s", name, done, f"; resume={name} resumes it" if record.can_be_resumed else "")
        with contextlib.suppress(ValueError, OSError):  # the store cannot be reached
            for run_id in self.close_silent(MAX_SILENCE):
                log.info("run %s  silent for more than %g s: closed as KILLED", run_id, MAX_SILENCE)
