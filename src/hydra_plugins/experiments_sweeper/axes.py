"""What a sweep varies, read from Hydra's override syntax: `1,5`, choice(), range(), tag(log, interval(0.1, 10))."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override

from experiments.config.errors import ConfigError
from experiments.sweep.dimensions import Dimension, Span


class Axes(NamedTuple):
    fixed: list[str]  # overrides that hold for every job
    dimensions: list[Dimension]


def read_axes(
    params: Mapping[str, str], typed: Sequence[str], zipped: Iterable[Sequence[str]], parser: OverridesParser
) -> Axes:
    """The axes of a sweep's file and of the command line, which wins where both name a key.

    ConfigError if a range is empty, a key cannot be swept, or what is zipped has not the same length.
    """
    overrides = {}
    for override in parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *typed]):
        overrides.pop(override.key_or_group, None)  # what is typed stands where it was typed
        overrides[override.key_or_group] = override
    axes = {key: _dimension(override) for key, override in overrides.items() if override.is_sweep_override()}
    if refused := [key for key in axes if key.partition(".")[0] in ("tracker", "resume", "sweeps")]:
        raise ConfigError(f"{refused[0]} cannot be swept: all runs of a sweep are kept in one place")
    fixed = [override.input_line for override in overrides.values() if not override.is_sweep_override()]
    for keys in zipped:
        axes = _zip(axes, list(keys))
    return Axes(fixed, list(axes.values()))


def _dimension(override: Override) -> Dimension:
    key, sweep = override.key_or_group, override.value()
    if override.get_key_element() != key:
        raise ConfigError(f"{override.input_line}: what is swept stands without + and @, as {key}=...")
    if override.is_interval_sweep():
        whole = isinstance(sweep.start, int) and isinstance(sweep.end, int)
        if not (math.isfinite(sweep.start) and math.isfinite(sweep.end) and sweep.start < sweep.end):
            raise ConfigError(f"{override.input_line}: an interval goes from a lower number to a higher one")
        if "log" in sweep.tags and sweep.start <= 0:
            raise ConfigError(f"{override.input_line}: on a logarithmic scale an interval begins above 0")
        return Dimension((key,), (), Span(sweep.start, sweep.end, "log" in sweep.tags, whole))
    found = override.sweep_string_iterator()
    if isinstance(sweep, Glob):
        found = (value for value in found if not value.startswith("_"))  # a part of other files, no choice
    values = tuple((f"{key}={value}",) for value in found)
    if not values:
        raise ConfigError(f"{override.input_line} holds no value")
    return Dimension((key,), values)


def _zip(axes: dict[str, Dimension], keys: list[str]) -> dict[str, Dimension]:
    """The axes with these ones gone through side by side instead of in all combinations."""
    missing = [key for key in keys if key not in axes or axes[key].span]
    if missing:
        raise ConfigError(
            f"hydra.sweeper.zip names {missing[0]}, which has no list of values in this sweep "
            "(hydra.sweeper.zip=[] takes all apart)"
        )
    columns = [axes[key].alternatives for key in keys]
    lengths = {key: len(column) for key, column in zip(keys, columns)}
    if len(set(lengths.values())) > 1:
        raise ConfigError(f"hydra.sweeper.zip needs as many values for each key, got {lengths}")
    together = Dimension(tuple(keys), tuple(sum(row, ()) for row in zip(*columns)))
    return {key: (together if key == keys[0] else axis) for key, axis in axes.items() if key not in keys[1:]}
