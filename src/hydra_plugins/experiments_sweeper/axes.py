"""What a sweep varies, read from Hydra's override syntax: `1,5`, choice(), range(), tag(log, interval(0.1, 10))."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep

from experiments.config.errors import ConfigError
from experiments.sweep.dimensions import Dimension, Span


class Axes(NamedTuple):
    """The overrides of a sweep, apart from its axes."""

    fixed: list[str]  # overrides that hold for every job
    dimensions: list[Dimension]


def read_axes(
    params: Mapping[str, str], typed: Sequence[str], zipped: Iterable[Sequence[str]], parser: OverridesParser
) -> Axes:
    """The axes of a sweep's file and of the command line, which wins if both name a key.

    ConfigError if a range is empty, a key cannot be swept, or zipped keys have different numbers of values.
    """
    overrides: dict[str, Override] = {}
    for override in parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *typed]):
        overrides.pop(override.key_or_group, None)  # a typed axis takes the place where it was typed
        overrides[override.key_or_group] = override
    axes = {key: _dimension(override) for key, override in overrides.items() if override.is_sweep_override()}
    if refused := [key for key in axes if key.partition(".")[0] in ("tracker", "resume", "sweeps")]:
        raise ConfigError(f"{refused[0]} cannot be swept: all runs of a sweep are kept in one place")
    fixed = [str(override.input_line) for override in overrides.values() if not override.is_sweep_override()]
    for keys in zipped:
        axes = _zip(axes, list(keys))
    return Axes(fixed, [_distinct(axis) for axis in axes.values()])


def _dimension(override: Override) -> Dimension:
    key, sweep = override.key_or_group, override.value()
    if override.get_key_element() != key:
        raise ConfigError(f"{override.input_line}: a swept key has no + or @, as {key}=...")
    if isinstance(sweep, IntervalSweep):
        return Dimension((key,), (), _span(sweep, override))
    # a file whose name begins with _ is a part of others
    values = [value for value in override.sweep_string_iterator() if not (isinstance(sweep, Glob) and value[0] == "_")]
    if isinstance(sweep, RangeSweep):
        values = [_without_noise(value) for value in values]
    if not values:
        raise ConfigError(f"{override.input_line} holds no value")
    return Dimension((key,), tuple((f"{key}={value}",) for value in values))


def _without_noise(value: str) -> str:
    """A value of a range without the rounding of its sums: 0.30000000000000004 is 0.3."""
    return value if value.lstrip("-").isdigit() else repr(float(f"{float(value):.14g}"))


def _distinct(axis: Dimension) -> Dimension:
    """The axis of a single key without values that are the same number as an earlier one: 1 and 1.0 are one job."""
    if axis.span or len(axis.keys) > 1:
        return axis
    distinct: dict[float | str, tuple[str, ...]] = {}
    for (override,) in axis.alternatives:
        value = override.partition("=")[2]
        try:
            distinct.setdefault(float(value), (override,))
        except ValueError:
            distinct[value] = (override,)
    return Dimension(axis.keys, tuple(distinct.values()))


def _span(interval: IntervalSweep, override: Override) -> Span:
    low, high, is_log = interval.start, interval.end, "log" in interval.tags
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{override.input_line}: an interval goes from a lower number to a higher one")
    if is_log and low <= 0:
        raise ConfigError(f"{override.input_line}: on a logarithmic scale an interval begins above 0")
    return Span(low, high, is_log, isinstance(low, int) and isinstance(high, int))


def _zip(axes: dict[str, Dimension], keys: list[str]) -> dict[str, Dimension]:
    """The axes with these ones varying together instead of in all combinations."""
    missing = [key for key in keys if key not in axes or axes[key].span]
    if missing:
        raise ConfigError(
            f"hydra.sweeper.zip names {missing[0]}, which has no list of values in this sweep "
            "(hydra.sweeper.zip=[] zips none)"
        )
    columns = [axes[key].alternatives for key in keys]
    lengths = {key: len(column) for key, column in zip(keys, columns)}
    if len(set(lengths.values())) > 1:
        raise ConfigError(f"hydra.sweeper.zip needs equally many values for each key, got {lengths}")
    together = Dimension(tuple(keys), tuple(sum(row, ()) for row in zip(*columns)))
    return {key: (together if key == keys[0] else axis) for key, axis in axes.items() if key not in keys[1:]}
