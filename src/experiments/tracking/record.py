"""What a run has recorded, read from its journal or from a store."""

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path

from ..interfaces.task import LABELS, SYMBOLS, TAG, TASKS, Task
from .folder import JOURNAL, read_delivered
from .journal import BLOCK_SIZE, Damaged, Entry, read_entries

KEPT_METRICS = ("train/", "valid/", "test/")  # metrics of an epoch or of the run; interval/* are for the dashboard only
DIED = "died_at"  # a tag: the step of the last point before the run's process died
DATA_WITH_LABELS = ("Imdb", "LabelledTexts")  # before runs had the tag
FINAL_OUTCOMES = ("completed", "diverged", "pruned")  # outcomes after which a run is not resumed
FIRST_BLOCK = 1 << 13  # bytes in which the first line usually is


@dataclasses.dataclass
class RunRecord:
    """One run as far as it is recorded; the fields from `folder` on are known only from its journal."""

    name: str
    run_id: str  # in its store; the name while the store does not know the run
    status: str = "RUNNING"  # RUNNING, FINISHED, FAILED or KILLED
    started: float = 0.0  # seconds since 1970
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)  # "None" for null
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    metrics: dict[str, dict[int, float]] = dataclasses.field(default_factory=dict)  # SPLIT/METRIC -> step -> value
    folder: Path = dataclasses.field(default=Path(), compare=False)
    store: str | None = dataclasses.field(default=None, compare=False)  # what identifies the store
    step: int = dataclasses.field(default=0, compare=False)  # of the last point
    num_failures: int = dataclasses.field(default=0, compare=False)  # times that the run ended as failed
    _num_deaths: int = dataclasses.field(default=0, repr=False, compare=False)  # in a row, at the step of the tag
    is_damaged: bool = dataclasses.field(default=False, compare=False)  # nothing after a damaged line is known
    _offset: int = dataclasses.field(default=0, repr=False, compare=False)

    @classmethod
    def of(cls, folder: Path) -> "RunRecord":
        """The run in this folder, as far as its journal goes; it may not exist yet. OSError if it is unreadable."""
        record = cls(folder.name, read_delivered(folder).store_id or folder.name, folder=folder)
        record.refresh()
        return record

    @classmethod
    def beginning_of(cls, folder: Path) -> "RunRecord":
        """The run in this folder as its first line has it: name, start, store and tags; `refresh` reads the rest."""
        record = cls(folder.name, read_delivered(folder).store_id or folder.name, folder=folder)
        record.refresh(first_line_only=True)
        if not record.tags:  # not as this package begins a journal
            record.refresh()
        return record

    @property
    def outcome(self) -> str | None:
        """completed, pruned, diverged, interrupted, failed or running; None before the run began."""
        return self.tags.get("outcome")

    @property
    def has_journal(self) -> bool:
        """Whether its journal is here; a record that was read from a store has no folder."""
        return self.folder != Path() and (self.folder / JOURNAL).is_file()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do for it; a run that failed or was interrupted can be resumed."""
        return self.outcome in FINAL_OUTCOMES

    @property
    def can_be_resumed(self) -> bool:
        """Whether it is a training that failed or was interrupted."""
        return self.tags.get("runner") == "train" and self.outcome in ("interrupted", "failed")

    @property
    def num_deaths_here(self) -> int:
        """How many times in a row its process died without recording any point since."""
        return self._num_deaths if self.tags.get(DIED) == str(self.step) else 0

    @property
    def deciding_split(self) -> str:
        """The split whose loss decides which epoch was best: validation, else training, else a test alone."""
        return next((split for split in ("valid", "train") if f"{split}/loss" in self.metrics), "test")

    @property
    def task(self) -> Task:
        """What its data asks for. Runs of earlier versions have no tag for it: their data or their metrics show it."""
        if (name := self.tags.get(TAG)) is not None:
            return TASKS.get(name, SYMBOLS)
        data = self.parameters.get("data._target_", "").rpartition(".")[2]
        return LABELS if "test/f1" in self.metrics or data in DATA_WITH_LABELS else SYMBOLS

    def criterion(self, split: str) -> str:
        """The metric of a split that describes it best."""
        return self.task.criterion({key.partition("/")[2] for key in self.metrics if key.startswith(f"{split}/")})

    @property
    def best_loss(self) -> float:
        """The lowest loss of the deciding split; NaN without any."""
        loss = self.at_best("loss")
        return math.nan if loss is None else loss

    def at_best(self, metric: str, split: str | None = None) -> float | None:
        """A metric of a split (None: the deciding one) at the step of its lowest loss; None if there is none."""
        split = split or self.deciding_split
        losses = self.metrics.get(f"{split}/loss")
        return self.metrics.get(f"{split}/{metric}", {}).get(min(losses, key=losses.__getitem__)) if losses else None

    def last(self, key: str) -> float | None:
        """The newest value of a metric; None if there is none."""
        values = self.metrics.get(key)
        return values[next(reversed(values))] if values else None

    def refresh(self, first_line_only: bool = False) -> None:
        """Read what was added to the journal since the last time. OSError if it cannot be read."""
        if self.is_damaged:
            return
        size = FIRST_BLOCK if first_line_only else BLOCK_SIZE
        try:
            for entry, after in read_entries(self.folder / JOURNAL, self._offset, with_interval=False, block_size=size):
                self._add(entry)
                self._offset = after
                if first_line_only:
                    break
        except FileNotFoundError:
            pass
        except Damaged:
            self.is_damaged = True

    def _add(self, entry: Entry) -> None:
        if "key" in entry:
            self.step = entry["step"]
            if entry["key"].startswith(KEPT_METRICS):  # the first value of a step counts
                self.metrics.setdefault(entry["key"], {}).setdefault(entry["step"], entry["value"])
            return
        tags = own_tags(entry.get("tags", {}))
        if DIED in tags:
            self._num_deaths = self._num_deaths + 1 if self.tags.get(DIED) == tags[DIED] else 1
        self.tags |= tags
        self.num_failures += tags.get("outcome") == "failed"
        self.parameters |= entry.get("parameters", {})
        self.name, self.status = entry.get("run", self.name), entry.get("status", self.status)
        self.started, self.store = entry.get("started", self.started), entry.get("store", self.store)


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags without those that only a store uses."""
    return {key: text for key, text in tags.items() if not key.startswith("mlflow.") and key != "heartbeat"}


def is_filter(which: str | None) -> bool:
    """Whether this is a filter: unlike a name or an id it has spaces or comparison signs."""
    return which is not None and re.search(r"[\s=<>]", which) is not None
