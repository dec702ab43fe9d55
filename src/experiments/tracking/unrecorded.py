"""The run as the other processes see it, where several train one network and the first one records it."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .run import Run
from .store import Store


class UnrecordedRun(Run):
    """A run that another process records: what is logged here is dropped."""

    def __init__(self, store: Store, name: str):
        super().__init__(store, name, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        pass

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        pass

    def log_dataset(self, name: str, digest: str, sizes: Mapping[str, str]) -> None:
        pass

    def log_file(self, path: Path) -> None:
        pass

    def log_model(self, path: Path) -> None:
        pass

    def log_text(self, name: str, text: str) -> None:
        pass

    def set_tags(self, tags: Mapping[str, str]) -> None:
        pass
