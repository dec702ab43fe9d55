"""What a sweep varies: lists of alternatives, or spans of numbers."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """All numbers from low to high, both included; whole ones only, or evenly on a logarithmic scale, if so said."""

    low: float
    high: float
    log: bool
    whole: bool

    def text(self, number: float) -> str:
        """A number of the span as it is typed."""
        return str(round(number)) if self.whole else f"{number:.6g}"


class Dimension(NamedTuple):
    """One axis, or several that go side by side: alternatives of one override for each key, or a span of one key."""

    keys: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...]  # overrides KEY=VALUE
    span: Span | None = None

    @property
    def is_ordered(self) -> bool:
        """Whether the alternatives are numbers that rise or fall, so that neighbours resemble each other."""
        try:
            numbers = [float(override.partition("=")[2]) for (override,) in self.alternatives]
        except ValueError:
            return False
        return numbers in (sorted(numbers), sorted(numbers, reverse=True))

    def corners(self) -> tuple[tuple[str, ...], ...]:
        """Alternatives that show whether all can be used: all of a list, the ends of a span."""
        if self.span is None:
            return self.alternatives
        return tuple((f"{self.keys[0]}={self.span.text(end)}",) for end in (self.span.low, self.span.high))


def product(dimensions: Sequence[Dimension]) -> Iterator[tuple[str, ...]]:
    """All combinations of the alternatives, the last axis running fastest, but one of seeds slowest of all.

    So every point has been tried once before any is tried again.
    """
    order = sorted(range(len(dimensions)), key=lambda k: dimensions[k].keys != ("seed",))
    for chosen in itertools.product(*(dimensions[k].alternatives for k in order)):
        by_axis = sorted(zip(order, chosen))
        yield sum((overrides for _, overrides in by_axis), ())
