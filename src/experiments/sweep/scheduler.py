"""The scheduler of a sweep: launches jobs until all are over, even if some fail or a worker is killed."""

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..config.errors import first_line
from ..tracking.interruption import Stop
from ..tracking.provenance import different_code, provenance_tags
from ..tracking.record import RunRecord
from .job import session
from .job_processes import JobProcesses
from .job_status import JobStatus
from .options import SweepOptions
from .parent import Parent
from .plan import Job, Proposer
from .screen import Screen, log_plan

log = logging.getLogger("experiments.sweep")

MAX_IDLE_LAUNCHES = 3  # launches in a row without progress of any job


class Incomplete(ValueError):
    """Some jobs of a sweep failed."""

    outcome = "failed"


class TimeOver(Exception):
    """The budget is used up before all jobs are done; the same command resumes the sweep."""

    status, outcome = "KILLED", "interrupted"


class Launcher(Protocol):
    """Hydra's launcher behind the sweeper plugin."""

    @property
    def num_workers(self) -> int | None:
        """Jobs that it runs side by side on this machine; None if it does not say."""

    def launch(self, plans: Sequence[str], session: Mapping[str, Any], first: int) -> list[Any]:
        """Run jobs by the paths of their plans, counted from `first`; what each returned or raised."""


class Scheduler:
    """Launches jobs, and launches again those that did not end."""

    def __init__(self, options: SweepOptions, folder: Path, parent: Parent, launcher: Launcher, stop: Stop):
        """`folder` is that of the parent run."""
        self.options, self.folder, self.parent, self.launcher, self.stop = options, folder, parent, launcher, stop
        self.jobs: dict[str, JobStatus] = {}
        self.deadline = None if options.budget is None else time.time() + options.budget
        self.processes = JobProcesses(self.jobs, folder, parent.run.store, waits=options.job_timeout is not None)
        self.screen = Screen(self.jobs, 1 if options.search == "grid" else options.trials, self._tick)

    def run(self, proposer: Proposer) -> None:
        """Run all proposed jobs, then write the report.

        Incomplete if jobs failed, TimeOver if the budget is spent, Interrupted after a signal: all after the report.
        """
        self.processes.begin()
        try:
            with self.screen:
                is_complete = self._run_all(proposer)
        except BaseException:
            self.processes.stop(self.stop)
            self.processes.close_killed()
            raise
        finally:
            with contextlib.suppress(OSError):
                self._log_progress()
            self.parent.report()
        self._raise_if_incomplete(is_complete)

    def _run_all(self, proposer: Proposer) -> bool:
        """Run what is proposed until nothing is, or the time is over; whether nothing is left to propose."""
        batch = self.options.batch or (self.launcher.num_workers if self.options.learns else None)
        while jobs := proposer.propose(batch):
            if self._is_late():
                return False
            self._complete(self._add(jobs))
            for job in jobs:
                if self.jobs[job.name].is_done:
                    proposer.observe(job, self.jobs[job.name].record)
            if self._has_failed_fast():
                return False
        return True

    def _add(self, jobs: Sequence[Job]) -> list[JobStatus]:
        """The status of each job as an earlier start of the sweep left it; a search may have drawn a point twice."""
        added = {job.name: self.jobs.get(job.name) or self._status(job) for job in jobs}
        statuses = list(added.values())
        if note := different_code([provenance_tags(), *(status.record.tags for status in statuses)]):
            log.warning("%s", note)
        if not self.jobs:
            num_over = sum(status.record.is_over for status in statuses)
            log.info("%s: %d jobs, %d of them over", self.folder.name, len(statuses), num_over)
            log_plan(statuses)
        self.jobs.update(added)
        return statuses

    def _status(self, job: Job) -> JobStatus:
        """With `fail_fast` failures of earlier starts do not count, as nothing else would start."""
        record = RunRecord.of(self.folder.parent / job.name)
        earlier = record.num_failures + record.num_deaths_here if self.options.fail_fast else 0
        return JobStatus(job, record, self.options.attempts + earlier)

    def _complete(self, statuses: Sequence[JobStatus]) -> None:
        """Launch these jobs until each is over or failed too often, or the time is over.

        After a breakdown of the launcher the jobs that may have caused it are launched one by one.
        """
        suspects: list[JobStatus] = []
        num_idle = 0
        self.processes.wait_for_others(self.stop)
        while (left := [status for status in statuses if not status.is_done]) and not self._ends_early():
            suspects = [status for status in suspects if status in left]
            launched, progress = suspects[:1] or left, self._progress()
            error = self._launch(launched)
            self.stop.check()
            suspects = suspects[1:]
            if error is not None:
                may_be_cause = [status for status in launched if status.is_locked or len(launched) == 1]
                suspects += [status for status in may_be_cause if status not in suspects]
            num_idle = num_idle + 1 if self._progress() == progress else 0
            if num_idle >= MAX_IDLE_LAUNCHES:
                names = ", ".join(status.job.label for status in launched[:3])
                raise error or Incomplete(f"jobs were launched {num_idle} times and did not begin: {names}")
            self.processes.wait_for_others(self.stop)
        self.processes.close_dead_runs()

    def _launch(self, statuses: Sequence[JobStatus]) -> Exception | None:
        """Hand jobs to the launcher; the exception if it broke down, as when a worker was killed."""
        num_failures = [status.record.num_failures for status in statuses]
        num_workers = min(self.launcher.num_workers or 1, len(statuses))
        context = session(self.folder, self.deadline, num_workers, self.options)
        plans = [status.job.write(self.folder) for status in statuses]
        try:
            results = self.launcher.launch(plans, context, len(self.jobs) - len(statuses))
        except Exception as error:
            log.warning("the launcher broke down: %s", first_line(error))
            if len(statuses) == 1:
                self.processes.record_killed(statuses[0])
            return error
        finally:
            self.screen.read_journals()
        for status, result, before in zip(statuses, results, num_failures, strict=True):
            status.record_result(result, before)
        return None

    def _ends_early(self) -> bool:
        return self._is_late() or self._has_failed_fast()

    def _has_failed_fast(self) -> bool:
        failed = (status.is_done and not status.is_over for status in self.jobs.values())
        return self.options.fail_fast and any(failed)

    def _is_late(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline

    def _progress(self) -> list[tuple[str | None, int, int]]:
        """A value that changes whenever a job advances."""
        return [
            (status.record.outcome, status.record.step, status.num_unrecorded_failures + status.has_completed)
            for status in self.jobs.values()
        ]

    def _log_progress(self) -> None:
        self.parent.log_progress([status.record for status in list(self.jobs.values())])

    def _tick(self) -> None:
        """Called all the time while jobs run: passes signals on and logs the sweep's progress."""
        with contextlib.suppress(OSError):  # a full disk, or a required store that is away: the jobs fail of it too
            self.processes.pass_on(self.stop)
            self._log_progress()

    def _raise_if_incomplete(self, is_complete: bool) -> None:
        """Incomplete if jobs failed, TimeOver if some are missing."""
        done = [status for status in self.jobs.values() if status.is_done]
        failed = [status for status in done if not status.is_over]
        for status in failed:
            why = status.record.tags.get("error") or status.unrecorded_error
            log.info("%s  failed: %s (%s)", status.job.label, why, status.record.folder)
        if failed:
            names = ", ".join(status.job.label for status in failed[:3]) + (", ..." if len(failed) > 3 else "")
            what = f"{len(failed)} of {len(self.jobs)} jobs failed: {names}"
            raise Incomplete(f"{what}; {self._advice(len(self.jobs) - len(done))}")
        if not is_complete or len(done) < len(self.jobs):
            log.info("the time is over with %d jobs done; the same command resumes the sweep", len(done))
            raise TimeOver

    def _advice(self, num_left: int) -> str:
        """What to type when jobs failed."""
        if self.options.fail_fast:
            return f"that ended the sweep with {num_left} more to do: the same command resumes it and tries again"
        return f"hydra.sweeper.attempts={2 * self.options.attempts} tries them again"
