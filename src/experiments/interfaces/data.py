"""What a dataset hands to the training loop."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from .vocabulary import Vocabulary

PADDING = -1  # an input that is no symbol: the state passes it unchanged; as a vector, NaN in every number
IGNORE = -100  # a class that is not predicted; where targets are numbers, NaN
DATA_KINDS = ("real_inputs", "real_targets", "labelled_steps")  # attributes of a dataset that a model may want to know


class Window(NamedTuple):
    """What one step of truncated BPTT reads, time-major.

    Inputs are ids of symbols, or vectors of V numbers that the first layer reads as they are; targets are classes, or
    numbers for a network with one output. Numbers are float32 or float64, and computed with in the run's precision.
    """

    inputs: np.ndarray  # (T, B) int64 or (T, B, V) float; PADDING before or after a column's own steps
    targets: np.ndarray  # (T, B) int64 or float; IGNORE where nothing is predicted
    starts: bool  # the state that enters is the initial one
    count: int  # type: ignore[assignment]  # targets that are predicted; hides tuple.count


def padding_steps(inputs: np.ndarray) -> np.ndarray | None:
    """inputs (T, B) or (T, B, V) -> which steps are padding, (T, B) bool; None if there is none.

    Raises ValueError for a vector that is NaN in some of its numbers and not in others.
    """
    if inputs.ndim == 2:
        return None if inputs.min() >= 0 else inputs == PADDING
    missing = np.isnan(inputs)
    if not missing.any():
        return None
    padding: np.ndarray = missing.all(axis=2)
    if (missing.any(axis=2) & ~padding).any():
        raise ValueError(
            "a vector of the data is NaN in some of its numbers, and only padding is NaN, in all of them: "
            "replace missing values before they become windows"
        )
    return padding


class SplitStatistics(NamedTuple):
    """What a split of a text holds, so that perplexities over different symbols can be compared."""

    tokens: int  # symbols, N
    unknown: int  # of them the symbol for unknown
    characters: int  # of the text itself, line ends included
    words: int  # of the text: what white space separates, and every line end


class Dataset:
    """The base class of every dataset. Any sequence of Window will do for `windows`, a list too."""

    num_inputs: int  # V
    num_outputs: int  # K; 1 where the targets are numbers
    splits: tuple[str, ...]  # "train", and of "valid" and "test" what there is
    vocabulary: Vocabulary = Vocabulary((), separator="")  # of the inputs; empty where these are vectors
    labelled = False  # whether every column is a sequence of its own, with a target at its end or at any step
    # Set these in the class, so that a model that does not fit is refused before the data is read.
    real_inputs = False  # whether the inputs are vectors
    real_targets = False  # whether the targets are numbers
    labelled_steps = False  # where labelled: whether there are targets at any step
    labels: tuple[str, ...] = ()  # the names of the K classes, where labelled
    label_counts: tuple[int, ...] = ()  # the training targets of each class, where labelled
    sentence_end: int | None = None  # the symbol that ends a sentence
    symbol_counts: np.ndarray | None = None  # (V,) of the training split, where the dataset knows them
    statistics: Mapping[str, SplitStatistics] = MappingProxyType({})  # by split, where the dataset knows them
    vocabulary_options: tuple[str, ...] = ()  # the constructor's arguments that choose the symbols

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change when the symbols do."""
        raise NotImplementedError

    def num_sequences(self, split: str) -> int | None:  # noqa: ARG002
        """The sequences of a split, where it is not one text; None if there are none or it is not known."""
        return None

    def windows(
        self, split: str, batch_size: int, truncation: int | None, epoch: int | None = None, warm_up: int = 0
    ) -> Sequence[Window]:
        """The windows of one training epoch, or with epoch None those of an evaluation: every target once.

        A pure function of its arguments (and the dataset's options), so that resuming means skipping k windows.
        `truncation` None means windows as long as the columns. With `warm_up`, the columns of an evaluation of a text
        read so many steps of their past first, see `stream_windows`. Raises ValueError for a split that is not there.
        """
        raise NotImplementedError
