"""The parity of bits: whether an odd number of ones was read."""

import numpy as np

from ..config.checks import at_least
from ..interfaces.data import IGNORE
from ..interfaces.vocabulary import Vocabulary
from .drawn import all_steps, disjoint_splits, equal_steps
from .step_targets import Steps, StepTargets

LABELS = ("even", "odd")


class Parity(StepTargets):
    """`length` random bits; the class of a step is the parity of the bits up to it.

    One bit of memory is enough, but it has to be right at every step. With `every_step` each step has its target, so
    that the way from a bit to the state that holds it is short; without, only the last step has one, and no bit tells
    anything of it without all the others. A guess has an accuracy of 1/2 and a loss of ln 2.

    `draw_seed` decides which sequences there are, `seed` the order of those for training. Raises ValueError for a size
    out of range and for more sequences than are different. Source: Hochreiter and Schmidhuber (1997) on the long time
    lags of parity, which random weights solve sooner than gradients when only the last step has a target.
    """

    def __init__(
        self,
        *,
        length: int,
        every_step: bool,
        num_train: int,
        num_valid: int,
        num_test: int,
        draw_seed: int,
        seed: int,
    ):
        at_least(2, length=length)

        def draw_rows(generator: np.random.Generator, number: int) -> np.ndarray:
            return generator.integers(2, size=(number, length), dtype=np.int32)

        def steps(bits: np.ndarray) -> Steps:
            targets = bits.cumsum(axis=1, dtype=np.int32) % 2
            if not every_step:
                targets[:, :-1] = IGNORE
            return equal_steps(bits, targets)

        sizes = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        rows = disjoint_splits(draw_rows, 2.0**length, seed=draw_seed, **sizes)
        vocabulary = Vocabulary("01", separator=" ")
        super().__init__(all_steps(rows, steps), labels=LABELS, vocabulary=vocabulary, seed=seed)
