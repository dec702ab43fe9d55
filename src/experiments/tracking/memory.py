"""Runs that are kept in memory and in their folders only."""

from pathlib import Path
from typing import ClassVar

from .backend import Backend, Content
from .journal import Point
from .store import UNLASTING, Store


class MemoryStore(Store):
    """Keeps runs in the process: for tests, and for runs of which only the folder is wanted."""

    identifier = UNLASTING
    is_lasting = False
    ended: ClassVar[list["MemoryBackend"]] = []  # in the order in which they ended; tests read it

    def backend(self, name: str) -> "MemoryBackend":
        return MemoryBackend(self.folder / name)


class MemoryBackend(Backend):
    """One run in memory."""

    def __init__(self, folder: Path):
        self.folder, self.name = folder, folder.name
        self.parameters: dict[str, str] = {}
        self.points: list[Point] = []
        self.tags: dict[str, str] = {}
        self.datasets: list[dict[str, str]] = []
        self.files: list[str] = []
        self.status = "RUNNING"

    def begin(self, started: float, may_exist: bool) -> str:  # noqa: ARG002 - it never exists
        return self.name

    def log_parameters(self, parameters: dict[str, str]) -> None:
        self.parameters |= parameters

    def log_points(self, points: list[Point]) -> None:
        self.points += points

    def set_tags(self, tags: dict[str, str]) -> None:
        self.tags |= tags

    def log_dataset(self, dataset: dict[str, str]) -> None:
        self.datasets.append(dataset)

    def upload(self, path: Path) -> None:
        self.files.append(path.name)

    def log_model(self, path: Path) -> None:
        """It serves nothing."""

    def missing(self, content: Content, thorough: bool) -> list[str]:  # noqa: ARG002 - nothing can be lost
        return []

    def restore(self) -> None:
        """Nothing is ever deleted."""

    def end(self, status: str) -> None:
        self.status = status
        if status != "RUNNING":
            MemoryStore.ended.append(self)
