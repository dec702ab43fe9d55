"""What the journal of a run says while others write it: the only thing a sweep knows of its jobs."""

import math
from pathlib import Path

from ..checkpoints.resume import ENDED_FOR_GOOD
from ..tracking.folder import JOURNAL
from ..tracking.journal import parsed


class Watch:
    """One run, read as far as its journal has come; there may be none yet."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tags: dict[str, str] = {}
        self.last: dict[str, float] = {}  # newest value of every metric
        self.step = 0
        self.failures = 0  # times that it ended as failed
        self.accuracy: dict[str, float] = {}  # of each split, where its loss was lowest
        self._best = {"valid": math.inf, "train": math.inf, "test": math.inf}
        self._best_step: dict[str, int] = {}
        self._offset = 0

    @property
    def outcome(self) -> str | None:
        """completed, diverged, pruned, failed, interrupted or running; None before it was begun."""
        return self.tags.get("outcome")

    @property
    def is_over(self) -> bool:
        return self.outcome in ENDED_FOR_GOOD

    @property
    def best(self) -> float:
        """The lowest loss that decides: of validation, else of training, else of a test alone."""
        return next((loss for loss in self._best.values() if loss < math.inf), math.nan)

    def refresh(self) -> None:
        """Read what is new."""
        try:
            with (self.folder / JOURNAL).open("rb") as file:
                file.seek(self._offset)
                lines = file.readlines()
        except FileNotFoundError:
            return
        for line in lines:
            entry = parsed(line) if line.endswith(b"\n") else None
            if entry is None:
                return
            self._offset += len(line)
            self._read(entry)

    def _read(self, entry: dict) -> None:
        if "key" in entry:
            self.last[entry["key"]], self.step = entry["value"], entry["step"]
            split, _, metric = entry["key"].partition("/")
            if metric == "loss" and entry["value"] < self._best.get(split, -math.inf):
                self._best[split], self._best_step[split] = entry["value"], entry["step"]
            elif metric == "accuracy" and entry["step"] == self._best_step.get(split):
                self.accuracy[split] = entry["value"]
        self.tags |= entry.get("tags", {})
        self.failures += entry.get("tags", {}).get("outcome") == "failed"
