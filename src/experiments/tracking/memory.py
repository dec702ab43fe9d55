"""Runs that no store keeps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from .folder import JOURNAL
from .journal import Point, read_journal
from .run import Tracker


class MemoryTracker(Tracker):
    """Keeps everything in the process: for tests, and for runs that nobody wants to keep."""

    ended: list["MemoryTracker"] = []  # noqa: RUF012 - shared on purpose: how a test finds the runs of a command

    def __init__(self, *, folder: str, interval: float, required: bool, name: str, tags: Mapping[str, str]):
        super().__init__(folder=folder, interval=interval, required=required, name=name, tags=tags)
        self.parameters: dict[str, str] = {}
        self.points: list[Point] = []
        self.files: list[str] = []
        self.status = "RUNNING"

    def __enter__(self) -> Self:
        super().__enter__()
        if self.resumed:  # the memory of the process before is gone, its journal is not
            self.points = read_journal(self.folder / JOURNAL)
        return self

    def _begin(self) -> str:
        return self.name

    def _parameters(self, parameters: dict[str, str]) -> None:
        self.parameters |= parameters

    def _deliver(self, points: list[Point]) -> None:
        self.points += points

    def _tag(self, tags: dict[str, str]) -> None:
        self.tags |= tags

    def _upload(self, path: Path) -> None:
        self.files.append(path.name)

    def _end(self, status: str) -> None:
        self.status = status

    def end(self, status: str, tags: Mapping[str, str]) -> None:
        super().end(status, tags)
        self.ended.append(self)
