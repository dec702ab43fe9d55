"""Which symbol came first? One label for a whole sequence, known from its first step and asked for at its last."""

import numpy as np

from ..config.checks import at_least
from ..interfaces.vocabulary import Vocabulary
from .drawn import disjoint_splits
from .labelled import LabelledSequences, Sequences


class Recall(LabelledSequences):
    """One of K symbols, then `delay` distractors; the label, predicted after the last of them, is the first symbol.

    Distractors are drawn from D symbols of their own, `num_distractors`; with None they are the K symbols themselves,
    so that the network has to know which one came first. A guess has an accuracy of 1/K and a loss of ln K. The first
    symbol is `delay` steps before the target's: a truncation of `delay` or less does not reach it.

    `draw_seed` decides which sequences there are, `seed` the order of those for training. Raises ValueError for a size
    out of range and for more sequences than are different. Source: a multi-class form of the latch problem of Bengio,
    Simard and Frasconi (1994), and of experiment 2 of Hochreiter and Schmidhuber (1997).
    """

    def __init__(
        self,
        *,
        delay: int,
        num_symbols: int,
        num_distractors: int | None,
        num_train: int,
        num_valid: int,
        num_test: int,
        draw_seed: int,
        seed: int,
    ):
        at_least(1, delay=delay, num_distractors=num_distractors)
        at_least(2, num_symbols=num_symbols)
        labels = tuple(str(k) for k in range(num_symbols))
        names = [*labels, *(f"x{k}" for k in range(num_distractors or 0))]
        first_distractor = 0 if num_distractors is None else num_symbols

        def draw_rows(generator: np.random.Generator, number: int) -> np.ndarray:
            first = generator.integers(num_symbols, size=(number, 1), dtype=np.int32)
            further = generator.integers(first_distractor, len(names), size=(number, delay), dtype=np.int32)
            return np.concatenate([first, further], axis=1)

        possible = num_symbols * float(len(names) - first_distractor) ** delay
        sizes = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        rows = disjoint_splits(draw_rows, possible, seed=draw_seed, **sizes)
        splits = {split: self._sequences(found) for split, found in rows.items()}
        super().__init__(Vocabulary(names, separator=" "), splits, labels, seed=seed)

    @staticmethod
    def _sequences(rows: np.ndarray) -> Sequences:
        """Symbols (n, 1 + delay) -> sequences labelled with their first symbol."""
        number, length = rows.shape
        return Sequences(rows.ravel(), np.arange(number + 1) * length, rows[:, 0])
