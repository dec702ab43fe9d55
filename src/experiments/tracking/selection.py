"""Which runs are compared: the words that select them, and what was found in a place that keeps runs."""

import abc
import re
from collections.abc import Sequence
from typing import NamedTuple

from .record import RunRecord, is_filter
from .records import complete

LATEST = re.compile(r"latest(?::(\d+))?")


class Selection(NamedTuple):
    """Runs to compare, each once, in the order in which they were selected."""

    title: str  # what was selected, for a heading
    sweeps: list[RunRecord]  # the sweeps whose runs they are
    runs: list[RunRecord]
    one_by_one: bool  # whether runs were named, and no sweep and no filter that finds several of a kind


class RunSource(abc.ABC):
    """A place that keeps runs, as a selection asks it. Runs come in the order of their start."""

    place: str  # its name for messages

    @abc.abstractmethod
    def sweeps(self) -> list[RunRecord]:
        """The parents of all sweeps."""

    @abc.abstractmethod
    def named(self, names: Sequence[str]) -> list[RunRecord]:
        """The sweeps and training runs with one of these names or ids."""

    @abc.abstractmethod
    def jobs(self, sweeps: Sequence[str]) -> list[RunRecord]:
        """The runs of the sweeps of these names."""

    @abc.abstractmethod
    def matching(self, condition: str) -> list[RunRecord]:
        """The training runs that match a filter. ValueError if it cannot be applied."""

    @abc.abstractmethod
    def latest(self, number: int) -> list[RunRecord]:
        """The training runs that began last, the last one at the end."""

    def complete(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        """These runs with the whole history of their metrics."""
        return list(runs)


def select(which: Sequence[str], source: RunSource) -> Selection:
    """The runs that are meant by names or ids of sweeps and runs, `latest:N` and filters; none: the latest sweep.

    ValueError for what is not there.
    """
    if not which:
        if not (sweeps := source.sweeps()):
            raise no_sweep(source.place)
        return _of_sweeps(sweeps[-1:], source)
    names = [name for name in which if not is_filter(name) and not LATEST.fullmatch(name)]
    found = source.named(names) if names else []
    parts, sweeps = [], []
    for text in which:
        if text in names:
            new = [run for run in found if text in (run.name, run.run_id)]
            if not new:
                raise not_there(text, source.place)
            sweeps += [run for run in new if is_sweep(run)]
            parts += [run for run in new if not is_sweep(run)]
        else:
            parts += _by_rule(text, source)
    if sweeps:
        parts += source.jobs([sweep.name for sweep in sweeps])
    once = list({run.run_id: run for run in parts}.values())
    named = not sweeps and not any(map(is_filter, which))
    return Selection(_title(which, sweeps, len(once)), sweeps, source.complete(once), named)


def _by_rule(text: str, source: RunSource) -> list[RunRecord]:
    """The runs that a filter or `latest:N` means."""
    if (latest := LATEST.fullmatch(text)) is None:
        runs = source.matching(text)
        if not runs:
            raise ValueError(f"no training run in {source.place} matches {text}")
        return runs
    if (number := int(latest[1] or 1)) < 1:
        raise ValueError(f"runner.runs={text} selects no run: give latest:10")
    if not (runs := source.latest(number)):
        raise ValueError(f"there is no training run in {source.place} yet: `experiments` trains one")
    return runs


def _of_sweeps(sweeps: list[RunRecord], source: RunSource) -> Selection:
    runs = source.jobs([sweep.name for sweep in sweeps])
    return Selection(_title([], sweeps, len(runs)), sweeps, source.complete(runs), one_by_one=False)


def _title(which: Sequence[str], sweeps: Sequence[RunRecord], number: int) -> str:
    if sweeps and len(sweeps) == max(1, len(which)):
        plural = "s" if len(sweeps) > 1 else ""
        return f"sweep{plural} {' and '.join(sweep.name for sweep in sweeps)}"
    return f"{number} run{'' if number == 1 else 's'} with {', '.join(which)}"


def is_sweep(run: RunRecord) -> bool:
    return run.tags.get("runner") == "sweep"


def is_training(run: RunRecord) -> bool:
    return run.tags.get("runner") == "train"


def no_sweep(where: str) -> ValueError:
    return ValueError(f"there is no sweep in {where} yet: `experiments sweeps=truncation` makes one")


def not_there(name: str, where: str) -> ValueError:
    return ValueError(
        f"there is no sweep or run {name!r} in {where}: give the name or id of one, latest:10, or null for the "
        "latest sweep"
    )


class Folders(RunSource):
    """The run folders in one parent folder; there is no filter."""

    def __init__(self, runs: Sequence[RunRecord], place: str):
        """`runs` are all those of the folder, in the order of their start, at least the beginning of each."""
        self._runs, self.place = runs, place

    def sweeps(self) -> list[RunRecord]:
        return complete([run for run in self._runs if is_sweep(run)])

    def named(self, names: Sequence[str]) -> list[RunRecord]:
        wanted = [run for run in self._runs if is_sweep(run) or is_training(run)]
        return complete([run for run in wanted if run.name in names or run.run_id in names])

    def jobs(self, sweeps: Sequence[str]) -> list[RunRecord]:
        return [run for run in self._runs if run.tags.get("sweep") in sweeps]

    def matching(self, condition: str) -> list[RunRecord]:
        raise ValueError(
            f"only an MLflow store can apply the filter {condition!r}: give the name of a sweep or of runs, latest:10, "
            "or null"
        )

    def latest(self, number: int) -> list[RunRecord]:
        return [run for run in self._runs if is_training(run)][-number:]

    def complete(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        return complete(list(runs))
