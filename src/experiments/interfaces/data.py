"""What a dataset hands to the training loop."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from .vocabulary import Vocabulary

PADDING = -1  # an input that is no symbol: the state passes it unchanged
IGNORE = -100  # a target that is not predicted


class Window(NamedTuple):
    """What one step of truncated BPTT reads, time-major."""

    inputs: np.ndarray  # (T, B) int64; PADDING before or after a column's symbols
    targets: np.ndarray  # (T, B) int64; IGNORE where nothing is predicted
    starts: bool  # the state that enters is the initial one
    count: int  # type: ignore[assignment]  # targets that are predicted; hides tuple.count


class SplitStatistics(NamedTuple):
    """What a split of a text holds, so that perplexities over different symbols can be compared."""

    tokens: int  # symbols, N
    unknown: int  # of them the symbol for unknown
    characters: int  # of the text itself, line ends included
    words: int  # of the text: what white space separates, and the line ends where lines are counted as words


class Dataset:
    """The base class of every dataset. Any sequence of Window will do for `windows`, a list too."""

    num_inputs: int  # V
    num_outputs: int  # K
    splits: tuple[str, ...]  # "train", and of "valid" and "test" what there is
    vocabulary: Vocabulary
    labelled = False  # whether every column is a sequence of its own, with one target at its end
    labels: tuple[str, ...] = ()  # the names of the K classes, where labelled
    label_counts: tuple[int, ...] = ()  # the training targets of each class, where labelled
    sentence_end: int | None = None  # the symbol that ends a sentence
    statistics: Mapping[str, SplitStatistics] = MappingProxyType({})  # by split, where the dataset knows them

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change when the symbols do."""
        raise NotImplementedError

    def windows(
        self, split: str, batch_size: int, truncation: int | None, epoch: int | None = None, warm_up: int = 0
    ) -> Sequence[Window]:
        """The windows of one training epoch, or with epoch None those of an evaluation: every target once.

        A pure function of its arguments (and the dataset's options), so that resuming means skipping k windows.
        `truncation` None means windows as long as the columns. With `warm_up`, the columns of an evaluation of a text
        read so many steps of their past first, see `stream_windows`. Raises ValueError for a split that is not there.
        """
        raise NotImplementedError
