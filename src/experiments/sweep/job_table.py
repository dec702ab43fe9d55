"""How far each job of a sweep is: what its journal says, and what no journal knows."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config.errors import first_line
from ..tracking import provenance
from ..tracking.folder import LOCK
from .plan import Job
from .watch import Watch

log = logging.getLogger("experiments.sweep")


class Ledger:
    """Jobs by their names. All that must outlive this process is in the run folders."""

    def __init__(self, runs: Path, attempts: int):
        self.jobs: dict[str, Job] = {}
        self.watches: dict[str, Watch] = {}
        self._runs, self._attempts = runs, attempts
        self._lost: dict[str, int] = {}  # failures that no journal knows of
        self._without_journal: set[str] = set()  # jobs that are done and never have one

    def add(self, jobs: Sequence[Job]) -> list[Watch]:
        """Enter these jobs with what there is of them already."""
        watches = [Watch(self._runs / job.name) for job in jobs]
        for job, watch in zip(jobs, watches):
            watch.refresh()
            self.jobs[job.name], self.watches[job.name] = job, watch
        warn_of_other_commits(watches)
        return watches

    def note(self, jobs: Sequence[Job], results: Sequence[Any], failures: Sequence[int]) -> None:
        """What a launcher handed back of these jobs, which had failed so often before."""
        for job, result, before in zip(jobs, results, failures):
            result = result if isinstance(result, dict) else {"outcome": "failed", "why": first_line(result)}
            if result["outcome"] == "failed" and self.watches[job.name].failures == before:
                self.lose(job, result["why"])
            elif result["outcome"] == "refused":  # and would be again
                self.lose(job, result["why"], self._attempts)
            elif result["outcome"] == "completed":
                self._without_journal.add(job.name)

    def lose(self, job: Job, why: str, times: int = 1) -> None:
        """A job failed, and no journal says so."""
        self._lost[job.name] = self._lost.get(job.name, 0) + times
        log.info("%s  failed: %s", job.label, why)

    def is_done(self, job: Job) -> bool:
        """Whether nothing is left to do for it: it came to its end, or failed too often."""
        failures = self.watches[job.name].failures + self._lost.get(job.name, 0)
        return self.came_to_its_end(job) or failures >= self._attempts

    def came_to_its_end(self, job: Job) -> bool:
        return self.watches[job.name].is_over or job.name in self._without_journal

    def done(self) -> list[Job]:
        return [job for job in self.jobs.values() if self.is_done(job)]

    def was_left_open(self, job: Job) -> bool:
        """Whether a process took hold of the job's run and did not let go; it may still be at work."""
        return (self._runs / job.name / LOCK).exists()

    def progress(self) -> list[tuple]:
        """Something that changes when any job gets on."""
        return [(watch.outcome, watch.step) for watch in self.watches.values()] + sorted(self._lost.items())


def warn_of_other_commits(watches: Sequence[Watch]) -> None:
    now = provenance.facts().get("git_commit")
    other = {watch.tags["git_commit"] for watch in watches if watch.tags.get("git_commit", now) != now}
    if other:
        log.warning("some runs of this sweep were made by commit %s, now it is %s", ", ".join(sorted(other)), now)
