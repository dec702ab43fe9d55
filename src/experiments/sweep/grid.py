"""All points at once."""

from collections.abc import Sequence

from .plan import Job
from .watch import Watch


class Grid:
    """The jobs in the order of the plan. It has the verbs of a `Search`."""

    def __init__(self, jobs: Sequence[Job]):
        self._jobs = list(jobs)

    def propose(self, _batch: int | None) -> list[Job]:
        """All jobs, then nothing."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def observe(self, job: Job, watch: Watch) -> None:
        """A grid learns nothing."""
