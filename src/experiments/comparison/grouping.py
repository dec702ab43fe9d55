"""Which runs belong together: those with the same combination of values, which differ in nothing but the seed."""

import math
import statistics
from collections.abc import Sequence

from ..config.keys import in_yaml
from ..tracking.record import RunRecord

# Options that change no result, or that only set others. Where data and weights come from is compared: it may matter.
NOT_COMPARED: tuple[str, ...] = ("seed", "device", "threads", "tracker", "resume", "sweep", "runner", "loss_sum")
NOT_COMPARED += ("data.cache", "data.url", "data.timeout")
NOT_COMPARED += ("name", "note", "tags", "published")  # what a run is called, and what its recipe claims
NOT_COMPARED += ("dataset",)  # what the data holds follows from the options of the data
NOT_COMPARED += ("choice.tracker", "choice.runner", "choice.recipe", "choice.sweeps")

Value = int | float | str
Combination = tuple[Value, ...]  # one value on each axis but the seed's


def without_seed(axes: Sequence[str]) -> list[str]:
    """The axes of a combination: the seed repeats it."""
    return [axis for axis in axes if axis != "seed"]


def group(
    runs: Sequence[RunRecord], axes: Sequence[str], one_by_one: bool = False
) -> dict[Combination, list[RunRecord]]:
    """The runs of every combination, sorted: numbers as numbers, then text. One by one: each alone, as they are."""
    groups: dict[Combination, list[RunRecord]] = {}
    if one_by_one:  # the number keeps runs of one name apart
        return {(*(value_on(run, axis) for axis in axes), k): [run] for k, run in enumerate(runs)}
    for run in runs:
        groups.setdefault(tuple(value_on(run, axis) for axis in without_seed(axes)), []).append(run)
    return dict(sorted(groups.items(), key=lambda item: [sort_key(part) for part in item[0]]))


def value_on(run: RunRecord, axis: str) -> Value:
    """A run's value on an axis: its choice of a group (`model`) or an option (`optimizer.lr`); "" if it has none.

    The axis `run` is its name.
    """
    if axis == "run":
        return run.name
    return parsed(run.parameters.get(f"choice.{axis}", run.parameters.get(axis, "")))


def parsed(text: str) -> Value:
    """A parameter's text as a number where it is one, else in YAML's words (null, true, false)."""
    for kind in (int, float) if "_" not in text else ():  # Python reads 1_000 as a number
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):  # "nan" and "inf" stay words: they have no place on an axis
            return number
    return in_yaml(text)


def sort_key(part: Value) -> tuple[bool, float, str]:
    """The key that sorts values: numbers first."""
    return (True, 0.0, part) if isinstance(part, str) else (False, part, "")


def levels(runs: Sequence[RunRecord], axis: str) -> list[Value]:
    """The values of these runs on an axis, sorted."""
    return sorted({value_on(run, axis) for run in runs}, key=sort_key)


def varying(runs: Sequence[RunRecord], axes: Sequence[str]) -> list[str]:
    """The axes, but for the seed's, on which these runs have more than one value."""
    return [axis for axis in without_seed(axes) if len(levels(runs, axis)) > 1]


def leading(runs: Sequence[RunRecord], axes: Sequence[str]) -> dict[str, list[str]]:
    """The axes that these runs vary, each with those that go along with it (zip): its value decides theirs."""
    varied = varying(runs, axes)
    most_first = sorted(varied, key=lambda axis: -len(levels(runs, axis)))  # stable: of equal ones the first
    along: dict[str, list[str]] = {}
    for axis in most_first:
        lead = next((lead for lead in along if decides(runs, lead, axis)), None)
        if lead is None:
            along[axis] = []
        else:
            along[lead].append(axis)
    return {axis: along[axis] for axis in varied if axis in along}


def decides(runs: Sequence[RunRecord], axis: str, other: str) -> bool:
    """Whether the runs with one value on an axis have one value on the other."""
    pairs = {(value_on(run, axis), value_on(run, other)) for run in runs}
    return len(pairs) == len({value for value, _ in pairs})


def numbers(values: Sequence[Value]) -> list[float] | None:
    """The values if all are numbers, else None."""
    found = [value for value in values if not isinstance(value, str)]
    return found if len(found) == len(values) else None


def logarithmic(values: Sequence[float]) -> bool:
    """Whether the values of an axis belong on a logarithmic scale; many drawn evenly from 0 to 1 are wide, too."""
    is_wide = min(values) > 0 and max(values) > 20 * min(values)
    return is_wide and (len(values) <= 8 or statistics.median(values) < max(values) / 4)


def compared_axes(runs: Sequence[RunRecord], axes: Sequence[str] | None) -> list[str]:
    """The axes without the seed, and the user's own code where it was changed; None: all on which the runs differ."""
    return differing(runs) if axes is None else [*without_seed(axes), *differing(runs, "code.")]


def differing(runs: Sequence[RunRecord], prefix: str = "") -> list[str]:
    """The axes on which these runs differ, of those that begin with a prefix; choices first.

    An option of a section counts if it differs between runs of the same choice: the axis `model` already says that an
    LSTM has other options than an n-gram model.
    """
    found = {key for run in runs for key in run.parameters if key.startswith(prefix)}
    keys = sorted(found, key=lambda key: (not key.startswith("choice."), key))
    return [key.removeprefix("choice.") for key in keys if may_decide(key) and _differs(runs, key)]


def may_decide(key: str) -> bool:
    """Whether an option may decide a result."""
    ignored = any(f"{key}.".startswith(f"{out}.") for out in NOT_COMPARED)
    return not ignored and not key.endswith("._target_")


def _differs(runs: Sequence[RunRecord], key: str) -> bool:
    found: dict[str | None, set[Value]] = {}
    for run in runs:
        choice = run.parameters.get(f"choice.{key.partition('.')[0]}")  # None: a root key
        found.setdefault(choice, set()).add(parsed(run.parameters.get(key, "")))
    return any(len(values) > 1 for values in found.values())
