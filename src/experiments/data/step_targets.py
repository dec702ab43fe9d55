"""Sequences whose steps have targets: classes (tagging, one label per frame) or numbers (a signal, a forecast).

A batch of three sequences with 5, 3 and 2 steps and a truncation of 3 becomes two windows, both with targets:

                 sequence 0  sequence 1  sequence 2
    t = 0         x -> y        .           .         window 0: the steps that are left over
    t = 1         x -> y        .           .
    -----------------------------------------------
    t = 2         x -> y      x -> y        .         window 1: the state is carried, the gradient is not
    t = 3         x -> y      x -> y      x -> y
    t = 4         x -> y      x -> y      x -> y

Sequences end together, so that a target at the end alone has `truncation` steps before it through which its gradient
travels. Padding (.) leaves the state untouched, so a sequence costs the same in any company.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..interfaces.data import IGNORE, PADDING, Window
from ..interfaces.vocabulary import Vocabulary
from .labelled import SequenceDataset, columns
from .windows import Windows


class Steps(NamedTuple):
    """n sequences, one after the other, N steps in all."""

    inputs: np.ndarray  # (N,) ids, or (N, V) vectors of floats
    targets: np.ndarray  # (N,) classes, or floats; IGNORE, or NaN, where nothing is predicted
    starts: np.ndarray  # (n+1,) int64: sequence i is the steps from starts[i] to starts[i+1]


class StepTargets(SequenceDataset):
    """A dataset of sequences with a target at any step, see `interfaces.data.Dataset`; a new one builds these arrays.

    A subclass says in its class what it has: `real_inputs = True` for vectors, `real_targets = True` for numbers, and
    `labelled_steps = False` if only last steps have targets: then a bidirectional or pooled network gives one output
    to a whole sequence, which otherwise is one per step.

    Every batch holds sequences of similar length, each beginning with the initial state, so that an evaluation is exact
    with any number of columns. `seed` decides the order of the training sequences.
    Raises ValueError for arrays that do not fit each other, the class or the labels.
    """

    labelled_steps = True

    def __init__(
        self,
        splits: Mapping[str, Steps],
        *,
        labels: tuple[str, ...] = (),
        vocabulary: Vocabulary | None = None,
        seed: int,
    ):
        """`labels` are the names of the K classes, none for numbers; `vocabulary` is that of inputs that are ids."""
        self.sequences, self.splits, self.labels, self._seed = dict(splits), tuple(splits), labels, seed
        if vocabulary is not None:
            self.vocabulary = vocabulary
        for split, steps in splits.items():
            self._check(split, steps)
        first = next(iter(splits.values())).inputs
        self.num_inputs = first.shape[1] if self.real_inputs else len(self.vocabulary)
        self.num_outputs = 1 if self.real_targets else len(labels)
        if any(self.real_inputs and steps.inputs.shape[1] != self.num_inputs for steps in splits.values()):
            raise ValueError("the vectors of the splits have different numbers of components")

    def _check(self, split: str, steps: Steps) -> None:
        """Raise ValueError unless the arrays of a split are what the class says."""
        inputs, targets, starts = steps
        if len(starts) < 2 or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] != len(inputs):
            raise ValueError(f"starts of the {split} split must rise from 0 to its {len(inputs)} steps, got {starts}")
        if len(targets) != len(inputs):
            raise ValueError(f"the {split} split has {len(inputs)} steps but {len(targets)} targets")
        kinds = (("inputs", inputs, self.real_inputs, self.real_inputs), ("targets", targets, self.real_targets, False))
        for name, array, is_real, are_vectors in kinds:
            if (array.dtype.kind == "f") != is_real or array.ndim != 1 + are_vectors:
                wanted = f"{'(N, V)' if are_vectors else '(N,)'} {'floats' if is_real else 'integers'}"
                raise ValueError(
                    f"the {name} of the {split} split must be {wanted}, as the class says real_{name} = {is_real}: "
                    f"got {array.dtype} {array.shape}"
                )
        if self.real_inputs and not np.isfinite(inputs).all():
            raise ValueError(
                f"the inputs of the {split} split are not all finite, and only padding is NaN: replace missing values"
            )
        if not self.real_targets:
            known = f"classes are 0 to {len(self.labels) - 1}, and {IGNORE} at a step without one"
            _check_range(f"class of the {split} split", targets[targets != IGNORE], len(self.labels), known)
        if not self.real_inputs:
            known = f"the vocabulary has the ids 0 to {len(self.vocabulary) - 1}"
            _check_range(f"input of the {split} split", inputs, len(self.vocabulary), known)

    def windows_of_batches(self, sequences: Steps, batches: list[np.ndarray], truncation: int | None) -> Windows:
        """Windows of at most `truncation` steps; of each batch the first is the shortest."""
        inputs, targets, starts = sequences
        lengths = np.diff(starts)
        longest = np.array([max(1, lengths[batch].max()) for batch in batches])
        T = longest if truncation is None else np.minimum(longest, truncation)
        number = -(-longest // T)
        ends = np.cumsum(number)  # number of windows up to each batch

        def cut(k: int) -> Window:
            b = int(np.searchsorted(ends, k, side="right"))
            last = -int(ends[b] - k - 1) * int(T[b])  # steps after this window
            first = max(last - int(T[b]), -int(longest[b]))
            where = (starts, batches[b], np.arange(first, last))
            wanted = columns(targets, *where, IGNORE)
            is_target = ~np.isnan(wanted) if self.real_targets else wanted != IGNORE
            return Window(columns(inputs, *where, PADDING), wanted, first == -longest[b], int(is_target.sum()))

        return Windows(int(ends[-1]), cut)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the vocabulary, the labels and every split."""
        names = "\0".join((self.vocabulary.fingerprint, *self.labels))
        digest = hashlib.blake2b(names.encode(), digest_size=8)
        for split, steps in self.sequences.items():
            digest.update(split.encode())
            for array in steps:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _check_range(what: str, ids: np.ndarray, number: int, known: str) -> None:
    """ValueError that names the first id that is not from 0 to below `number`."""
    if (outside := ids[(ids < 0) | (ids >= number)]).size:
        raise ValueError(f"{outside[0]} is no {what}: {known}")
