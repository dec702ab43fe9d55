"""Sequences with one label each: a whole sequence is read, then its label is predicted.

A batch of three reviews with 5, 3 and 0 words and a truncation of 2 becomes two windows:

                 review 0   review 1   review 2
    t = 0           w          .          .        window 0: no targets. It only carries the state, so the gradient
    t = 1           w          .          .                  never enters it and it need not be cut any further
    t = 2           w          w          .
    ---------------------------------------------
    t = 3           w          w          .        window 1: the last T steps, through which the gradient travels
    t = 4         w -> y     w -> y     . -> y

Padding (.) leaves the state untouched, so a review costs the same in any company.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..interfaces.data import IGNORE, PADDING, Dataset, SplitStatistics, Window
from ..interfaces.vocabulary import Vocabulary
from .windows import Windows

NO_STATISTICS: Mapping[str, SplitStatistics] = MappingProxyType({})
POOL = 50  # batches whose sequences are sorted by length before they are dealt out


class Sequences(NamedTuple):
    """n sequences, one after the other."""

    symbols: np.ndarray  # (N,) int32
    starts: np.ndarray  # (n+1,) int64: sequence i is symbols[starts[i] : starts[i+1]]
    labels: np.ndarray  # (n,) int8, or wider for more than 128 classes

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)


class SequenceDataset(Dataset):
    """A base class of datasets of sequences, each of which begins with the initial state.

    Every batch holds sequences of similar length, so that an evaluation is exact with any number of columns. `_seed`
    decides the order of the training sequences. A subclass sets it and `sequences`, and says how a batch is cut.
    """

    labelled = True
    sequences: dict[str, Any]  # by split: n of them, the steps of sequence i from starts[i] to starts[i+1]
    _seed: int

    def windows(
        self,
        split: str,
        batch_size: int,
        truncation: int | None,
        epoch: int | None = None,
        warm_up: int = 0,  # noqa: ARG002
    ) -> Windows:
        """See `interfaces.data.Dataset`. Raises ValueError for a split that is not there."""
        if split not in self.sequences:
            raise ValueError(f"there is no split {split!r} in this dataset; it has {', '.join(self.splits)}")
        sequences = self.sequences[split]
        order = None if epoch is None else np.random.default_rng([self._seed, epoch])
        return self.windows_of_batches(sequences, batches(np.diff(sequences.starts), batch_size, order), truncation)

    def num_sequences(self, split: str) -> int:
        return len(self.sequences[split].starts) - 1

    def windows_of_batches(self, sequences: Any, batches: list[np.ndarray], truncation: int | None) -> Windows:
        """The windows of some batches of sequence numbers."""
        raise NotImplementedError


class LabelledSequences(SequenceDataset):
    """A dataset of sequences and labels, see `interfaces.data.Dataset`; a new one only has to build these arrays.

    `seed` decides the order of the training sequences.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        splits: Mapping[str, Sequences],
        labels: tuple[str, ...],
        *,
        seed: int,
        statistics: Mapping[str, SplitStatistics] = NO_STATISTICS,
    ):
        for split, sequences in splits.items():
            if not len(sequences.labels):
                raise ValueError(f"the {split} split holds no sequence; at least 1 is needed")
        self.vocabulary, self.labels = vocabulary, labels
        self.sequences, self.splits = dict(splits), tuple(splits)
        self.num_inputs, self.num_outputs = len(vocabulary), len(labels)
        self._seed = seed
        self.statistics = statistics
        trained = splits["train"].labels if "train" in splits else np.zeros(0, np.int8)
        self.label_counts = tuple(np.bincount(trained, minlength=len(labels)).tolist()) if len(trained) else ()

    def windows_of_batches(self, sequences: Sequences, batches: list[np.ndarray], truncation: int | None) -> Windows:
        """One window for each batch, or two where sequences are longer than the truncation."""
        lengths = sequences.lengths
        longest = np.array([max(1, lengths[batch].max()) for batch in batches])
        cuts = np.zeros_like(longest) if truncation is None else np.maximum(longest - truncation, 0)
        ends = np.cumsum(1 + (cuts > 0))  # number of windows up to each batch

        def cut(k: int) -> Window:
            b = int(np.searchsorted(ends, k, side="right"))
            only_carries = cuts[b] > 0 and k == ends[b] - 2
            first, last = (0, cuts[b]) if only_carries else (cuts[b], longest[b])
            places = np.arange(first - longest[b], last - longest[b])
            inputs = columns(sequences.symbols, sequences.starts, batches[b], places, PADDING)
            targets = np.full_like(inputs, IGNORE)
            if not only_carries:
                targets[-1] = sequences.labels[batches[b]]
            return Window(inputs, targets, first == 0, 0 if only_carries else len(batches[b]))

        return Windows(int(ends[-1]), cut)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the vocabulary and every split."""
        digest = hashlib.blake2b(self.vocabulary.fingerprint.encode(), digest_size=8)
        for split, sequences in self.sequences.items():
            digest.update(split.encode())
            for array in sequences:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def batches(lengths: np.ndarray, batch_size: int, order: np.random.Generator | None) -> list[np.ndarray]:
    """lengths (n,) -> the sequences of each batch, of similar length; shuffled, or from short to long without order."""
    if order is None:
        by_length = np.argsort(lengths, kind="stable")
        return [by_length[first : first + batch_size] for first in range(0, len(lengths), batch_size)]
    dealt = []
    shuffled = order.permutation(len(lengths))
    for first in range(0, len(lengths), POOL * batch_size):
        pool = shuffled[first : first + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        dealt += [pool[k : k + batch_size] for k in range(0, len(pool), batch_size)]
    return [dealt[k] for k in order.permutation(len(dealt))]


def columns(values: np.ndarray, starts: np.ndarray, batch: np.ndarray, places: np.ndarray, mark: int) -> np.ndarray:
    """Values (N, ...) at places (T,) of the B sequences of a batch, -1 the last of each -> (T, B, ...).

    Ids become int64, with `mark` before the first step of a sequence; floats remain what they are, with NaN there.
    """
    at = starts[batch + 1] + places[:, None]
    is_given = at >= starts[batch]
    is_real = values.dtype.kind == "f"
    cut: np.ndarray = np.full(
        (*at.shape, *values.shape[1:]), np.nan if is_real else mark, values.dtype if is_real else np.int64
    )
    cut[is_given] = values[at[is_given]]
    return cut
