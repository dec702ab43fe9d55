"""From tokenised texts to sequences: splits, vocabulary, lengths."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..config.checks import at_least
from ..interfaces.data import SplitStatistics
from ..interfaces.vocabularies import PatternVocabulary, check_kind
from ..interfaces.vocabulary import Vocabulary
from .files.reading import check_fractions
from .files.sources import SPLITS, in_order, shown
from .files.tokenised import TokenisedTexts, gather
from .labelled import Sequences

log = logging.getLogger("experiments")

UNKNOWN = "<unk>"
VOCABULARY_OPTIONS = ("pattern", "lower_case", "vocabulary_size", "min_count", "skip_top", "unknown")


class WordOptions(NamedTuple):
    """How texts become words, and which words become symbols."""

    pattern: str
    lower_case: bool
    vocabulary_size: int | None
    min_count: int
    skip_top: int
    unknown: str  # keep | drop
    max_length: int | None
    cut: str  # start | end

    def check(self) -> None:
        """ValueError for impossible options."""
        at_least(2 if self.unknown == "keep" else 1, vocabulary_size=self.vocabulary_size)
        at_least(1, max_length=self.max_length, min_count=self.min_count)
        at_least(0, skip_top=self.skip_top)
        check_pattern(self.pattern)

    def splitter(self, given: Vocabulary | None) -> Vocabulary:
        """What splits texts into words: a vocabulary without symbols, or the given one. ValueError for another kind."""
        check_kind(given, "pattern")
        if given is not None:
            return given
        return PatternVocabulary((), pattern=self.pattern, unknown=None, lower_case=self.lower_case)


class SplitOptions(NamedTuple):
    """How texts without a split of their own are dealt out."""

    valid_fraction: float
    test_fraction: float
    seed: int

    def check(self) -> None:
        """ValueError for impossible options."""
        check_fractions(self.valid_fraction, self.test_fraction)
        at_least(0, split_seed=self.seed)


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


class Read(NamedTuple):
    """What `LabelledSequences` is made of."""

    vocabulary: Vocabulary
    splits: dict[str, Sequences]
    statistics: dict[str, SplitStatistics]


def sequences_of(
    texts: TokenisedTexts,
    labels: Sequence[str],
    words: WordOptions,
    drawn: SplitOptions,
    vocabulary: Vocabulary | None,
) -> Read:
    """Tokenised texts -> the vocabulary, a new one unless it is given, and the sequences of each split."""
    if vocabulary is None:
        check_training_labels(texts, labels)
    rows = split_rows(texts, labels, drawn)
    if vocabulary is None:
        ranked = rank_words(texts, rows["train"], words.min_count)[words.skip_top :]
        if not ranked:
            frequent = f" that occurs min_count={words.min_count} times" if words.min_count > 1 else ""
            raise ValueError(f"skip_top={words.skip_top} leaves no word of the training texts{frequent}: lower it")
        vocabulary = choose_vocabulary(texts, ranked, words)
    kept = with_vocabulary(texts, vocabulary)
    places = np.array([labels.index(name) if name in labels else -1 for name in texts.label_names])
    kept = kept._replace(labels=places[texts.labels].astype(np.min_scalar_type(-len(labels))))
    splits = {split: cut_to_length(kept, rows[split], words) for split in rows}
    report_empty(splits)
    return Read(vocabulary, splits, {split: count(splits[split], texts, rows[split], vocabulary) for split in rows})


def count(sequences: Sequences, texts: TokenisedTexts, rows: np.ndarray, vocabulary: Vocabulary) -> SplitStatistics:
    """The symbols of a split as it is read; characters and words of its whole texts."""
    unknown = None if vocabulary.unknown is None else vocabulary.symbols.index(vocabulary.unknown)
    characters, words = texts.sizes[rows].sum(axis=0).tolist()
    return SplitStatistics(len(sequences.symbols), int((sequences.symbols == unknown).sum()), characters, words)


def check_training_labels(texts: TokenisedTexts, labels: Sequence[str]) -> None:
    """ValueError unless every label, and two at least, have training texts."""
    there = [label for label in in_order(texts.label_names) if len(texts.rows("train", label))]
    if missing := [label for label in labels if label not in there]:
        raise ValueError(f"no training text has the label {shown(missing)}; there are {shown(there)}")
    if len(labels) < 2:
        raise ValueError(f"all training texts have the label {shown(labels)}; at least 2 labels are needed")


def split_rows(texts: TokenisedTexts, labels: Sequence[str], drawn: SplitOptions) -> dict[str, np.ndarray]:
    """The texts of each split that is there. What is drawn has the same share of each label, as far as that goes."""
    own = {split: bool((texts.splits == k).any()) for k, split in enumerate(SPLITS)}
    rows: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    for k, label in enumerate(labels):
        shuffled = np.random.default_rng([drawn.seed, k]).permutation(texts.rows("train", label))
        num_valid = 0 if own["valid"] else round(len(shuffled) * drawn.valid_fraction)
        num_test = 0 if own["test"] else round(len(shuffled) * drawn.test_fraction)
        parts = np.split(shuffled, [num_valid, num_valid + num_test])
        if len(shuffled) and not len(parts[2]):
            of = f"{len(shuffled)} {label} texts"
            raise ValueError(f"{_fractions(own, drawn)} of {of} leaves none for training: lower it")
        for split, part in zip(("valid", "test", "train"), parts):
            rows[split] += [part, texts.rows(split, label)] if split != "train" else [part]
    joined = {split: np.sort(np.concatenate(parts)) for split, parts in rows.items()}
    for split, fraction in (("valid", drawn.valid_fraction), ("test", drawn.test_fraction)):
        if fraction and not own[split] and not len(joined[split]):
            name = {"valid": "validation", "test": "test"}[split]
            raise ValueError(
                f"{split}_fraction={fraction} of {len(joined['train'])} texts leaves none for {name}: "
                "raise it, or give 0"
            )
    return {split: part for split, part in joined.items() if len(part)}


def _fractions(own: Mapping[str, bool], drawn: SplitOptions) -> str:
    given = {"valid": drawn.valid_fraction, "test": drawn.test_fraction}
    return " and ".join(f"{split}_fraction={given[split]}" for split in given if given[split] and not own[split])


def rank_words(texts: TokenisedTexts, rows: np.ndarray, min_count: int) -> list[int]:
    """The words that occur in these texts often enough, the most frequent first, in alphabetical order where equal."""
    symbols, _ = gather(texts.symbols, texts.starts[rows], np.diff(texts.starts)[rows])
    counts = np.bincount(symbols, minlength=len(texts.words)).tolist()
    there = [k for k, word in enumerate(texts.words) if counts[k] >= min_count and word != UNKNOWN]
    return sorted(there, key=lambda k: (-counts[k], texts.words[k]))


def choose_vocabulary(texts: TokenisedTexts, ranked: Sequence[int], words: WordOptions) -> Vocabulary:
    """The first words as symbols, after <unk> if unknown words are kept."""
    first = [UNKNOWN] if words.unknown == "keep" else []
    ranked = ranked[: None if words.vocabulary_size is None else words.vocabulary_size - len(first)]
    symbols = [*first, *(texts.words[k] for k in ranked)]
    unknown = UNKNOWN if first else None
    return PatternVocabulary(symbols, pattern=words.pattern, unknown=unknown, lower_case=words.lower_case)


def with_vocabulary(texts: TokenisedTexts, vocabulary: Vocabulary) -> TokenisedTexts:
    """The texts in the symbols of a vocabulary: other words are its unknown, or vanish if it has none."""
    ids = {symbol: k for k, symbol in enumerate(vocabulary.symbols)}
    other = -1 if vocabulary.unknown is None else ids[vocabulary.unknown]
    symbol_of = np.array([ids.get(word, other) for word in texts.words], np.int32)
    symbols = symbol_of[texts.symbols]
    present = np.concatenate([[0], np.cumsum(symbols >= 0)])
    return texts._replace(symbols=symbols[symbols >= 0], starts=present[texts.starts])


def cut_to_length(texts: TokenisedTexts, rows: np.ndarray, words: WordOptions) -> Sequences:
    """Some texts, cut at their start or end to `max_length` symbols, with their labels."""
    lengths = np.diff(texts.starts)[rows]
    kept = lengths if words.max_length is None else np.minimum(lengths, words.max_length)
    first = texts.starts[rows] + (lengths - kept if words.cut == "start" else 0)
    return Sequences(*gather(texts.symbols, first, kept), texts.labels[rows])


def report_empty(splits: Mapping[str, Sequences]) -> None:
    """Log how many texts hold no symbol: empty ones, and those of which every word vanished."""
    for split, sequences in splits.items():
        number = int((sequences.lengths == 0).sum())
        if number:
            log.info("%s: %s of %s texts hold no known word", split, f"{number:,}", f"{len(sequences.labels):,}")
