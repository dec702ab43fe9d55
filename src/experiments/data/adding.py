"""The adding problem: two numbers of a long sequence are marked, and their sum is predicted at its end."""

import math

import numpy as np

from ..config.checks import at_least
from .drawn import all_steps, disjoint_splits, equal_steps
from .step_targets import Steps, StepTargets

FIRST_MARK = 10  # steps among which the first mark is


class Adding(StepTargets):
    """Vectors (number from 0 to 1, mark 0 or 1); the target of the last step is the sum of the two marked numbers.

    The first mark is among the first ten steps, the second elsewhere, both in the first half of the sequence: a
    truncation of `length / 2` or less reaches none of the marked numbers. Always predicting 1, the mean, has a squared
    error of 1/6 = 0.1667, the variance of the sum (0.1767 in some papers is a slip).

    `draw_seed` decides which sequences there are, `seed` the order of those for training. Raises ValueError for a size
    out of range. Source: Hochreiter and Schmidhuber (1997), experiment 4, whose marks these are, with the numbers and
    the target of Arjovsky, Shah and Bengio (2016), who have the second mark in the second half.
    """

    real_inputs = real_targets = True

    def __init__(self, *, length: int, num_train: int, num_valid: int, num_test: int, draw_seed: int, seed: int):
        at_least(4, length=length)
        half = length // 2

        def draw_rows(generator: np.random.Generator, number: int) -> np.ndarray:
            inputs = np.zeros((number, length, 2), np.float32)
            inputs[:, :, 0] = generator.random((number, length), np.float32)
            first = generator.integers(min(FIRST_MARK, half), size=number)
            second = generator.integers(half - 1, size=number)
            second += second >= first  # any other step
            inputs[np.arange(number), first, 1] = inputs[np.arange(number), second, 1] = 1.0
            return inputs

        def steps(inputs: np.ndarray) -> Steps:
            targets = np.full(inputs.shape[:2], np.nan)
            targets[:, -1] = inputs.prod(axis=2).sum(axis=1, dtype=np.float64)
            return equal_steps(inputs, targets)

        sizes = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        splits = disjoint_splits(draw_rows, math.inf, seed=draw_seed, **sizes)
        super().__init__(all_steps(splits, steps), seed=seed)
