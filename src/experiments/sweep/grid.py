"""A grid: all its jobs at once."""

from collections.abc import Sequence
from typing import Protocol

from .plan import Job
from .watch import Watch


class Proposer(Protocol):
    """What the scheduler runs: a `Grid` or a `Search`."""

    def propose(self, batch: int | None) -> list[Job]:
        """The next jobs, of new ones at most `batch`; none when the sweep is complete."""
        ...

    def observe(self, job: Job, watch: Watch) -> None:
        """Learn how a job ended."""
        ...


class Grid:
    """The jobs in the order of the plan."""

    def __init__(self, jobs: Sequence[Job]):
        self._jobs = list(jobs)

    def propose(self, batch: int | None) -> list[Job]:  # noqa: ARG002 - a grid is one batch
        """All jobs, then none."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def observe(self, job: Job, watch: Watch) -> None:
        """A grid learns nothing."""
