"""IMDB: film reviews and whether they are positive (Maas et al., 2011, the Large Movie Review Dataset)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ..config.checks import at_least
from ..interfaces.vocabulary import Vocabulary
from .files.fetching import fetch
from .files.reading import check_fractions
from .files.review_files import LABELS, find_source
from .files.reviews import Reviews, cached_reviews, gather
from .labelled import LabelledSequences, Sequences

MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
UNKNOWN = "<unk>"


class Imdb(LabelledSequences):
    """25,000 reviews to train with and 25,000 to test, half of each positive.

    `path` is the archive, the folder unpacked from it or a folder that holds either; without it the archive is
    downloaded into the cache. A word is what the regular expression `pattern` finds, after `<br />` became a space. The
    vocabulary is that of the training reviews, most frequent words first, without the `skip_top` first ones; it has
    `vocabulary_size` symbols at most. Other words become `<unk>`, which is one of these (`unknown` keep), or vanish
    (drop). Then reviews of more than `max_length` words lose those at their start or end (`cut`).
    The validation split is `valid_fraction` of the training reviews, as many of either label, drawn with `split_seed`;
    `seed` decides the order in which training reads the others.
    Raises ValueError or OSError for options or files that cannot be used.
    """

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
    ):
        at_least(2 if unknown == "keep" else 1, vocabulary_size=vocabulary_size)
        at_least(1, max_length=max_length)
        at_least(0, skip_top=skip_top, split_seed=split_seed)
        check_fractions(valid_fraction, 0.0)
        check_pattern(pattern)
        if path is None:
            by_hand = "give data.path=FILE with aclImdb_v1.tar.gz, or the folder unpacked from it"
            path = str(fetch(url, Path(cache) / "imdb", MD5, timeout, by_hand))
        reviews = cached_reviews(find_source(Path(path)), pattern, lower_case, Path(cache))
        rows = split_rows(reviews, valid_fraction, split_seed)
        ranked = rank_words(reviews, rows["train"])[skip_top:]
        if not ranked:
            raise ValueError(f"skip_top={skip_top} leaves no word of the training reviews")
        vocabulary, kept = with_vocabulary(reviews, ranked, vocabulary_size, keeps_unknown=unknown == "keep")
        splits = {split: cut_to_length(kept, rows[split], max_length, cut) for split in rows}
        super().__init__(vocabulary, splits, LABELS, seed=seed)


def check_pattern(pattern: str) -> None:
    """ValueError unless it is a regular expression that finds words, not parts of them and not nothing."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is no regular expression: {error}") from error
    if compiled.groups:
        raise ValueError(f"pattern {pattern!r} must have no groups that capture: write (?:...) for (...)")
    if "" in compiled.findall("a b, c."):
        raise ValueError(f"pattern {pattern!r} finds words without a letter: write + for *")


def split_rows(reviews: Reviews, valid_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """The reviews of train, valid (unless its fraction is 0) and test; valid has the same share of either label."""
    rows: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for k, label in enumerate(LABELS):
        shuffled = np.random.default_rng([seed, k]).permutation(reviews.rows("train", label))
        number = round(len(shuffled) * valid_fraction)
        if valid_fraction and not 0 < number < len(shuffled):
            left = "training" if number else "validation"
            of = f"{len(shuffled)} {label} reviews"
            raise ValueError(f"valid_fraction={valid_fraction} of {of} leaves none for {left}")
        rows["valid"].append(shuffled[:number])
        rows["train"].append(shuffled[number:])
        rows["test"].append(reviews.rows("test", label))
    return {split: np.sort(np.concatenate(parts)) for split, parts in rows.items() if sum(map(len, parts))}


def rank_words(reviews: Reviews, rows: np.ndarray) -> list[int]:
    """The words that occur in these reviews, the most frequent first, in alphabetical order where equal."""
    symbols, _ = gather(reviews.symbols, reviews.starts[rows], np.diff(reviews.starts)[rows])
    counts = np.bincount(symbols, minlength=len(reviews.words)).tolist()
    there = [k for k, word in enumerate(reviews.words) if counts[k] and word != UNKNOWN]
    return sorted(there, key=lambda k: (-counts[k], reviews.words[k]))


def with_vocabulary(
    reviews: Reviews, ranked: Sequence[int], size: int | None, *, keeps_unknown: bool
) -> tuple[Vocabulary, Reviews]:
    """The `size` first words as a vocabulary, and the reviews in its symbols: other words are <unk>, or vanish."""
    first = [UNKNOWN] if keeps_unknown else []
    ranked = ranked[: None if size is None else size - len(first)]
    symbol_of = np.full(len(reviews.words), len(first) - 1, np.int32)  # <unk> is 0, what vanishes is -1
    symbol_of[ranked] = np.arange(len(ranked)) + len(first)
    vocabulary = Vocabulary(
        [*first, *(reviews.words[k] for k in ranked)], separator=" ", unknown=UNKNOWN if first else None
    )
    symbols = symbol_of[reviews.symbols]
    present = np.concatenate([[0], np.cumsum(symbols >= 0)])
    return vocabulary, reviews._replace(symbols=symbols[symbols >= 0], starts=present[reviews.starts])


def cut_to_length(reviews: Reviews, rows: np.ndarray, max_length: int | None, cut: str) -> Sequences:
    """Some reviews, cut at their start or end to `max_length` symbols, with their labels."""
    lengths = np.diff(reviews.starts)[rows]
    kept = lengths if max_length is None else np.minimum(lengths, max_length)
    first = reviews.starts[rows] + (lengths - kept if cut == "start" else 0)
    return Sequences(*gather(reviews.symbols, first, kept), reviews.labels[rows].astype(np.int8))
