"""The texts of labelled data one after the other, as a stream for a language model; their labels are not read."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..interfaces.data import SplitStatistics
from ..interfaces.vocabularies import PatternVocabulary
from ..interfaces.vocabulary import Vocabulary
from .imdb import Imdb
from .labelled import LabelledSequences, Sequences
from .labelled_texts import LabelledTexts
from .stream import SymbolStreams
from .text_sequences import UNKNOWN, VOCABULARY_OPTIONS

END = "<eos>"  # the symbol after every text, the last of the vocabulary


class RunningTexts(SymbolStreams):
    """The texts of the training and the validation split of labelled data, in an order drawn once, each before END.

    No test text is read, so that a classifier that begins with this language model is tested on unseen texts; with the
    same `valid_fraction` and `split_seed` both hold out the same ones. With the `vocabulary` of a checkpoint the texts
    are read through it. Raises ValueError or OSError for options or files that cannot be used.
    """

    vocabulary_options = VOCABULARY_OPTIONS

    def __init__(self, texts: LabelledSequences, order_seed: int, vocabulary: Vocabulary | None):
        own = texts.vocabulary if vocabulary is None else vocabulary
        if vocabulary is None:
            own = with_end(texts.vocabulary)
        elif END not in vocabulary:
            raise ValueError(
                f"the symbols of checkpoint= have no {END}, which ends every text here: give data=imdb or "
                "data=labelled, which read labels, or train new weights without checkpoint="
            )
        end = own.symbols.index(END)
        kept: dict[str, Sequences] = {
            split: texts.sequences[split] for split in ("train", "valid") if split in texts.splits
        }
        order = np.random.default_rng([order_seed, len(kept)])
        streams = {split: joined(each, order.permutation(len(each.labels)), end) for split, each in kept.items()}
        statistics = {split: with_ends(texts.statistics[split], len(kept[split].labels)) for split in kept}
        super().__init__(own, streams, wrap=False, statistics=statistics)
        self.sentence_end = end


class ImdbStream(RunningTexts):
    """The training reviews of `Imdb`, whose options these are, as one text."""

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
        max_length: int | None,
        cut: Literal["start", "end"],
        valid_fraction: float,
        split_seed: int,
        vocabulary: Vocabulary | None = None,
    ):
        reviews = Imdb(
            path=path,
            url=url,
            timeout=timeout,
            cache=cache,
            pattern=pattern,
            lower_case=lower_case,
            vocabulary_size=vocabulary_size,
            skip_top=0,
            unknown="keep",
            max_length=max_length,
            cut=cut,
            valid_fraction=valid_fraction,
            split_seed=split_seed,
            seed=0,
            vocabulary=vocabulary,
        )
        super().__init__(reviews, split_seed, vocabulary)


class LabelledStream(RunningTexts):
    """The texts of `LabelledTexts`, whose options these are, as one text."""

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
        max_length: int | None,
        cut: Literal["start", "end"],
        valid_fraction: float,
        test_fraction: float,
        split_seed: int,
        cache: str,
        vocabulary: Vocabulary | None = None,
    ):
        texts = LabelledTexts(
            path=path,
            text_column=text_column,
            label_column=label_column,
            labels=labels,
            encoding=encoding,
            pattern=pattern,
            lower_case=lower_case,
            vocabulary_size=vocabulary_size,
            min_count=min_count,
            skip_top=0,
            unknown="keep",
            max_length=max_length,
            cut=cut,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            split_seed=split_seed,
            cache=cache,
            seed=0,
            vocabulary=vocabulary,
        )
        super().__init__(texts, split_seed, vocabulary)


def with_end(vocabulary: Vocabulary) -> PatternVocabulary:
    """The vocabulary of labelled texts with END as its last symbol. ValueError if it is a word of them."""
    assert isinstance(vocabulary, PatternVocabulary)
    if END in vocabulary:
        raise ValueError(f"{END} ends every text, but data.pattern={vocabulary.pattern} finds it as a word of them")
    symbols, pattern = [*vocabulary.symbols, END], vocabulary.pattern
    return PatternVocabulary(symbols, pattern=pattern, unknown=UNKNOWN, lower_case=vocabulary.lower_case)


def joined(texts: Sequences, order: Sequence[int] | np.ndarray, end: int) -> np.ndarray:
    """n sequences of N symbols -> the symbols (N + n,) in this order, with `end` after each."""
    parts = (texts.symbols[texts.starts[k] : texts.starts[k + 1]] for k in order)
    return np.concatenate([part for each in parts for part in (each, [end])]).astype(np.int32)


def with_ends(texts: SplitStatistics, number: int) -> SplitStatistics:
    """The statistics of texts that are joined: the end of each is a symbol, and a line's end in the text."""
    return SplitStatistics(texts.tokens + number, texts.unknown, texts.characters + number, texts.words + number)
