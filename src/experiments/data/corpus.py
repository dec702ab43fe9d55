"""Text files as arrays of word ids: read in bounded memory, cached by content, memory-mapped."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from .vocabulary import Vocabulary

BLOCK = 1 << 20  # bytes of text handled at once
LAYOUT = 1  # of a cache entry: another number makes old entries unread


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


def cached_corpus(parts: Mapping[str, Part], rules: Rules, cache: Path) -> tuple[Vocabulary, dict[str, np.ndarray]]:
    """Files -> vocabulary of the training words and memory-mapped ids (N,) int32 per split.

    Read from the cache if the same bytes were read by the same rules before. Raises ValueError or OSError.
    """
    entry = cache / "words" / fingerprint(parts, rules)
    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{entry}.lock"):  # a second process waits and finds it done
        if not entry.is_dir():
            building = Path(tempfile.mkdtemp(dir=entry.parent))
            try:
                build(parts, rules, building)
                os.rename(building, entry)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    described = json.loads((entry / "vocabulary.json").read_text(encoding="utf-8"))
    vocabulary = Vocabulary(described["symbols"], separator=" ", unknown=described["unknown"])
    return vocabulary, {split: np.memmap(entry / f"{split}.int32", "<i4", "r") for split in parts}


def fingerprint(parts: Mapping[str, Part], rules: Rules) -> str:
    """32 hexadecimal digits over the text and the rules."""
    digest = hashlib.blake2b(json.dumps([LAYOUT, *rules]).encode(), digest_size=16)
    for split, part in parts.items():
        digest.update(f"{split} {part.stop - part.start} ".encode())
        with part.file.open("rb") as file:
            file.seek(part.start)
            for left in range(part.stop - part.start, 0, -BLOCK):
                digest.update(file.read(min(left, BLOCK)))
    return digest.hexdigest()


def build(parts: Mapping[str, Part], rules: Rules, folder: Path) -> None:
    """Count the training words, choose the vocabulary, write every split's ids and the vocabulary into a folder."""
    size = sum(part.stop - part.start for part in parts.values()) + parts["train"].stop - parts["train"].start
    with tqdm(total=size, desc="words", unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as progress:
        counts: Counter[str] = Counter()
        for words in blocks(parts["train"], rules, rules.corpus_size, progress):
            counts.update(words)
        if not counts:
            raise ValueError(f"{parts['train'].file} holds no words")
        if rules.corpus_size is not None and counts.total() < rules.corpus_size:
            raise ValueError(
                f"corpus_size={rules.corpus_size} is more than the {counts.total()} training words there are"
            )
        vocabulary = choose_vocabulary(counts, rules)
        for split, part in parts.items():
            done, limit = 0, rules.corpus_size if split == "train" else None
            with (folder / f"{split}.int32").open("wb") as file:
                for words in blocks(part, rules, limit, progress):
                    vocabulary.encode(words, str(part.file), first=done).astype("<i4").tofile(file)
                    done += len(words)
            if done < 2:
                raise ValueError(f"the {split} split of {part.file} holds {done} words; at least 2 are needed")
    described = {"symbols": vocabulary.symbols, "unknown": vocabulary.unknown}
    (folder / "vocabulary.json").write_text(json.dumps(described), encoding="utf-8")


def blocks(part: Part, rules: Rules, limit: int | None, progress: tqdm) -> Iterator[list[str]]:
    """The words of a part in lists of about BLOCK bytes, no more than `limit` in all."""
    with part.file.open("rb") as file:
        file.seek(part.start)
        while (at := file.tell()) < part.stop and limit != 0:
            block = file.read(min(BLOCK, part.stop - at))
            block += file.readline() if file.tell() < part.stop else b""
            words = words_of(decoded(block, part.file, at), rules)[:limit]
            limit = None if limit is None else limit - len(words)
            progress.update(len(block))
            yield words


def words_of(text: str, rules: Rules) -> list[str]:
    """What white space separates, and the end of every line."""
    text = text.lower() if rules.lower_case else text
    if rules.end_of_line is not None:
        text = (text if text.endswith("\n") else f"{text}\n").replace("\n", f" {rules.end_of_line} ")
    return text.split()


def decoded(block: bytes, file: Path, at: int) -> str:
    """UTF-8 -> text. ValueError with the place in the file if it is none."""
    try:
        return block.decode("utf-8-sig" if at == 0 else "utf-8")  # the first may begin with a mark of the byte order
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        raise ValueError(f"{file} is not UTF-8 text: byte {at + error.start} is {bad:#x}") from None


def choose_vocabulary(counts: Counter[str], rules: Rules) -> Vocabulary:
    """Training words and their counts -> the symbols, in order of first appearance."""
    frequent = [word for word, count in counts.items() if count >= rules.min_count and word != rules.unknown]
    room = len(frequent) if rules.vocabulary_size is None else rules.vocabulary_size - (rules.unknown is not None)
    kept = set(sorted(frequent, key=counts.__getitem__, reverse=True)[: max(0, room)])
    left_out = len(kept) < len(counts) - (rules.unknown in counts)
    if left_out and rules.unknown is None:
        raise ValueError("min_count or vocabulary_size leaves words out, but unknown is null: name their symbol")
    symbols = [word for word in counts if word in kept or word == rules.unknown]
    if left_out and rules.unknown not in counts:
        symbols.append(rules.unknown)
    return Vocabulary(symbols, separator=" ", unknown=rules.unknown if rules.unknown in symbols else None)


def cut_file(file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
    """A file cut at line ends near these fractions of its bytes, in their order; one of 0 is left out."""
    size, start, share, parts = file.stat().st_size, 0, 0.0, {}
    with file.open("rb") as text:
        for split, fraction in fractions.items():
            share += fraction
            text.seek(max(0, min(size, round(size * share)) - 1))  # one back: a cut at a line's end stays there
            stop = size if share > 1 - 1e-9 else text.tell() + len(text.readline())
            if fraction:
                parts[split], start = Part(file, start, stop), stop
    return parts
