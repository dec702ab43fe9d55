"""The runner that closes or resumes runs whose process died, and delivers their journals."""

import logging
import subprocess
import sys
from typing import Literal

from ..config.checks import at_least
from ..config.errors import first_line
from ..experiment import Experiment
from ..tracking.folder import Busy
from ..tracking.record import RunRecord
from ..tracking.records import records_in
from ..tracking.store import IfDeleted, Store
from ..training.final_report import tracker_overrides

log = logging.getLogger("experiments")


class Doctor:
    """Check all run folders in `tracker.folder` and the runs of the store.

    A run whose process died is closed as KILLED. What the store has of each run is compared with its journal, and what
    it lacks is delivered; `deleted` says what is done about a run that was deleted in the store. With `action` resume,
    trainings that did not complete are then resumed one after the other. A run of another machine is closed if it had
    no heartbeat for `silent` seconds.
    """

    def __init__(self, *, action: Literal["close", "resume"], deleted: IfDeleted, silent: float):
        at_least(60, silent=silent)
        self.action, self.deleted, self.silent = action, deleted, silent

    def run(self, experiment: Experiment) -> None:
        store, num_unfinished = experiment.store, 0
        for record in records_in(store.folder):  # in order of their start: a sweep must be known before its jobs
            if self._close(record, store) and record.can_be_resumed:
                num_unfinished += 1
                self._resume(record.folder.name, experiment)
        for run_id in store.close_silent(self.silent):
            log.info("run %s  silent for more than %g s: closed as KILLED", run_id, self.silent)
        log.info("runs in %s that can be resumed: %d", store.folder, num_unfinished)

    def _close(self, record: RunRecord, store: Store) -> bool:
        """Close and deliver a run; whether no process works on it."""
        try:
            done = store.close_dead_run(record.folder.name, if_deleted=self.deleted)
        except Busy:
            log.info("%s  is in progress", record.folder.name)
            return False
        except (OSError, ValueError) as error:
            log.warning("%s  cannot be closed: %s", record.folder.name, first_line(error))
            return False
        if done:
            log.info("%s  %s", record.folder.name, done)
        record.refresh()
        return True

    def _resume(self, name: str, experiment: Experiment) -> None:
        command = [f"resume={name}", *tracker_overrides(experiment.overrides)]
        if self.action == "close":
            log.info("%s  did not complete: experiments %s resumes it", name, " ".join(command))
        elif subprocess.run([sys.executable, "-m", "experiments", *command], check=False).returncode:
            log.warning("%s  could not be resumed", name)
