"""Two runs compared by what every target of the same split costs each: the mean difference and its interval.

The bootstrap resamples what may be dependent together: blocks of consecutive targets of a text (circular blocks:
Politis and Romano, 1992), or whole sequences with their labels.
"""

import math
from typing import NamedTuple

import numpy as np

CHUNK = 2_000_000  # numbers drawn at once
LEVEL = 95.0  # % of the interval


class Difference(NamedTuple):
    """Loss of B minus loss of A in nats per target."""

    mean: float
    low: float
    high: float
    block: int | None  # targets that are resampled together; None: whole sequences
    num_units: int  # blocks that cover the split once, or sequences
    resamples: int

    @property
    def is_clear(self) -> bool:
        """Whether 0 is outside of the interval."""
        return not self.low <= 0.0 <= self.high

    @property
    def method(self) -> str:
        """How the interval was made, in words."""
        what = f"{self.num_units:,} whole sequences"
        if self.block is not None:
            what = f"circular blocks of {self.block:,} consecutive targets"
        return f"bootstrap over {what}, {self.resamples:,} resamples, percentiles"


def difference(
    differences: np.ndarray, sequences: np.ndarray | None, block: int | None, resamples: int, seed: int = 0
) -> Difference:
    """differences (N,) of the targets in their order -> the mean and its 95 % interval.

    `sequences` (N,) says to which sequence each belongs, None: they are one text. `block` None: the square root of N.
    """
    draws = np.random.default_rng(seed)
    number = len(differences)
    if sequences is None:
        block = min(block or math.ceil(math.sqrt(number)), number)
        sums, counts = block_sums(differences, block), np.full(number, float(block))
        num_units = math.ceil(number / block)
    else:
        block = None
        _, members = np.unique(sequences, return_inverse=True)
        sums, counts = np.bincount(members, differences), np.bincount(members).astype(float)
        num_units = len(sums)
    means = resampled(sums, counts, num_units, resamples, draws)
    low, high = np.percentile(means, [50 - LEVEL / 2, 50 + LEVEL / 2])
    return Difference(float(differences.mean()), float(low), float(high), block, num_units, resamples)


def block_sums(values: np.ndarray, block: int) -> np.ndarray:
    """values (N,) -> (N,) sums of the `block` values from each place on, the first following the last."""
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: block - 1]]))])
    sums: np.ndarray = running[block:] - running[:-block]
    return sums


def resampled(
    sums: np.ndarray, counts: np.ndarray, num_units: int, resamples: int, draws: np.random.Generator
) -> np.ndarray:
    """Means (resamples,) of `num_units` units drawn with replacement, each a sum over a count of targets."""
    means, at_once = [], max(1, CHUNK // num_units)
    for first in range(0, resamples, at_once):
        chosen = draws.integers(len(sums), size=(min(at_once, resamples - first), num_units))
        means.append(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1))
    return np.concatenate(means)
