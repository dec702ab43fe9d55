"""What a delivery calls: one run in a store."""

import abc
from pathlib import Path

from .journal import Point


class Refused(ValueError):
    """The store will never accept this, so it is not sent again."""


class Gone(ValueError):
    """The store does not know the run any more."""


class Backend(abc.ABC):
    """One run in a store. Refused if the store will never accept a call; any other exception means: try again."""

    run_id = ""  # the store's own name of the run; empty until it knows the run
    page: str | None = None  # the address of a page that shows the run, if it is always served

    @abc.abstractmethod
    def begin(self, started: float, may_exist: bool) -> str:
        """Make the run known to the store, or find it if it `may_exist` already; its id in the store."""

    @abc.abstractmethod
    def log_parameters(self, parameters: dict[str, str]) -> None: ...

    @abc.abstractmethod
    def log_points(self, points: list[Point]) -> None: ...

    @abc.abstractmethod
    def set_tags(self, tags: dict[str, str]) -> None: ...

    @abc.abstractmethod
    def upload(self, path: Path) -> None:
        """Store a file as an artifact of the run."""

    @abc.abstractmethod
    def end(self, status: str) -> None:
        """Set the status; RUNNING for a resumed run."""

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Nothing more will be sent by this process."""
