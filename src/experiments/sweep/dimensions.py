"""What a sweep varies: lists of alternatives, or spans of numbers."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple


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
    """One axis, or several that vary together: alternatives of one override for each key, or a span of one key."""

    keys: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...]  # overrides KEY=VALUE
    span: Span | None = None

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


def product(dimensions: Sequence[Dimension]) -> Iterator[tuple[str, ...]]:
    """All combinations of the alternatives, the last axis varying fastest, but an axis of seeds slowest.

    So every point is run once before any is repeated.
    """
    order = sorted(range(len(dimensions)), key=lambda k: dimensions[k].keys != ("seed",))
    for chosen in itertools.product(*(dimensions[k].alternatives for k in order)):
        by_axis = sorted(zip(order, chosen))
        yield tuple(override for _, overrides in by_axis for override in overrides)
