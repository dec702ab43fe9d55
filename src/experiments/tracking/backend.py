"""A kind of store, as a delivery sees it: the calls that it makes, what they raise, and what is compared."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from .journal import Entry, Point


class Refused(ValueError):
    """The store will never accept this, so it is not sent again."""


class Gone(ValueError):
    """The store does not know the run; perhaps it is another store by now."""


class Deleted(ValueError):
    """The run, or the experiment that it belongs to, was deleted in the store, which can restore it."""


def heartbeat() -> dict[str, str]:
    """The tag by which others see that the process of a run lives."""
    return {"heartbeat": str(int(time.time()))}


class Content(NamedTuple):
    """What a store has of a run once it has received the whole journal."""

    status: str
    parameters: dict[str, str]
    tags: dict[str, str]
    digests: set[str]  # of the datasets that the run reads
    counts: dict[str, int]  # metric -> number of points
    last: dict[str, tuple[int, float]]  # metric -> the highest step and its value

    @classmethod
    def of(cls, entries: Iterator[tuple[Entry, int]]) -> "Content":
        """The content of a journal."""
        content = cls("RUNNING", {}, {}, set(), Counter(), {})
        status = content.status
        for entry, _ in entries:
            if "key" in entry:
                key, point = entry["key"], (entry["step"], entry["value"])
                content.counts[key] += 1
                content.last[key] = max(content.last.get(key, point), point)
            content.parameters.update(entry.get("parameters", {}))
            content.tags.update(entry.get("tags", {}))
            if "dataset" in entry:
                content.digests.add(entry["dataset"]["digest"])
            status = entry.get("status", status)
        return content._replace(status=status)


class Backend(Protocol):
    """One run in a store. After Refused a call is not repeated; after any other exception it is."""

    run_id: str = ""  # the store's own name of the run; empty until it knows the run
    server: str | None = None  # the address of a server that always shows the runs
    view: str | None = None  # the part of the page's address after the server's; None until the store answered

    def begin(self, started: float, may_exist: bool) -> str:
        """Create the run in the store, or find it if it `may_exist` already; returns its id there."""

    def log_parameters(self, parameters: dict[str, str]) -> None: ...

    def log_points(self, points: list[Point]) -> None: ...

    def set_tags(self, tags: dict[str, str]) -> None: ...

    def log_dataset(self, dataset: dict[str, str]) -> None:
        """Name what the run reads: `name`, `digest` and sizes."""

    def upload(self, path: Path) -> None:
        """Store a file as an artifact of the run."""

    def log_model(self, path: Path) -> None:
        """Store a checkpoint as a model that can be served."""

    def end(self, status: str) -> None:
        """Set the status; RUNNING for a resumed run."""

    def missing(self, content: Content, thorough: bool) -> list[str]:
        """What the store lacks of this, in words; the number of all points is compared only if `thorough`.

        Raises Gone or Deleted if the run is not there.
        """

    def restore(self) -> None:
        """Undo that the run was deleted."""
        raise NotImplementedError
