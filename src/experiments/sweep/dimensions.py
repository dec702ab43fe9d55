"""What a sweep varies: lists of alternatives, or spans of numbers; and which combinations it leaves out."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..config.errors import ConfigError


class Span(NamedTuple):
    """All numbers from low to high, both included."""

    low: float
    high: float
    log: bool  # drawn evenly on a logarithmic scale
    whole: bool  # whole numbers only

    def text(self, number: float) -> str:
        """A number of the span as it is typed."""
        return str(round(number)) if self.whole else f"{number:.6g}"


class Dimension(NamedTuple):
    """One axis, or several that vary together: alternatives, each of some overrides, or a span of one key."""

    keys: tuple[str, ...]  # of all alternatives; an alternative of `cases` may leave some of them as they are
    alternatives: tuple[tuple[str, ...], ...]  # overrides KEY=VALUE
    span: Span | None = None

    @property
    def shared_keys(self) -> tuple[str, ...]:
        """The keys that every alternative sets: one more case of the same kind leaves them as they are."""
        sets = [{key_of(override) for override in overrides} for overrides in self.alternatives]
        return tuple(key for key in self.keys if all(key in keys for keys in sets))

    @property
    def is_ordered(self) -> bool:
        """Whether the alternatives are rising or falling numbers, so that neighbours resemble each other."""
        try:
            numbers = [float(override.partition("=")[2]) for (override,) in self.alternatives]
        except ValueError:
            return False
        return numbers in (sorted(numbers), sorted(numbers, reverse=True))

    def corners(self) -> tuple[tuple[str, ...], ...]:
        """The alternatives to check before a search starts: all of a list, the ends of a span."""
        if self.span is None:
            return self.alternatives
        return tuple((f"{self.keys[0]}={self.span.text(end)}",) for end in (self.span.low, self.span.high))


class Exclusion(NamedTuple):
    """Combinations that a grid leaves out: those that set each of these keys to one of its values."""

    text: str  # as it was typed
    values: Mapping[str, Sequence[str]]

    def holds(self, chosen: Sequence[str]) -> bool:
        """Whether these overrides KEY=VALUE are left out."""
        found = {key: value for key, _, value in (override.partition("=") for override in chosen)}
        return all(
            key in found and any(is_same(found[key], value) for value in values) for key, values in self.values.items()
        )


def without_excluded(combinations: Iterable[tuple[str, ...]], exclusions: Sequence[Exclusion]) -> list[tuple[str, ...]]:
    """The combinations of which no exclusion holds. ConfigError if one holds of none, or all are left out."""
    combinations = list(combinations)
    for exclusion in exclusions:
        if not any(map(exclusion.holds, combinations)):
            raise ConfigError(f"hydra.sweeper.exclude: no combination has {exclusion.text}, so it excludes nothing")
    kept = [chosen for chosen in combinations if not any(exclusion.holds(chosen) for exclusion in exclusions)]
    if not kept:
        raise ConfigError("hydra.sweeper.exclude leaves no combination: there is nothing to run")
    return kept


def is_same(one: str, other: str) -> bool:
    """Whether two values are the same text or the same number."""
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def key_of(override: str) -> str:
    """The key of an override KEY=VALUE."""
    return override.partition("=")[0]


def product(dimensions: Sequence[Dimension]) -> Iterator[tuple[str, ...]]:
    """All combinations of the alternatives, the last axis varying fastest, but an axis of seeds slowest.

    So every point is run once before any is repeated.
    """
    order = sorted(range(len(dimensions)), key=lambda k: dimensions[k].keys != ("seed",))
    for chosen in itertools.product(*(dimensions[k].alternatives for k in order)):
        by_axis = sorted(zip(order, chosen))
        yield tuple(override for _, overrides in by_axis for override in overrides)
