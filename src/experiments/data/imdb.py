"""IMDB: film reviews and whether they are positive (Maas et al., 2011, the Large Movie Review Dataset)."""

from pathlib import Path
from typing import Literal

from ..interfaces.vocabulary import Vocabulary
from .files.fetching import fetch
from .files.review_archive import LABELS, find_reviews
from .files.tokenised import cached_texts
from .labelled import LabelledSequences
from .text_sequences import VOCABULARY_OPTIONS, SplitOptions, WordOptions, sequences_of

MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
BY_HAND = "give data.path=FILE with aclImdb_v1.tar.gz, or the folder unpacked from it"


class Imdb(LabelledSequences):
    """25,000 reviews to train with and 25,000 to test, half of each positive.

    `path` is the archive, the folder unpacked from it or a folder that holds either; without it the archive is
    downloaded into the cache. A word is what the regular expression `pattern` finds, after `<br />` became a space. The
    vocabulary is that of the training reviews, most frequent words first, without the `skip_top` first ones; it has
    `vocabulary_size` symbols at most. Other words become `<unk>`, which is one of these (`unknown` keep), or vanish
    (drop). Then reviews of more than `max_length` words lose those at their start or end (`cut`).
    The validation split is `valid_fraction` of the training reviews, as many of either label, drawn with `split_seed`;
    `seed` decides the order in which training reads the others. With a `vocabulary` the reviews are read through it.
    Raises ValueError or OSError for options or files that cannot be used.
    """

    vocabulary_options = VOCABULARY_OPTIONS

    def __init__(
        self,
        *,
        path: str | None,
        url: str,
        timeout: float,
        cache: str,
        pattern: str,
        lower_case: bool,
        vocabulary_size: int | None,
        skip_top: int,
        unknown: Literal["keep", "drop"],
        max_length: int | None,
        cut: Literal["start", "end"],
        valid_fraction: float,
        split_seed: int,
        seed: int,
        vocabulary: Vocabulary | None = None,
    ):
        words = WordOptions(pattern, lower_case, vocabulary_size, 1, skip_top, unknown, max_length, cut)
        drawn = SplitOptions(valid_fraction, 0.0, split_seed)
        words.check()
        drawn.check()
        splitter = words.splitter(vocabulary)
        if path is None:
            path = str(fetch(url, Path(cache) / "imdb", MD5, timeout, BY_HAND))
        texts = cached_texts(find_reviews(Path(path)), splitter, Path(cache))
        read = sequences_of(texts, LABELS, words, drawn, vocabulary)
        super().__init__(read.vocabulary, read.splits, LABELS, seed=seed, statistics=read.statistics)
