"""The copying problem: symbols are read, then nothing for a long time, then they have to be written in their order."""

import numpy as np

from ..config.checks import at_least
from ..interfaces.data import IGNORE
from ..interfaces.vocabulary import Vocabulary
from .drawn import all_steps, disjoint_splits, equal_steps
from .step_targets import Steps, StepTargets

BLANK, GO = "_", ">"


class CopyMemory(StepTargets):
    """`length` symbols out of K, blanks, and a mark after which the symbols are predicted one by one from blanks.

        input    3 1 4 _ _ _ _ > _ _ _        length 3, delay 5 (four blanks and the mark)
        target   . . . . . . . . 3 1 4

    Each symbol is predicted `length + delay` steps after it was read: a truncation of that or less does not reach it.
    Only these steps have targets, so a guess has an accuracy of 1/K and a loss of ln K; in the source,
    the blanks are predicted, too.

    `draw_seed` decides which sequences there are, `seed` the order of those for training. Raises ValueError for a size
    out of range and for more sequences than are different. Source: Hochreiter and Schmidhuber (1997), in the form of
    Arjovsky, Shah and Bengio (2016), who have 8 symbols and a length of 10.
    """

    def __init__(
        self,
        *,
        delay: int,
        length: int,
        num_symbols: int,
        num_train: int,
        num_valid: int,
        num_test: int,
        draw_seed: int,
        seed: int,
    ):
        at_least(1, delay=delay, length=length)
        at_least(2, num_symbols=num_symbols)
        labels = tuple(str(k) for k in range(num_symbols))
        blank, go = num_symbols, num_symbols + 1

        def draw_rows(generator: np.random.Generator, number: int) -> np.ndarray:
            return generator.integers(num_symbols, size=(number, length), dtype=np.int32)

        def steps(rows: np.ndarray) -> Steps:
            inputs = np.full((len(rows), 2 * length + delay), blank, np.int32)
            inputs[:, :length], inputs[:, length + delay - 1] = rows, go
            targets = np.full_like(inputs, IGNORE)
            targets[:, -length:] = rows
            return equal_steps(inputs, targets)

        sizes = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        rows = disjoint_splits(draw_rows, float(num_symbols) ** length, seed=draw_seed, **sizes)
        vocabulary = Vocabulary([*labels, BLANK, GO], separator=" ")
        super().__init__(all_steps(rows, steps), labels=labels, vocabulary=vocabulary, seed=seed)
