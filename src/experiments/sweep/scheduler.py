"""The jobs of a sweep are launched until all are over, whatever happens to some of them."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib

from ..config.errors import first_line
from ..tracking.folder import Busy
from ..tracking.interruption import Stop
from .job import run_planned
from .job_context import STOP
from .job_table import Ledger
from .options import Options
from .parent import Parent
from .plan import Job
from .screen import Screen, show_plan

log = logging.getLogger("experiments.sweep")

RESTARTS = 3  # launches in a row that may break down without any job getting on


class Incomplete(ValueError):
    """Some jobs of a sweep did not come to their end."""

    outcome = "failed"


class TimeOver(Exception):
    """The budget is used up before all jobs are done; the sweep goes on when its command is given again."""

    status, outcome = "KILLED", "interrupted"


class Rounds:
    """Launches, and launches again what did not come to its end."""

    def __init__(self, options: Options, folder: Path, parent: Parent, launcher, workers: int | None, stop: Stop):
        self.options, self.folder, self.parent, self.launcher, self.stop = options, folder, parent, launcher, stop
        self.workers = workers
        self.ledger = Ledger(folder.parent, options.attempts)
        self.deadline = None if options.budget is None else time.time() + options.budget
        self.stop_file = folder / STOP
        self.is_cut_short = True  # until nothing more is proposed

    def run(self, search) -> None:
        """Everything from the first proposal to the report. Incomplete, or Interrupted, after the report is written."""
        self.stop_file.unlink(missing_ok=True)
        batch = self.options.batch or (self.workers if self.options.learns else None)
        try:
            with Screen(self._tick) as self.screen:
                while not self._is_late():
                    jobs = search.propose(batch)
                    if not jobs:
                        self.is_cut_short = False
                        break
                    once = list({job.name: job for job in jobs}.values())  # a search may draw one point twice
                    self._add(once)
                    self._complete(once)
                    for job in jobs:
                        if self.ledger.is_done(job):
                            search.observe(job, self.ledger.watches[job.name])
        except BaseException:
            self.stop_file.touch()  # for jobs that go on elsewhere
            self._settle(wait=False)
            raise
        finally:
            with contextlib.suppress(OSError):
                self.parent.progress(self.ledger.watches)
            self.parent.report()
        self._say_what_is_missing()

    def _add(self, jobs: Sequence[Job]) -> None:
        watches = self.ledger.add(jobs)
        if not self.screen.watches:
            log.info("%s: %d jobs, %d of them over", self.folder.name, len(jobs), sum(w.is_over for w in watches))
            show_plan(jobs, watches)
        total = len(self.ledger.jobs) if self.options.search == "grid" else self.options.trials
        self.screen.add(jobs, watches, total)

    def _complete(self, jobs: Sequence[Job]) -> None:
        """Launch these jobs until each is over, failed too often, or no more may be begun."""
        suspects: list[Job] = []
        barren = 0
        while (left := [job for job in jobs if not self.ledger.is_done(job)]) and not self._is_late():
            self._settle(wait=True)
            suspects = [job for job in suspects if job in left]
            before = self.ledger.progress()
            launched = suspects[:1] or left
            broken = self._launch(launched)
            self.stop.check()
            suspects = suspects[1:]
            if broken is not None:
                begun = launched if len(launched) == 1 else [job for job in left if self.ledger.was_left_open(job)]
                suspects += [job for job in begun if job not in suspects]
                barren = 0 if self.ledger.progress() != before else barren + 1
                if barren >= RESTARTS:
                    raise broken
        self._settle(wait=False)

    def _launch(self, jobs: Sequence[Job]) -> Exception | None:
        """Hand jobs to the launcher; what it raised, if it broke down, as when a worker was killed."""
        failures = [self.ledger.watches[job.name].failures for job in jobs]
        session = self._session(len(jobs))
        plans = [job.write(self.folder) for job in jobs]
        try:
            results = self.launcher.launch(run_planned, plans, session, len(self.ledger.jobs) - len(jobs))
        except Exception as error:
            log.warning("the launcher broke down: %s", first_line(error))
            if len(jobs) == 1:
                self._blame(jobs[0])
            return error
        finally:
            self.screen.look()
        self.ledger.note(jobs, results, failures)
        return None

    def _blame(self, job: Job) -> None:
        """A job that ran alone when its process was killed has failed; its journal says so, if there is one."""
        if self.ledger.was_left_open(job):
            with contextlib.suppress(ValueError, OSError):
                self.parent.settle(job.name, "its process was killed")
        else:
            self.ledger.lose(job, "its process was killed")

    def _settle(self, wait: bool) -> None:
        """Close runs whose process died; with `wait`, first wait for those that go on in a process of another start."""
        said = False
        while busy := [
            job for job in self.ledger.jobs.values() if self.ledger.was_left_open(job) and not self._close(job)
        ]:
            if not wait:
                return
            self.stop.check()
            if not said:
                log.info("waiting for %d jobs that go on in another process: %s", len(busy), busy[0].label)
            said = True
            time.sleep(0.5)

    def _close(self, job: Job) -> bool:
        """Whether the run could be closed; not while a process works on it."""
        try:
            self.parent.settle(job.name)
        except Busy:
            return False
        except (ValueError, OSError) as error:
            log.warning("%s  cannot be looked after: %s", job.name, first_line(error))
        return True

    def _is_late(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline

    def _session(self, jobs: int) -> dict[str, Any]:
        """What holds for so many jobs that are begun now."""
        workers = min(self.workers or 1, jobs)
        return {
            "folder": str(self.folder),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "deadline": self.deadline,
            "threads": max(1, joblib.cpu_count() // workers) if workers > 1 else None,
            "cwd": os.getcwd(),
        }

    def _tick(self) -> None:
        with contextlib.suppress(OSError):  # a full disk, or a store that is required: the jobs meet it too
            if self.stop.signal is not None and not self.stop_file.exists():
                self.stop_file.touch()
            self.parent.progress(self.ledger.watches)

    def _say_what_is_missing(self) -> None:
        """Incomplete if jobs failed, TimeOver if that is why some are missing."""
        done, number = self.ledger.done(), len(self.ledger.jobs)
        failed = [job for job in done if not self.ledger.came_to_its_end(job)]
        for job in failed:
            watch = self.ledger.watches[job.name]
            log.info("%s  failed: %s (%s)", job.label, watch.tags.get("error", "see above"), watch.folder)
        if failed:
            names = ", ".join(job.label for job in failed[:3]) + (", ..." if len(failed) > 3 else "")
            more = f"hydra.sweeper.attempts={2 * self.options.attempts} tries them again"
            raise Incomplete(f"{len(failed)} of {number} jobs failed: {names}; {more}")
        if self.is_cut_short and (self.options.search != "grid" or len(done) < number):
            log.info("the time is over with %d jobs done; the same command goes on", len(done))
            raise TimeOver
