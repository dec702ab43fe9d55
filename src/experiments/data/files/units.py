"""What a symbol is: how a text is cut and clipped in these units, and which symbols its training split has.

A unit holds the options by which its vocabulary is chosen; they are part of a cache entry's key.
"""

import abc
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...interfaces.vocabularies import ByteVocabulary
from ...interfaces.vocabulary import NUM_CODE_POINTS, Vocabulary, code_points
from .splits import (
    Part,
    cut_at_characters,
    cut_at_lines,
    lacks_end,
    num_characters,
    pieces,
    place_of,
    start_of_character,
)

AUTO = "auto"
REPLACEMENT = "\ufffd"  # Unicode's character for one that cannot be shown
Read = Callable[[Part], Iterator[str]]  # the text of a part in pieces


@dataclass(frozen=True)
class Unit(abc.ABC):
    """Words, characters, bytes or sub-words."""

    lower_case: bool
    name: ClassVar[str]  # as in `Vocabulary.unit`
    # What to do where a vocabulary that is given, of a checkpoint or a file, lacks a symbol of the text.
    cure_given: ClassVar[str] = "its vocabulary has no symbol for others"

    @abc.abstractmethod
    def cut(self, file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
        """One file -> its splits."""

    @abc.abstractmethod
    def clip(self, part: Part, size: int) -> tuple[Part, int]:
        """The first symbols of a part, and how many these are: fewer than `size` if it has no more."""

    @abc.abstractmethod
    def choose(self, parts: Mapping[str, Part], read: Read) -> Vocabulary:
        """The vocabulary of the training split. ValueError if the options do not fit it."""

    def tail(self, part: Part) -> str:  # noqa: ARG002
        """What counts as text after the end of a part."""
        return ""

    def cure(self, parts: Mapping[str, Part], read: Read) -> str:
        """What to type where the vocabulary that was chosen lacks a held-out symbol."""
        raise NotImplementedError(f"no text has {self.name}s that are not in the vocabulary")


@dataclass(frozen=True)
class WordUnit(Unit):
    """What white space separates, and the word `end_of_line` after every line unless that is None.

    Of the training words that occur `min_count` times at least the `vocabulary_size` most frequent are symbols, ids in
    order of first appearance. The others are `unknown`, which is a symbol where there are others.
    """

    end_of_line: str | None
    min_count: int
    vocabulary_size: int | None
    unknown: str | None
    name: ClassVar[str] = "word"
    cure_given: ClassVar[str] = (
        "its vocabulary has no symbol for unknown: give data.unknown='<unk>' with data.vocabulary_file, or train the "
        "weights again with a larger data.min_count, so that rare words become <unk>"
    )

    def cut(self, file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
        return cut_at_lines(file, fractions, ends_count=self.end_of_line is not None)

    def clip(self, part: Part, size: int) -> tuple[Part, int]:
        word = re.compile(r"\S+" if self.end_of_line is None else r"\S+|\n")
        found, at = 0, part.start
        for text in pieces(part, whole_words=True):
            ends = [match.end() for match in itertools.islice(word.finditer(text), size - found)]
            found += len(ends)
            if found == size:
                return Part(part.file, part.start, at + len(text[: ends[-1]].encode()), whole_lines=False), size
            at += len(text.encode())
        return part, found + len(self.tail(part))

    def tail(self, part: Part) -> str:
        return "\n" if self.end_of_line is not None and lacks_end(part) else ""

    def choose(self, parts: Mapping[str, Part], read: Read) -> Vocabulary:
        counts = self._counts(parts["train"], read)
        symbols, left_out = frequent(counts, self.min_count, self.vocabulary_size, self.unknown, "words")
        if left_out and self.unknown is not None and self.unknown not in counts:
            symbols.append(self.unknown)
        return Vocabulary(
            symbols,
            separator=" ",
            unknown=self.unknown if self.unknown in symbols else None,
            lower_case=self.lower_case,
            end_of_line=self.end_of_line,
        )

    def cure(self, parts: Mapping[str, Part], read: Read) -> str:
        counts = self._counts(parts["train"], read).values()
        symbol = "" if self.unknown else "data.unknown='<unk>' "
        rarer = f"{symbol}data.min_count={min(counts) + 1}, which makes its rarest words unknown, or "
        cure = f"give {rarer if min(counts) < max(counts) else ''}data.held_out=false"
        return f"training has no {self.unknown or 'symbol'} for it: {cure}"

    def _counts(self, part: Part, read: Read) -> Counter[str]:
        splitter = Vocabulary((), separator=" ", lower_case=self.lower_case, end_of_line=self.end_of_line)
        counts: Counter[str] = Counter()
        for text in itertools.chain(read(part), [self.tail(part)]):
            counts.update(splitter.split(text))
        return counts


@dataclass(frozen=True)
class CharacterUnit(Unit):
    """Unicode's code points, ids in their order; `unknown` is the last, unless it occurs itself.

    Of the training characters that occur `min_count` times at least the `vocabulary_size` most frequent are symbols,
    or those of `alphabet` are. The others are `unknown`; None refuses them. With `unknown` "auto" there is such a
    symbol, U+FFFD, where it is needed; and where held-out text needs it but training would have none, characters that
    occur once in training become it, so that it is learned.
    """

    alphabet: str | None
    min_count: int
    vocabulary_size: int | None
    unknown: str | None
    name: ClassVar[str] = "character"
    cure_given: ClassVar[str] = (
        "its vocabulary has no symbol for unknown: train the weights again with data.min_count=2, so that rare "
        "characters become unknown, or with data.unknown=C"
    )

    def cut(self, file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
        return cut_at_characters(file, fractions)

    def clip(self, part: Part, size: int) -> tuple[Part, int]:
        clipped = Part(part.file, part.start, place_of(part, size), part.whole_lines)
        return clipped, min(size, num_characters(clipped))

    def choose(self, parts: Mapping[str, Part], read: Read) -> Vocabulary:
        training = self._counts(parts["train"], read)
        held_out = sum((self._counts(part, read) for split, part in parts.items() if split != "train"), 0 * training)
        counts = {chr(k): int(training[k]) for k in np.flatnonzero(training)}
        if self.alphabet is not None:
            others = training + held_out
            others[code_points(self.alphabet)] = 0
            symbols, unknown = list(self.alphabet), self.unknown
            if unknown == AUTO:
                unknown = REPLACEMENT if others.any() else None
        else:
            unknown, least = self._unknown(counts, has_others=bool(held_out[training == 0].any()))
            symbols, _ = frequent(counts, least, self.vocabulary_size, unknown, "characters")
        if unknown is not None and unknown not in symbols:
            symbols.append(unknown)
        return Vocabulary(symbols, separator="", unknown=unknown, lower_case=self.lower_case)

    def cure(self, parts: Mapping[str, Part], read: Read) -> str:  # noqa: ARG002
        return "give data.unknown=auto, or data.unknown=C with a character that stands for such"

    def _unknown(self, counts: Mapping[str, int], *, has_others: bool) -> tuple[str | None, int]:
        """The symbol for unknown, and how often a symbol has to occur. `has_others`: held-out text needs it."""
        if self.unknown != AUTO:
            return self.unknown, self.min_count
        too_many = self.vocabulary_size is not None and len(counts) > self.vocabulary_size
        is_learned = too_many or any(count < self.min_count for count in counts.values())
        if has_others and not is_learned and any(count > 1 for count in counts.values()):
            return REPLACEMENT, 2
        return (REPLACEMENT if has_others or is_learned else None), self.min_count

    def _counts(self, part: Part, read: Read) -> np.ndarray:
        """How often each code point occurs (NUM_CODE_POINTS,)."""
        counts = np.zeros(NUM_CODE_POINTS, np.int64)
        for text in read(part):
            of_text = np.bincount(code_points(text.lower() if self.lower_case else text))
            counts[: len(of_text)] += of_text
        return counts


@dataclass(frozen=True)
class ByteUnit(Unit):
    """The 256 bytes of UTF-8, of which no text has others."""

    name: ClassVar[str] = "byte"

    def cut(self, file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
        return cut_at_characters(file, fractions)

    def clip(self, part: Part, size: int) -> tuple[Part, int]:
        stop = start_of_character(part, part.start + size)
        return part._replace(stop=stop), min(size, part.stop - part.start)

    def choose(self, parts: Mapping[str, Part], read: Read) -> Vocabulary:  # noqa: ARG002
        return ByteVocabulary(lower_case=self.lower_case)


def frequent(
    counts: Mapping[str, int], min_count: int, size: int | None, unknown: str | None, name: str
) -> tuple[list[str], bool]:
    """Counts -> the symbols that are frequent enough, in their order there, and whether there are others.

    `unknown` has a place among the `size` symbols; it is one of them if it occurs itself. Raises ValueError if there
    are others and `unknown` is None.
    """
    enough = [symbol for symbol, count in counts.items() if count >= min_count and symbol != unknown]
    room = len(enough) if size is None else size - (unknown is not None)
    kept = set(sorted(enough, key=counts.__getitem__, reverse=True)[: max(0, room)])
    left_out = len(kept) < len(counts) - (unknown in counts)
    if left_out and unknown is None:
        raise ValueError(f"min_count or vocabulary_size leaves {name} out, but unknown is null: name their symbol")
    return [symbol for symbol in counts if symbol in kept or symbol == unknown], left_out
