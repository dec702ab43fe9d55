"""The status of a job of a sweep: what its journal says, and failures that no journal records."""

import dataclasses
import logging
from typing import Any

from ..config.errors import first_line
from ..tracking.folder import LOCK
from ..tracking.record import RunRecord
from .job import FAILURES
from .plan import Job

log = logging.getLogger("experiments.sweep")

MAX_DEATHS = 3  # of a job's process in a row without progress: a job that ends the sweep's process cannot block it


@dataclasses.dataclass(eq=False)
class JobStatus:
    """A job and its record. Everything that must outlive this process is in the run's folder."""

    job: Job
    record: RunRecord
    max_failures: int  # after which the job is given up
    num_unrecorded_failures: int = 0
    unrecorded_error: str = "see above"  # why it failed, where no journal says it
    has_completed: bool = False  # as the launcher reported it; a job may complete without a journal

    @property
    def is_over(self) -> bool:
        """Whether the job completed, diverged or was pruned."""
        return self.record.is_over or self.has_completed

    @property
    def is_done(self) -> bool:
        """Whether the job is not launched any more: it is over, or failed or took its process with it too often."""
        num_failures = self.record.num_failures + self.num_unrecorded_failures
        return self.is_over or num_failures >= self.max_failures or self.record.num_deaths_here >= self._max_deaths

    @property
    def _max_deaths(self) -> int:
        return max(self.max_failures, MAX_DEATHS)

    @property
    def is_locked(self) -> bool:
        """Whether a process holds the job's run folder, or died while it did."""
        return (self.record.folder / LOCK).exists()

    def why_given_up(self) -> str | None:
        """Why a job whose process died now is not launched again, if that happened too often without any progress."""
        num_deaths = self.record.num_deaths_here + 1
        too_often = f"its process died {num_deaths} times in a row without any progress"
        return too_often if num_deaths >= self._max_deaths else None

    def record_result(self, result: Any, num_failures_before: int) -> None:
        """Record what a launcher returned; a failure that the journal records is not counted twice.

        `num_failures_before` is the number of failures in the journal when the job was launched.
        """
        result = result if isinstance(result, dict) else {"outcome": "failed", "why": first_line(result)}
        is_recorded = self.record.num_failures > num_failures_before
        if result["outcome"] in ("refused", "timed out"):  # and would be so again
            self.num_unrecorded_failures += self.max_failures
        elif result["outcome"] == "failed" and not is_recorded:
            self.num_unrecorded_failures += result.get("attempts", 1)
        elif result["outcome"] == "completed":
            self.has_completed = True
        if result["outcome"] in FAILURES and not is_recorded:
            self._log_failure(result["why"])

    def record_failure(self, why: str) -> None:
        """Count and log a failure that the job's journal does not record."""
        self.num_unrecorded_failures += 1
        self._log_failure(why)

    def _log_failure(self, why: str) -> None:
        self.unrecorded_error = why
        log.info("%s  failed: %s", self.job.label, why)
