"""The scheduler of a sweep: launches jobs until all are over, even if some fail or a worker is killed."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..config.errors import first_line
from ..tracking.folder import Busy
from ..tracking.interruption import Stop
from .grid import Grid
from .job import run_planned
from .job_context import STOP, session
from .job_table import JobTable
from .options import Options
from .parent import Parent
from .plan import Job
from .screen import Screen, log_plan

if TYPE_CHECKING:
    from .search import Search  # Optuna takes a second to import

log = logging.getLogger("experiments.sweep")

MAX_BREAKDOWNS = 3  # launches in a row that may break down without progress of any job


class Incomplete(ValueError):
    """Some jobs of a sweep failed."""

    outcome = "failed"


class TimeOver(Exception):
    """The budget is used up before all jobs are done; the same command resumes the sweep."""

    status, outcome = "KILLED", "interrupted"


class Launcher(Protocol):
    """Hydra's launcher behind the sweeper plugin."""

    @property
    def workers(self) -> int | None:
        """Jobs that it runs side by side on this machine, as joblib counts; None if it does not say."""
        ...

    def launch(
        self, run: Callable[..., Any], plans: Sequence[str], session: Mapping[str, Any], first: int
    ) -> list[Any]:
        """Run jobs by the paths of their plans; what each returned, or the exception it raised."""
        ...


class Scheduler:
    """Launches jobs, and launches again those that did not end."""

    def __init__(
        self, options: Options, folder: Path, parent: Parent, launcher: Launcher, num_workers: int | None, stop: Stop
    ):
        """`folder` is that of the parent run; `num_workers` None if the launcher does not say how many it has."""
        self.options, self.folder, self.parent, self.launcher, self.stop = options, folder, parent, launcher, stop
        self.num_workers = num_workers
        self.table = JobTable(folder.parent, options.attempts)
        self.deadline = None if options.budget is None else time.time() + options.budget
        self.stop_file = folder / STOP

    def run(self, proposer: "Grid | Search") -> None:
        """Run all proposed jobs, then write the report.

        Incomplete if jobs failed, TimeOver if the budget is spent, Interrupted after a signal: all after the report.
        """
        self.stop_file.unlink(missing_ok=True)
        try:
            with Screen(self._tick) as self.screen:
                is_complete = self._run_all(proposer)
        except BaseException:
            self.stop_file.touch()  # stops jobs in other processes
            self._close_dead_runs(wait=False)
            raise
        finally:
            with contextlib.suppress(OSError):
                self.parent.progress(self.table.records)
            self.parent.report()
        self._raise_if_incomplete(is_complete)

    def _run_all(self, proposer: "Grid | Search") -> bool:
        """Run what is proposed until nothing is, or the time is over; whether nothing is left to propose."""
        batch = self.options.batch or (self.num_workers if self.options.learns else None)
        while not self._is_late():
            jobs = proposer.propose(batch)
            if not jobs:
                return True
            unique = list({job.name: job for job in jobs}.values())  # a search may draw a point twice
            self._add(unique)
            self._complete(unique)
            for job in filter(self.table.is_done, jobs):
                proposer.observe(job, self.table.records[job.name])
        return False

    def _add(self, jobs: Sequence[Job]) -> None:
        records = self.table.add(jobs)
        if not self.screen.records:
            num_over = sum(record.is_over for record in records)
            log.info("%s: %d jobs, %d of them over", self.folder.name, len(jobs), num_over)
            log_plan(jobs, records)
        total = len(self.table.jobs) if self.options.search == "grid" else self.options.trials
        self.screen.add(jobs, records, total)

    def _complete(self, jobs: Sequence[Job]) -> None:
        """Launch these jobs until each is over or failed too often, or the time is over.

        After a breakdown of the launcher the jobs that may have caused it are launched one by one.
        """
        suspects: list[Job] = []
        num_breakdowns = 0
        while (left := [job for job in jobs if not self.table.is_done(job)]) and not self._is_late():
            self._close_dead_runs(wait=True)
            suspects = [job for job in suspects if job in left]
            launched, progress = suspects[:1] or left, self.table.progress()
            error = self._launch(launched)
            self.stop.check()
            suspects = suspects[1:]
            if error is not None:
                suspects += [job for job in self._suspects(launched) if job not in suspects]
                num_breakdowns = num_breakdowns + 1 if self.table.progress() == progress else 0
                if num_breakdowns >= MAX_BREAKDOWNS:
                    raise error
        self._close_dead_runs(wait=False)

    def _launch(self, jobs: Sequence[Job]) -> Exception | None:
        """Hand jobs to the launcher; the exception if it broke down, as when a worker was killed."""
        failures = [self.table.num_failures(job) for job in jobs]
        context = session(self.folder, self.deadline, min(self.num_workers or 1, len(jobs)))
        plans = [job.write(self.folder) for job in jobs]
        try:
            results = self.launcher.launch(run_planned, plans, context, len(self.table.jobs) - len(jobs))
        except Exception as error:
            log.warning("the launcher broke down: %s", first_line(error))
            if len(jobs) == 1:
                self._record_killed(jobs[0])
            return error
        finally:
            self.screen.look()
        self.table.record_results(jobs, results, failures)
        return None

    def _suspects(self, launched: Sequence[Job]) -> Sequence[Job]:
        """Of the jobs whose launch broke down those that may have caused it."""
        return launched if len(launched) == 1 else [job for job in launched if self.table.is_locked(job)]

    def _record_killed(self, job: Job) -> None:
        """A job that ran alone when its process was killed has failed; its journal says so, if it has one."""
        if self.table.is_locked(job):
            with contextlib.suppress(ValueError, OSError):
                self.parent.close_dead_run(job.name, "its process was killed")
        else:
            self.table.record_failure(job, "its process was killed")

    def _close_dead_runs(self, wait: bool) -> None:
        """Close runs whose process died; with `wait`, first wait for those that another process still runs."""
        has_logged = False
        while busy := [job for job in self.table.locked() if not self._close(job)]:
            if not wait:
                return
            self.stop.check()
            if not has_logged:
                log.info("waiting for %d jobs that run in another process: %s", len(busy), busy[0].label)
            has_logged = True
            time.sleep(0.5)

    def _close(self, job: Job) -> bool:
        """Close a run whose process died; False if its process is alive."""
        try:
            self.parent.close_dead_run(job.name)
        except Busy:
            return False
        except (ValueError, OSError) as error:
            log.warning("%s  cannot be closed: %s", job.name, first_line(error))
        return True

    def _is_late(self) -> bool:
        return self.deadline is not None and time.time() > self.deadline

    def _tick(self) -> None:
        """Called all the time while jobs run: passes signals on and logs the sweep's progress."""
        with contextlib.suppress(OSError):  # a full disk, or a required store that is away: the jobs fail of it too
            if self.stop.signal is not None and not self.stop_file.exists():
                self.stop_file.touch()
            self.parent.progress(self.table.records)

    def _raise_if_incomplete(self, is_complete: bool) -> None:
        """Incomplete if jobs failed, TimeOver if some are missing."""
        done, number = self.table.done(), len(self.table.jobs)
        failed = [job for job in done if not self.table.is_over(job)]
        for job in failed:
            record = self.table.records[job.name]
            log.info("%s  failed: %s (%s)", job.label, record.tags.get("error", "see above"), record.folder)
        if failed:
            names = ", ".join(job.label for job in failed[:3]) + (", ..." if len(failed) > 3 else "")
            advice = f"hydra.sweeper.attempts={2 * self.options.attempts} tries them again"
            raise Incomplete(f"{len(failed)} of {number} jobs failed: {names}; {advice}")
        if not is_complete and (self.options.search != "grid" or len(done) < number):
            log.info("the time is over with %d jobs done; the same command resumes the sweep", len(done))
            raise TimeOver
