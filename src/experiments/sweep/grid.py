"""A grid: all its jobs at once. (A search proposes them one after another, see search.py.)"""

from collections.abc import Sequence

from ..tracking.record import RunRecord
from .plan import Job


class Grid:
    """The jobs in the order of the plan."""

    def __init__(self, jobs: Sequence[Job]):
        self._jobs = list(jobs)

    def propose(self, batch: int | None) -> list[Job]:  # noqa: ARG002 - a grid is one batch
        """All jobs, then none."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def observe(self, job: Job, record: RunRecord) -> None:
        """A grid learns nothing."""
