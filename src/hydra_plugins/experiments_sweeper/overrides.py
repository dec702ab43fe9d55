"""From overrides in Hydra's syntax to the dimensions of a sweep."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from experiments.config.errors import ConfigError
from experiments.sweep.dimensions import Dimension, Exclusion, Span, key_of

CASES = "hydra.sweeper.cases"  # stands for the keys of its axis
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # 07 and infinity are texts
UNSWEPT = ("tracker", "resume", "sweeps")


def read_axes(
    params: Mapping[str, str],
    typed: Sequence[str],
    zipped: Iterable[Sequence[str]],
    parser: OverridesParser,
    cases: Sequence[Sequence[Any]] = (),
) -> tuple[list[str], list[Dimension]]:
    """What is the same for all jobs, and the axes: of a sweep's file and of the command line, which wins.

    `cases` are one more axis: sets of overrides that vary together. ConfigError if a range is empty, a key cannot be
    swept or is varied twice, or zipped keys have different numbers of values.
    """
    overrides: dict[str, Override] = {}
    for override in parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *typed]):
        overrides.pop(override.key_or_group, None)  # a typed axis takes the place where it was typed
        overrides[override.key_or_group] = override
    axes = {key: _dimension(override) for key, override in overrides.items() if override.is_sweep_override()}
    if cases:
        axes = {CASES: read_cases(cases, parser, overrides)} | axes
    if refused := [key for axis in axes.values() for key in axis.keys if key.partition(".")[0] in UNSWEPT]:
        raise ConfigError(f"{refused[0]} cannot be swept: all runs of a sweep are kept in one place")
    fixed = [str(override.input_line) for override in overrides.values() if not override.is_sweep_override()]
    for keys in zipped:
        axes = _zip(axes, list(keys))
    return fixed, [_distinct(axis) for axis in axes.values()]


def read_cases(cases: Iterable[Sequence[Any]], parser: OverridesParser, others: Mapping[str, Override]) -> Dimension:
    """One axis of cases like [optimizer=sgd, optimizer.momentum=0,0.9]; several values of a key are several cases.

    ConfigError if a case is empty, cannot be read, sets a key twice or one of the `others`, or holds an interval.
    """
    alternatives: list[tuple[str, ...]] = []
    for case in cases:
        parsed = [_dimension(override) for override in _parse_list("cases", case, parser)]
        keys = [axis.keys[0] for axis in parsed]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ConfigError(f"hydra.sweeper.cases: {_shown(case)} sets {twice[0]} twice")
        if any(axis.span for axis in parsed):
            raise ConfigError(f"hydra.sweeper.cases: {_shown(case)} holds an interval: give values")
        combinations = itertools.product(*(axis.alternatives for axis in parsed))
        alternatives += [tuple(override for chosen in one for override in chosen) for one in combinations]
    keys = [key_of(override) for alternative in alternatives for override in alternative]
    if elsewhere := [others[key].input_line for key in keys if key in others]:
        raise ConfigError(
            f"hydra.sweeper.cases sets {key_of(str(elsewhere[0]))}, which is also given as {elsewhere[0]}: "
            "give it in one of the two places"
        )
    return Dimension(tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(alternatives)))


def read_exclusions(
    items: Iterable[Sequence[Any]], dimensions: Sequence[Dimension], parser: OverridesParser
) -> list[Exclusion]:
    """The combinations to leave out, like [model=torch_rnn, truncation=50,100]. ConfigError if a key is not varied."""
    varied = [key for dimension in dimensions for key in dimension.keys]
    exclusions = []
    for item in items:
        values: dict[str, tuple[str, ...]] = {}
        for override in _parse_list("exclude", item, parser):
            key = override.key_or_group
            if key not in varied:
                raise ConfigError(
                    f"hydra.sweeper.exclude names {key}, which this sweep does not vary: it varies {', '.join(varied)}"
                )
            values[key] = tuple(text.partition("=")[2] for (text,) in _dimension(override).alternatives)
        exclusions.append(Exclusion(_shown(item), values))
    return exclusions


def _parse_list(option: str, items: Sequence[Any], parser: OverridesParser) -> list[Override]:
    """The overrides of one case or exclusion; a value without a key is one more of the override before it."""
    texts: list[str] = []
    for item in map(str, items):
        if "=" in item or not texts:
            texts.append(item)
        else:
            texts[-1] += f",{item}"
    if not texts or not all("=" in text for text in texts):
        raise ConfigError(f"hydra.sweeper.{option} holds lists of KEY=VALUE, got {_shown(items)}")
    try:
        return parser.parse_overrides(texts)
    except HydraException as error:
        raise ConfigError(f"hydra.sweeper.{option}: {_shown(items)} cannot be read") from error


def _shown(items: Sequence[Any]) -> str:
    return f"[{','.join(map(str, items))}]"


def _dimension(override: Override) -> Dimension:
    """The axis of one override; with a single value, if it has no list of them."""
    key, sweep = override.key_or_group, override.value()
    if override.get_key_element() != key:
        raise ConfigError(f"{override.input_line}: a swept key has no + or @, as {key}=...")
    if not override.is_sweep_override():
        return Dimension((key,), ((str(override.input_line),),))
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
        distinct.setdefault(float(value) if NUMBER.fullmatch(value) else value, (override,))
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
