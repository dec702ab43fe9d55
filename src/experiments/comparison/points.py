"""Which runs belong together: the points of a sweep, runs that differ in nothing but the seed."""

import math
import statistics
from collections.abc import Sequence

from ..tracking.record import Recorded

# Options that change no result, or that only set others. Where data and weights came from is told, as it may matter.
NOT_COMPARED = (
    "seed",
    "device",
    "threads",
    "tracker",
    "resume",
    "sweep",
    "runner",
    "data.cache",
    "data.url",
    "data.timeout",
)
NOT_COMPARED += ("choice.tracker", "choice.runner", "choice.recipe", "choice.sweeps")

Value = int | float | str
Point = tuple[Value, ...]


def without_seed(axes: Sequence[str]) -> list[str]:
    """The axes that make a point: the seed repeats it."""
    return [axis for axis in axes if axis != "seed"]


def group(runs: Sequence[Recorded], axes: Sequence[str]) -> dict[Point, list[Recorded]]:
    """The runs of every point, the points in order: numbers as numbers, then text."""
    points: dict[Point, list[Recorded]] = {}
    for run in runs:
        points.setdefault(tuple(value(run, axis) for axis in without_seed(axes)), []).append(run)
    return {point: points[point] for point in sorted(points, key=lambda point: [rank(part) for part in point])}


def value(run: Recorded, axis: str) -> Value:
    """What a run has on an axis: the choice of a group (`model`) or an option (`optimizer.lr`); "" if it has none."""
    return parsed(run.parameters.get(f"choice.{axis}", run.parameters.get(axis, "")))


def parsed(text: str) -> Value:
    """A parameter's text as a number where it is one, else in YAML's words (null, true, false)."""
    for kind in (int, float) if "_" not in text else ():  # Python reads 1_000 as a number
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):  # "nan" and "inf" stay words: they are no place on an axis
            return number
    return {"None": "null", "True": "true", "False": "false"}.get(text, text)


def rank(part: Value) -> tuple[bool, float, str]:
    """What values are sorted by: numbers first."""
    return (True, 0.0, part) if isinstance(part, str) else (False, part, "")


def levels(points: Sequence[Point], index: int) -> list[Value]:
    """The values on one axis of the points, in order."""
    return sorted({point[index] for point in points}, key=rank)


def numeric(values: Sequence[Value]) -> bool:
    """Whether all are numbers."""
    return not any(isinstance(value, str) for value in values)


def wide(values: Sequence[float]) -> bool:
    """Whether numbers span so much that a logarithmic scale shows them better."""
    return min(values) > 0 and max(values) > 20 * min(values)


def logarithmic(values: Sequence[float]) -> bool:
    """Whether the values of an axis belong on a logarithmic scale; many drawn evenly from 0 to 1 are wide, too."""
    return wide(values) and (len(values) <= 8 or statistics.median(values) < max(values) / 4)


def differing(runs: Sequence[Recorded]) -> list[str]:
    """The axes on which these runs differ, choices first.

    An option of a section counts if it differs between runs of the same choice: that an LSTM has other options than an
    n-gram model is said by `model`.
    """
    keys = sorted({key for run in runs for key in run.parameters}, key=lambda key: (not key.startswith("choice."), key))
    return [key.removeprefix("choice.") for key in keys if _compared(key) and _differs(runs, key)]


def _compared(key: str) -> bool:
    ignored = any(f"{key}.".startswith(f"{out}.") for out in NOT_COMPARED)
    return not ignored and not key.endswith(("_interval", "._target_"))


def _differs(runs: Sequence[Recorded], key: str) -> bool:
    found: dict[str | None, set[Value]] = {}
    for run in runs:
        choice = run.parameters.get(f"choice.{key.partition('.')[0]}")  # None: a root key
        found.setdefault(choice, set()).add(parsed(run.parameters.get(key, "")))
    return any(len(values) > 1 for values in found.values())
