"""Texts with one label each, of one's own: in folders or in tables."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ..interfaces.vocabulary import Vocabulary
from .files.find_texts import find_texts
from .files.sources import TextOptions, in_order, label_name
from .files.tokenised import cached_texts
from .labelled import LabelledSequences
from .text_sequences import VOCABULARY_OPTIONS, SplitOptions, WordOptions, sequences_of

log = logging.getLogger("experiments")


class LabelledTexts(LabelledSequences):
    """Texts of any labels, each with one.

    `path` is a folder with train/LABEL/*.txt, test/LABEL/*.txt and perhaps valid/LABEL/*.txt; a folder with
    LABEL/*.txt; a table (.csv, .tsv, .jsonl, .parquet); or a folder with a table for each split, as train.csv.
    `text_column` and `label_column` name the columns of tables, None chooses usual names. `labels` are the classes in
    their order, whose texts alone are read; None is all there are, whole numbers by value, others by the alphabet.

    A split without files of its own is drawn from the training texts with `split_seed`: `test_fraction` and
    `valid_fraction` of them, as many of each label. Words and vocabulary are those of `Imdb`, but that a word needs
    `min_count` training occurrences. With a `vocabulary` the texts are split and read by that one, the options that
    choose one have no effect, and a class may be without texts. `classes` are the `labels` where these are None: those
    of the weights that are to read the texts.
    Raises ValueError or OSError for options or files that cannot be used.
    """

    vocabulary_options = VOCABULARY_OPTIONS

    def __init__(
        self,
        *,
        path: str,
        text_column: str | None,
        label_column: str | None,
        labels: list[str | int | float | bool] | str | None,
        encoding: str,
        pattern: str,
        lower_case: bool,
        vocabulary_size: int | None,
        min_count: int,
        skip_top: int,
        unknown: Literal["keep", "drop"],
        max_length: int | None,
        cut: Literal["start", "end"],
        valid_fraction: float,
        test_fraction: float,
        split_seed: int,
        cache: str,
        seed: int,
        vocabulary: Vocabulary | None = None,
        classes: Sequence[str] | None = None,
    ):
        words = WordOptions(pattern, lower_case, vocabulary_size, min_count, skip_top, unknown, max_length, cut)
        drawn = SplitOptions(valid_fraction, test_fraction, split_seed)
        words.check()
        drawn.check()
        splitter = words.splitter(vocabulary)
        given = classes or None if labels is None else label_names(labels)
        options = TextOptions(text_column, label_column, given, encoding, strict=vocabulary is None)
        source = find_texts(Path(path), options)
        texts = cached_texts(source, splitter, Path(cache))
        names = list(given or in_order(texts.label_names))
        for note in texts.notes:
            log.info("%s: %s", path, note)
        read = sequences_of(texts, names, words, drawn, vocabulary)
        super().__init__(read.vocabulary, read.splits, tuple(names), seed=seed, statistics=read.statistics)
        if self.label_counts:
            log.info("classes: %s", class_sizes(self.labels, self.label_counts))


def class_sizes(labels: Sequence[str], counts: Sequence[int], most: int = 6) -> str:
    """The labels with their numbers of training texts; of many only the first."""
    sizes = [f"{label} {count:,}" for label, count in zip(labels, counts)]
    return ", ".join(sizes[:most]) + (f" and {len(sizes) - most:,} more" if len(sizes) > most else "")


def label_names(labels: list[str | int | float | bool] | str) -> list[str]:
    """The option `labels`, of which a list that is not in ASCII is typed as text. ValueError for fewer than two."""
    values = labels.strip("[]").split(",") if isinstance(labels, str) else labels
    names = [label_name(value) for value in values]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"labels must be at least 2 names, each once, as data.labels=[a,b], got {labels}")
    return names
