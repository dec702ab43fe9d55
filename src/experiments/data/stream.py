"""A language-model dataset: every symbol of a stream is predicted from those before it."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..interfaces.data import Dataset, SplitStatistics, Window
from ..interfaces.vocabulary import Vocabulary
from .windows import stream_windows, wrapped_windows


class SymbolStreams(Dataset):
    """One stream of ids (N,) per split over one vocabulary; a new text dataset only has to build these."""

    vocabulary_options: tuple[str, ...] = (
        *("alphabet", "min_count", "vocabulary_size", "vocabulary_file", "unknown"),
        *("lower_case", "end_of_line"),
    )

    def __init__(
        self,
        vocabulary: Vocabulary,
        streams: Mapping[str, np.ndarray],
        *,
        wrap: bool,
        statistics: Mapping[str, SplitStatistics] = MappingProxyType({}),
        fingerprint: str | None = None,
    ):
        """With `wrap` the training split is read as the textbook does, see `wrapped_windows`.

        `fingerprint` is what the property of this name would compute, where that is known.
        """
        for split, ids in streams.items():
            if len(ids) < 2:
                raise ValueError(f"the {split} split holds {len(ids)} symbols; at least 2 are needed to predict one")
        self.vocabulary, self.statistics = vocabulary, statistics
        self.streams = dict(streams)
        self.splits = tuple(streams)
        self.num_inputs = self.num_outputs = len(vocabulary)
        self._wrap, self._fingerprint = wrap, fingerprint

    def windows(
        self, split: str, batch_size: int, truncation: int | None, epoch: int | None = None, warm_up: int = 0
    ) -> Sequence[Window]:
        """See `interfaces.data.Dataset`. Raises ValueError for a split that is not there or too short for the batch."""
        if split not in self.streams:
            raise ValueError(f"there is no split {split!r} in this dataset; it has {', '.join(self.splits)}")
        symbols = self.streams[split]
        if self._wrap and epoch is not None:
            return wrapped_windows(symbols, batch_size, truncation, epoch)
        return stream_windows(symbols, batch_size, truncation, warm_up)

    @functools.cached_property
    def symbol_counts(self) -> np.ndarray:  # type: ignore[override]  # counted when a model asks
        """How often each symbol occurs in the training split (V,)."""
        return np.bincount(self.streams["train"], minlength=len(self.vocabulary))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the vocabulary and every split."""
        if self._fingerprint is None:
            digest = hashlib.blake2b(self.vocabulary.fingerprint.encode(), digest_size=8)
            for split, ids in self.streams.items():
                digest.update(split.encode())
                digest.update(np.ascontiguousarray(ids, "<i4").data)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint


def statistics_of(text: str, ids: np.ndarray, vocabulary: Vocabulary) -> SplitStatistics:
    """What a text (its ids (N,)) holds; every line end counts as a word."""
    unknown = -1 if vocabulary.unknown is None else vocabulary.symbols.index(vocabulary.unknown)
    return SplitStatistics(len(ids), int((ids == unknown).sum()), len(text), len(text.split()) + text.count("\n"))
