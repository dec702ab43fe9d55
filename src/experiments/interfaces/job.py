"""What an experiment is told by the sweep whose job it is."""

from typing import Protocol


class JobContext(Protocol):
    """A job's own knowledge of its sweep."""

    run: str  # the name of the job's run, which follows from what it computes

    def tags(self, seed: int) -> dict[str, str]:
        """Tags that make the run one of its sweep."""

    def stop_signal(self) -> int | None:
        """The signal that should end the job, as if it had received it; cheap to call after every update."""

    def report(self, epoch: int, loss: float) -> None:
        """The lowest loss up to this epoch. Raises an exception to stop a job that is pruned."""
