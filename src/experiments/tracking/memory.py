"""Runs that no store keeps."""

from pathlib import Path
from typing import ClassVar

from .backend import Backend
from .journal import Point
from .store import Store


class MemoryStore(Store):
    """Keeps runs in the process: for tests, and for runs that nobody wants to keep but in their folder."""

    identifier = "memory"
    is_lasting = False
    ended: ClassVar[list["MemoryBackend"]] = []  # how a test finds the runs of a command

    def backend(self, name: str) -> "MemoryBackend":
        return MemoryBackend(self.folder / name)


class MemoryBackend(Backend):
    """One run in memory."""

    def __init__(self, folder: Path):
        self.folder, self.name = folder, folder.name
        self.parameters: dict[str, str] = {}
        self.points: list[Point] = []
        self.tags: dict[str, str] = {}
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

    def upload(self, path: Path) -> None:
        self.files.append(path.name)

    def end(self, status: str) -> None:
        self.status = status

    def close(self) -> None:
        MemoryStore.ended.append(self)
