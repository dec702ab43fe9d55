"""The state of each job of a sweep: what its journal says, and failures that no journal records."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config.errors import first_line
from ..tracking.folder import LOCK
from ..tracking.provenance import provenance_tags
from ..tracking.record import RunRecord
from .plan import Job

log = logging.getLogger("experiments.sweep")


class JobTable:
    """Jobs by name. Everything that must outlive this process is in the run folders."""

    def __init__(self, runs: Path, attempts: int):
        """`runs` is the parent of all run folders; a job is given up after `attempts` failures."""
        self.jobs: dict[str, Job] = {}
        self.records: dict[str, RunRecord] = {}
        self._runs, self._attempts = runs, attempts
        self._unrecorded: dict[str, int] = {}  # failures that no journal records
        self._without_journal: set[str] = set()  # jobs that completed and never write a journal

    def add(self, jobs: Sequence[Job]) -> list[RunRecord]:
        """Add jobs, with the state in which an earlier start of the sweep left them."""
        records = [RunRecord.of(self._runs / job.name) for job in jobs]
        for job, record in zip(jobs, records):
            self.jobs[job.name], self.records[job.name] = job, record
        warn_of_other_commits(records)
        return records

    def num_failures(self, job: Job) -> int:
        """Failures that the job's journal records."""
        return self.records[job.name].num_failures

    def record_results(self, jobs: Sequence[Job], results: Sequence[Any], failures_before: Sequence[int]) -> None:
        """Take over what a launcher returned for these jobs; a failure counts once, whoever reports it."""
        for job, result, before in zip(jobs, results, failures_before):
            result = result if isinstance(result, dict) else {"outcome": "failed", "why": first_line(result)}
            if result["outcome"] == "failed" and self.num_failures(job) == before:
                self.record_failure(job, result["why"])
            elif result["outcome"] == "refused":  # and would be refused again
                self.record_failure(job, result["why"], self._attempts)
            elif result["outcome"] == "completed":
                self._without_journal.add(job.name)

    def record_failure(self, job: Job, why: str, times: int = 1) -> None:
        """Count a failure that the job's journal does not record."""
        self._unrecorded[job.name] = self._unrecorded.get(job.name, 0) + times
        log.info("%s  failed: %s", job.label, why)

    def is_done(self, job: Job) -> bool:
        """Whether nothing is left to do: the job is over, or failed too often."""
        return self.is_over(job) or self.num_failures(job) + self._unrecorded.get(job.name, 0) >= self._attempts

    def is_over(self, job: Job) -> bool:
        """Whether the job completed, diverged or was pruned."""
        return self.records[job.name].is_over or job.name in self._without_journal

    def done(self) -> list[Job]:
        """The jobs with nothing left to do."""
        return [job for job in self.jobs.values() if self.is_done(job)]

    def is_locked(self, job: Job) -> bool:
        """Whether a process holds the job's run folder, or died while it did."""
        return (self._runs / job.name / LOCK).exists()

    def locked(self) -> list[Job]:
        """The jobs whose run folder is locked."""
        return [job for job in self.jobs.values() if self.is_locked(job)]

    def progress(self) -> list[tuple[str | None, int]]:
        """A value that changes whenever any job advances."""
        return [(record.outcome, record.step) for record in self.records.values()] + sorted(self._unrecorded.items())


def warn_of_other_commits(records: Sequence[RunRecord]) -> None:
    """Log a warning if earlier runs were made by another commit."""
    now = provenance_tags().get("git_commit")
    other = {record.tags["git_commit"] for record in records if record.tags.get("git_commit", now) != now}
    if other:
        log.warning("some runs of this sweep were made by commit %s, now it is %s", ", ".join(sorted(other)), now)
