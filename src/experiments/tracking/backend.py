"""What a delivery calls: one run in a store."""

from pathlib import Path
from typing import Protocol

from .journal import Point


class Refused(ValueError):
    """The store will never accept this, so it is not sent again."""


class Gone(ValueError):
    """The run was deleted in the store."""


class Backend(Protocol):
    """One run in a store. After Refused a call is not repeated; after any other exception it is."""

    run_id: str = ""  # the store's own name of the run; empty until it knows the run
    page: str | None = None  # the address of a page that shows the run, if it is always served

    def begin(self, started: float, may_exist: bool) -> str:
        """Create the run in the store, or find it if it `may_exist` already; returns its id there."""

    def log_parameters(self, parameters: dict[str, str]) -> None: ...

    def log_points(self, points: list[Point]) -> None: ...

    def set_tags(self, tags: dict[str, str]) -> None: ...

    def upload(self, path: Path) -> None:
        """Store a file as an artifact of the run."""

    def end(self, status: str) -> None:
        """Set the status; RUNNING for a resumed run."""
