"""Sequences of equal length that are drawn from a seed, with no sequence in two splits."""

from collections.abc import Callable, Mapping

import numpy as np

from ..config.checks import at_least
from .step_targets import Steps

ORDER = ("test", "valid", "train")  # so that held-out sequences do not depend on how many are for training


def disjoint_splits(
    draw_rows: Callable[[np.random.Generator, int], np.ndarray], possible: float, *, seed: int, **sizes: int
) -> dict[str, np.ndarray]:
    """Different rows (n, ...) for each split: `draw_rows(generator, n)` is asked until there are enough.

    `sizes` are `num_train`, `num_valid` and `num_test`; `possible` is the number of rows that differ. Raises ValueError
    for a size below 1 and for more rows than are possible.
    """
    at_least(1, **sizes)
    total = sum(sizes.values())
    if total > possible:
        raise ValueError(
            f"num_train + num_valid + num_test must be at most {possible:,.0f}, the number of different sequences, got "
            f"{total:,}: give fewer, or longer sequences"
        )
    generator, splits = np.random.default_rng(seed), {}
    rows = draw_rows(generator, 0)
    for split in ORDER:
        taken, size = len(rows), sizes[f"num_{split}"]
        while len(rows) < taken + size:
            rows = _distinct(np.concatenate([rows, draw_rows(generator, size)]))
        rows = rows[: taken + size]
        splits[split] = rows[taken:]
    return {split: splits[split] for split in reversed(ORDER)}


def _distinct(rows: np.ndarray) -> np.ndarray:
    """The rows without repetitions, each where it is first."""
    _, first = np.unique(rows.reshape(len(rows), -1), axis=0, return_index=True)
    return rows[np.sort(first)]


def equal_steps(inputs: np.ndarray, targets: np.ndarray) -> Steps:
    """inputs (n, length) or (n, length, V), targets (n, length) -> the steps of n sequences."""
    number, length = targets.shape
    return Steps(inputs.reshape(-1, *inputs.shape[2:]), targets.ravel(), np.arange(number + 1) * length)


def all_steps(splits: Mapping[str, np.ndarray], of: Callable[[np.ndarray], Steps]) -> dict[str, Steps]:
    """The steps of every split, each computed from its rows."""
    return {split: of(rows) for split, rows in splits.items()}
