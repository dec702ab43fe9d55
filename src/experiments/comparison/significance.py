"""Which rows of a table cannot be told from the best one, by their seeds."""

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.05
TEST = f"Welch's t-test over seeds, two-sided, p at least {LEVEL:g}, not corrected for the number of rows"
NO_TEST = "with one seed in the best row there is no test"


def indistinguishable(scores: Sequence[Sequence[float]], best: int) -> list[bool]:
    """Scores of the seeds of every row -> whether Welch's t-test does not tell it from the best row at 5 %.

    The best row itself is always among them. A row with one seed cannot be tested, and is not.
    """
    return [k == best or p_value(scores[best], row) >= LEVEL for k, row in enumerate(scores)]


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of Welch's t-test; 0 if it cannot be computed, and 1 for constant values that are equal."""
    if min(len(one), len(other)) < 2:
        return 0.0
    if len({*one}) == len({*other}) == 1:
        return float(one[0] == other[0])
    from scipy.stats import t  # slow, and needed where there is a test

    scale = max(map(abs, (*one, *other)))  # p does not depend on it, but squares of large scores overflow
    one, other = ([score / scale for score in scores] for scores in (one, other))
    squares = [statistics.variance(values) / len(values) for values in (one, other)]
    parts = [square**2 / (len(values) - 1) for square, values in zip(squares, (one, other))]
    distance = (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(sum(squares))
    return float(2 * t.sf(abs(distance), sum(squares) ** 2 / sum(parts)))  # Welch and Satterthwaite's freedom


def how_tested(scores: Sequence[Sequence[float]], best: int) -> str:
    """The test in words."""
    return TEST if len(scores[best]) > 1 else NO_TEST
