"""Where an adaptive softmax cuts the classes, ranked by frequency, into a head and tails."""

import itertools
from collections.abc import Iterator, Sequence

from ..config.checks import above


def checked_cutoffs(cutoffs: Sequence[int] | None, num_classes: int) -> list[int]:
    """The rank at which each tail begins; None: at a tenth and at two fifths of the classes. ValueError if impossible.

    With only two classes, as where a network is built on trial before its data is known, only their order is checked.
    """
    if cutoffs is None:
        return sorted({max(1, num_classes // 10), max(1, 2 * num_classes // 5)})
    found = list(cutoffs)
    if not found or found[0] < 1 or any(a >= b for a, b in itertools.pairwise(found)):
        raise ValueError(f"cutoffs must be ascending ranks from 1 on, as in [1000,4000], got {found}")
    if num_classes <= 2:
        return [1]
    if found[-1] >= num_classes:
        raise ValueError(
            f"cutoffs must be below the number of classes, {num_classes}, got {found}: give model.cutoffs=null"
        )
    return found


def tail_sizes(cutoffs: Sequence[int], num_classes: int, width: int, divisor: float) -> Iterator[tuple[int, int]]:
    """The classes of each tail, and the features that it reads of `width`."""
    above(0, tail_divisor=divisor)
    for i, (start, end) in enumerate(itertools.pairwise([*cutoffs, num_classes])):
        yield end - start, max(1, min(width, int(width / divisor ** (i + 1))))
