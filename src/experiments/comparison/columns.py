"""Which columns and rows of a comparison are shown: options, metrics and tags by their names."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from ..config.errors import ConfigError, unknown
from ..config.figure import XAxis
from ..tracking.record import RunRecord
from .grouping import Value, parsed, value_on
from .measures import Mean, mean

BEST, HALF_WIDTH = "best", "±"  # the ends of columns' names
MAX_LISTED = 3  # values of a row that are all named

Members = tuple[list[RunRecord], list[RunRecord]]  # of a row: all its runs, and those that are measured


class Layout(NamedTuple):
    """What is shown of a comparison; everything by default."""

    columns: tuple[str, ...] = ()  # the columns beside the axes; +NAME adds one to the usual ones
    metric: str | None = None  # SPLIT/METRIC that decides which row is best; None: the loss
    sort: str | None = None  # a column, -NAME the largest first; None: by the axes
    top: int | None = None  # so many of the best rows; None: all
    curve_x: XAxis | None = None  # the horizontal axis of the curves; None: as the runs chose
    one_by_one: bool = False  # a row for each run, with its name, instead of means over seeds

    @property
    def added(self) -> list[str]:
        """The names of all columns that were asked for."""
        return [name.removeprefix("+") for name in self.columns]

    @property
    def chooses(self) -> bool:
        """Whether the usual columns are left out."""
        return any(not name.startswith("+") for name in self.columns)


EVERYTHING = Layout()


def with_column(frame: pd.DataFrame, name: str, rows: Sequence[Members], option: str) -> tuple[pd.DataFrame, str]:
    """The table with a column of this option, metric or tag, and how it is called there.

    Of a metric the mean of the last values; of options and tags that are numbers their mean, of others what there is.
    ConfigError, which names the option, for a name that no run has.
    """
    for column in (name, f"{name} {BEST}"):
        if column in frame:
            return frame, column
    cells = _cells(name, [run for members, _ in rows for run in members], list(map(str, frame)), option)
    added: dict[str, list[Value]] = {}
    for members, measured in rows:
        for column, cell in cells(members, measured).items():
            added.setdefault(column, []).append(cell)
    return frame.assign(**added), name


def _cells(
    name: str, runs: Sequence[RunRecord], known: Sequence[str], option: str
) -> Callable[[list[RunRecord], list[RunRecord]], dict[str, Value]]:
    """What makes the cells of a new column from a row's runs."""
    if any(name in run.metrics for run in runs):
        return lambda _, measured: with_half_width(name, mean([run.last(name) for run in measured]))
    tag, parameter = name.removeprefix("tags."), name.removeprefix("params.")
    if any(parameter in run.parameters or f"choice.{parameter}" in run.parameters for run in runs):
        return lambda members, _: {name: listed([value_on(run, parameter) for run in members])}
    if any(tag in run.tags for run in runs):
        return lambda members, _: {name: listed([parsed(run.tags.get(tag, "")) for run in members])}
    named = {key for run in runs for key in (*run.metrics, *run.parameters, *run.tags)}
    valid = [column for column in known if HALF_WIDTH not in column] + sorted(named)
    raise ConfigError(f"{option}: {unknown('column', name, valid)}")


def listed(values: Sequence[Value]) -> Value:
    """The value that all runs of a row have; else few values listed, or how many there are."""
    found = list(dict.fromkeys(values))
    if len(found) == 1:
        return found[0]
    return ", ".join(map(str, found)) if len(found) <= MAX_LISTED else f"{len(found)} values"


def with_half_width(name: str, found: Mean) -> dict[str, Value]:
    """A column and the one of its half width."""
    return {name: found.value, f"{name} {HALF_WIDTH}": found.half_width}


def kept(frame: pd.DataFrame, always: Sequence[str]) -> pd.DataFrame:
    """Only these columns and their half widths."""
    widths = {f"{name} {HALF_WIDTH}" for name in always}
    return frame[[*always, *(name for name in frame if name in widths and name not in always)]]


def order_of(
    frame: pd.DataFrame, decides: str, higher_is_better: bool, sort: str | None, descending: bool, top: int | None
) -> list[int]:
    """The numbers of the rows to show: the best `top` ones, in the order of a column; without one as they are."""
    numbers = list(range(len(frame)))
    if top is not None:
        scores = [float(score) * (-1 if higher_is_better else 1) for score in frame[decides]]
        best_first = sorted(numbers, key=lambda k: (math.isnan(scores[k]), scores[k]))
        numbers = best_first[:top] if sort is None else sorted(best_first[:top])
    if sort is None:
        return numbers
    column = frame[sort].tolist()
    blank = [k for k in numbers if isinstance(column[k], float) and math.isnan(column[k])]
    words = sorted((k for k in numbers if isinstance(column[k], str)), key=column.__getitem__, reverse=descending)
    others = [k for k in numbers if k not in {*blank, *words}]
    return [*sorted(others, key=column.__getitem__, reverse=descending), *words, *blank]
