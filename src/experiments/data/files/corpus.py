"""Text files as arrays of word ids: read in bounded memory, cached by content, memory-mapped."""

import hashlib
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import numpy as np
from tqdm import tqdm

from ...interfaces.data import SplitStatistics
from ...interfaces.vocabulary import Vocabulary
from .caching import cached, damaged
from .reading import decoded

BLOCK = 1 << 20  # bytes of text handled at once
SEARCH = 1 << 16  # bytes after a cut in which a line's end is looked for
LAYOUT = 2  # of a cache entry: another number makes old entries unread


class Part(NamedTuple):
    """Some whole lines of a UTF-8 file."""

    file: Path
    start: int  # bytes
    stop: int


class Rules(NamedTuple):
    """How text becomes words, and which words become symbols."""

    lower_case: bool
    end_of_line: str | None  # the word after every line
    corpus_size: int | None  # training words from the beginning
    min_count: int  # of a training word, to be a symbol
    vocabulary_size: int | None  # symbols at most, `unknown` among them
    unknown: str | None  # the symbol for all other words


class Corpus(NamedTuple):
    """A text as ids."""

    vocabulary: Vocabulary
    streams: Mapping[str, np.ndarray]  # by split, (N,) int32, memory-mapped
    statistics: dict[str, SplitStatistics]


def cached_corpus(parts: Mapping[str, Part], rules: Rules, cache: Path, vocabulary: Vocabulary | None) -> Corpus:
    """Files -> their words as ids in the given vocabulary, or in that of the training words.

    Read from the cache if the same bytes were read by the same rules before. Raises ValueError or OSError.
    """
    if vocabulary is not None:
        rules = rules._replace(lower_case=vocabulary.lower_case, end_of_line=vocabulary.end_of_line)
    key = fingerprint(parts, rules, vocabulary)
    entry = cached(cache / "words" / key, lambda folder: build(parts, rules, vocabulary, folder))
    try:
        described = json.loads((entry / "corpus.json").read_text(encoding="utf-8"))
        streams = {split: np.memmap(entry / f"{split}.int32", "<i4", "r") for split in parts}
        statistics = {split: SplitStatistics(*described["statistics"][split]) for split in parts}
        return Corpus(Vocabulary.from_state_dict(described["vocabulary"]), streams, statistics)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise damaged(entry, error) from error


def fingerprint(parts: Mapping[str, Part], rules: Rules, vocabulary: Vocabulary | None) -> str:
    """32 hexadecimal digits over the text, the rules and the vocabulary that is given."""
    options = [LAYOUT, *rules, None if vocabulary is None else vocabulary.state_dict()]
    digest = hashlib.blake2b(json.dumps(options).encode(), digest_size=16)
    for split, part in parts.items():
        digest.update(f"{split} {part.stop - part.start} ".encode())
        with part.file.open("rb") as file:
            file.seek(part.start)
            for left in range(part.stop - part.start, 0, -BLOCK):
                digest.update(file.read(min(left, BLOCK)))
    return digest.hexdigest()


def build(parts: Mapping[str, Part], rules: Rules, vocabulary: Vocabulary | None, folder: Path) -> None:
    """Choose the vocabulary unless it is given, write it and every split's ids and statistics into a folder."""
    size = sum(part.stop - part.start for part in parts.values()) + parts["train"].stop - parts["train"].start
    with tqdm(total=size, desc="words", unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as progress:
        if vocabulary is None:
            vocabulary = choose_vocabulary(count_words(parts["train"], rules, progress), rules)
        statistics = {}
        for split, part in parts.items():
            limit = rules.corpus_size if split == "train" else None
            with (folder / f"{split}.int32").open("wb") as file:
                statistics[split] = write_ids(vocabulary, part, rules, limit, progress, file)
            if statistics[split].tokens < 2:
                held = statistics[split].tokens
                raise ValueError(f"the {split} split of {part.file} holds {held} words; at least 2 are needed")
    described = {"vocabulary": vocabulary.state_dict(), "statistics": statistics}
    (folder / "corpus.json").write_text(json.dumps(described), encoding="utf-8")


def count_words(part: Part, rules: Rules, progress: "tqdm[NoReturn]") -> Counter[str]:
    """The words of the training split and how often each occurs. ValueError if they are too few."""
    counts: Counter[str] = Counter()
    for _, words in blocks(part, rules, rules.corpus_size, progress):
        counts.update(words)
    if not counts:
        raise ValueError(f"{part.file} holds no words")
    if rules.corpus_size is not None and counts.total() < rules.corpus_size:
        raise ValueError(f"corpus_size={rules.corpus_size} is more than the {counts.total()} training words there are")
    return counts


def write_ids(
    vocabulary: Vocabulary, part: Part, rules: Rules, limit: int | None, progress: "tqdm[NoReturn]", file: BinaryIO
) -> SplitStatistics:
    """Write the ids of a part, and say what it holds."""
    unknown = -1 if vocabulary.unknown is None else vocabulary.symbols.index(vocabulary.unknown)
    tokens = num_unknown = characters = 0
    for text, words in blocks(part, rules, limit, progress):
        ids = encode(vocabulary, words, part.file, tokens, rules).astype("<i4")
        ids.tofile(file)
        tokens += len(ids)
        num_unknown += int((ids == unknown).sum())
        characters += len(text)
    return SplitStatistics(tokens, num_unknown, characters, tokens)


def encode(vocabulary: Vocabulary, words: list[str], file: Path, first: int, rules: Rules) -> np.ndarray:
    """Words -> ids. ValueError naming those that have none, with what would help."""
    try:
        return vocabulary.encode(words, str(file), first=first)
    except ValueError as error:
        cure = f"training has no {rules.unknown} for it: raise data.min_count, or give data.held_out=false"
        raise ValueError(f"{error}; {cure}") from None


def blocks(part: Part, rules: Rules, limit: int | None, progress: "tqdm[NoReturn]") -> Iterator[tuple[str, list[str]]]:
    """The text of a part in pieces of about BLOCK bytes and the words of each, no more than `limit` in all."""
    with part.file.open("rb") as file:
        file.seek(part.start)
        at, rest = part.start, b""
        while file.tell() < part.stop and limit != 0:
            block = rest + file.read(min(BLOCK, part.stop - file.tell()))
            if file.tell() < part.stop:  # a word that the block cuts waits for the next one
                end = max(block.rfind(space) for space in (b" ", b"\n")) + 1
                block, rest = block[:end], block[end:]
            text = decoded(block, str(part.file), at)
            unended = file.tell() == part.stop and rules.end_of_line is not None and not text.endswith("\n")
            words = words_of(text + "\n" * unended, rules)  # a last line without an end ends all the same
            if limit is not None and limit < len(words):
                text = first_words(text, limit, rules)
                words = words[:limit]
            limit = None if limit is None else limit - len(words)
            at += len(block)
            progress.update(len(block))
            yield text, words


def first_words(text: str, number: int, rules: Rules) -> str:
    """The text up to the end of so many words."""
    pattern = r"\S+" if rules.end_of_line is None else r"\S+|\n"
    return text[: next(itertools.islice(re.finditer(pattern, text), number - 1, None)).end()]


def words_of(text: str, rules: Rules) -> list[str]:
    """What white space separates, and the end of every line."""
    text = text.lower() if rules.lower_case else text
    return (text if rules.end_of_line is None else text.replace("\n", f" {rules.end_of_line} ")).split()


def choose_vocabulary(counts: Counter[str], rules: Rules) -> Vocabulary:
    """Training words and their counts -> the symbols, in order of first appearance."""
    frequent = [word for word, count in counts.items() if count >= rules.min_count and word != rules.unknown]
    room = len(frequent) if rules.vocabulary_size is None else rules.vocabulary_size - (rules.unknown is not None)
    kept = set(sorted(frequent, key=counts.__getitem__, reverse=True)[: max(0, room)])
    left_out = len(kept) < len(counts) - (rules.unknown in counts)
    if left_out and rules.unknown is None:
        raise ValueError("min_count or vocabulary_size leaves words out, but unknown is null: name their symbol")
    symbols = [word for word in counts if word in kept or word == rules.unknown]
    if left_out and rules.unknown is not None and rules.unknown not in counts:
        symbols.append(rules.unknown)
    return Vocabulary(
        symbols,
        separator=" ",
        unknown=rules.unknown if rules.unknown in symbols else None,
        lower_case=rules.lower_case,
        end_of_line=rules.end_of_line,
    )


def cut_file(file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
    """A file cut near these fractions of its bytes, in their order; one of 0 is left out.

    It is cut at line ends, or between words where a line is longer than SEARCH.
    """
    size, start, share, parts = file.stat().st_size, 0, 0.0, {}
    with file.open("rb") as text:
        for split, fraction in fractions.items():
            share += fraction
            near = max(0, min(size, round(size * share)) - 1)  # one back: a cut at a line's end stays there
            text.seek(near)
            following = text.read(SEARCH)
            after = next((following.find(end) for end in (b"\n", b" ") if end in following), len(following))
            stop = size if share > 1 - 1e-9 else min(size, near + after + 1)
            if fraction:
                parts[split], start = Part(file, start, stop), stop
    return parts
