"""What a run has recorded, as the comparison reads it: the same from its folder and from a store."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .folder import JOURNAL, read_delivered
from .journal import read_lines

KEPT = ("train/", "valid/", "test/")  # one value an epoch, or one altogether; interval/* is for the dashboard


@dataclasses.dataclass(frozen=True)
class Recorded:
    """One run; parameters and tags are text ("None" for null), a metric is its (step, value) in order of step."""

    name: str  # of its folder
    run_id: str
    status: str
    outcome: str  # completed, pruned, diverged, interrupted, failed or running
    started: float  # seconds since 1970
    parameters: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, list[tuple[int, float]]]


def from_folder(folder: Path) -> Recorded:
    """A run as its journal tells it."""
    name, status, started = folder.name, "RUNNING", 0.0
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    points: dict[str, list[tuple[int, float]]] = {}
    for entry in read_lines(folder / JOURNAL):
        if "key" in entry:
            if entry["key"].startswith(KEPT):
                points.setdefault(entry["key"], []).append((entry["step"], entry["value"]))
            continue
        parameters |= entry.get("parameters", {})
        tags |= entry.get("tags", {})
        name, status = entry.get("run", name), entry.get("status", status)
        started = entry.get("started", started)
    run_id = read_delivered(folder).get("store_id", name)
    metrics = {key: in_order(values) for key, values in points.items()}
    return Recorded(name, run_id, status, outcome(tags), started, parameters, own_tags(tags), metrics)


def in_order(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """(step, value) by step, each step once: as in a journal the value that was there first counts."""
    first: dict[int, float] = {}
    for step, value in points:
        first.setdefault(step, value)
    return sorted(first.items())


def outcome(tags: Mapping[str, str]) -> str:
    return tags.get("outcome", "running")


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags without those that are of use to a store only."""
    return {key: text for key, text in tags.items() if not key.startswith("mlflow.") and key != "heartbeat"}


def recorded_in(folder: Path, which: str | None) -> tuple[Recorded, list[Recorded]]:
    """A sweep among the run folders of a folder (None: the latest) and its runs. ValueError if it is not there."""
    if is_filter(which):
        raise ValueError(f"only an MLflow store can apply the filter {which!r}: give a sweep's name, or null")
    found = sorted((from_folder(path.parent) for path in folder.glob(f"*/{JOURNAL}")), key=lambda run: run.started)
    sweeps = [run for run in found if run.tags.get("runner") == "sweep" and which in (None, run.name, run.run_id)]
    if not sweeps:
        raise no_sweep(which, str(folder))
    return sweeps[-1], [run for run in found if run.tags.get("sweep") == sweeps[-1].name]


def is_filter(which: str | None) -> bool:
    """Whether this is a condition rather than a name or an id, which hold no spaces and no signs."""
    return which is not None and re.search(r"[\s=<>]", which) is not None


def no_sweep(which: str | None, where: str) -> ValueError:
    """What to say when a sweep is not there."""
    if which is None:
        return ValueError(f"there is no sweep in {where} yet: `experiments sweeps=truncation` makes one")
    return ValueError(f"there is no sweep {which!r} in {where}: give the name or id of one, or null for the latest")
