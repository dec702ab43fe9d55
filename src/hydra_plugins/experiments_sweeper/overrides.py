"""From overrides in Hydra's syntax to the dimensions of a sweep and the configs of its jobs."""

import math
from collections.abc import Iterable, Mapping, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

from experiments.config.composition import Composition, composition_of, resolve
from experiments.config.errors import ConfigError
from experiments.config.help import KINDS
from experiments.sweep.dimensions import Dimension, Span


def read_axes(
    params: Mapping[str, str], typed: Sequence[str], zipped: Iterable[Sequence[str]], parser: OverridesParser
) -> tuple[list[str], list[Dimension]]:
    """What is the same for all jobs, and the axes: of a sweep's file and of the command line, which wins.

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
    return fixed, [_distinct(axis) for axis in axes.values()]


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
    columns = {key: axes[key].alternatives for key in keys}
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ConfigError(f"hydra.sweeper.zip needs equally many values for each key, got {lengths}")
    together = Dimension(tuple(keys), tuple(sum(row, ()) for row in zip(*columns.values())))
    return {key: (together if key == keys[0] else axis) for key, axis in axes.items() if key not in keys[1:]}


class Composer:
    """Overrides -> composition. Files are read once per combination of choices, so later edits do not reach a sweep."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, fixed: Sequence[str], parser: OverridesParser):
        """`fixed` are the overrides of all jobs."""
        self._loader, self._master, self._parser = loader, master, parser
        self._fixed = list(fixed)
        self._read: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, chosen: Sequence[str]) -> Composition:
        """The composition of one job. ConfigError, or one of Hydra's, if it cannot be composed."""
        overrides = self._parser.parse_overrides(list(chosen))
        files = tuple(str(override.input_line) for override in overrides if not _is_value(override))
        if files not in self._read:
            self._read[files] = self._loader.load_sweep_config(self._master, [*self._fixed, *files])
        hydra = self._read[files].hydra
        config = OmegaConf.masked_copy(self._read[files], [str(key) for key in self._read[files] if key != "hydra"])
        for override in filter(_is_value, overrides):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        return composition_of(resolve(config), hydra, [*self._fixed, *chosen])


def _is_value(override: Override) -> bool:
    """Whether an override sets a value and chooses no file; + and ~ are left to Hydra."""
    prefixed = override.is_add() or override.is_force_add() or override.is_delete()
    return not prefixed and override.key_or_group not in KINDS and override.package is None
