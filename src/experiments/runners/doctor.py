"""Runs whose process is gone: closed or gone on with, and their journals sent."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..config.checks import at_least
from ..config.errors import first_line
from ..tracking.folder import JOURNAL, Busy, facts
from ..training.final_report import tracker_overrides

if TYPE_CHECKING:
    from ..experiment import Experiment

log = logging.getLogger("experiments")


class Doctor:
    """Look after the run folders of `tracker.folder` and the runs of the store.

    A run whose process died is closed as KILLED, and what its journal holds for the store is sent. With `action`
    resume the ones that did not come to their end are then gone on with, one after the other. A run of another machine
    is closed when it gave no sign of life for `silent` seconds.
    """

    def __init__(self, *, action: Literal["close", "resume"], silent: float):
        at_least(60, silent=silent)
        self.action, self.silent = action, silent

    def run(self, experiment: "Experiment") -> None:
        tracker = experiment.tracker
        folder = Path(tracker.options["folder"]).absolute()
        unfinished = 0
        for journal in sorted(folder.glob(f"*/{JOURNAL}"), key=began):
            name = journal.parent.name
            try:
                done = tracker.build(name=name, tags={}).settle()
            except Busy:
                log.info("%s  is going on", name)
                continue
            except (OSError, ValueError) as error:
                log.warning("%s  cannot be looked after: %s", name, first_line(error))
                continue
            if done:
                log.info("%s  %s", name, done)
            known = facts(journal)
            if known.get("runner") == "train" and known.get("outcome") in ("interrupted", "failed"):
                unfinished += 1
                self._resume(name, experiment)
        for run_id in tracker.target.close_silent(self.silent, **tracker.options):
            log.info("run %s  silent for more than %g s: closed as KILLED", run_id, self.silent)
        log.info("runs in %s that can be resumed: %d", folder, unfinished)

    def _resume(self, name: str, experiment) -> None:
        command = [f"resume={name}", *tracker_overrides(experiment.overrides)]
        if self.action == "close":
            log.info("%s  did not come to its end: experiments %s goes on with it", name, " ".join(command))
        elif subprocess.run([sys.executable, "-m", "experiments", *command], check=False).returncode:
            log.warning("%s  could not be gone on with", name)


def began(journal: Path) -> float:
    """When the run of a journal began: a sweep is made known to a store before its jobs are."""
    try:
        return float(facts(journal).get("started", 0.0))
    except OSError:
        return 0.0
