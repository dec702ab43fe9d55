"""Text files as arrays of ids: read in bounded memory, cached by content and options, memory-mapped."""

import dataclasses
import functools
import hashlib
import itertools
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from tqdm import tqdm

from ...config.errors import MissingLibrary
from ...interfaces.data import SplitStatistics
from ...interfaces.vocabularies import from_state_dict
from ...interfaces.vocabulary import NUM_CODE_POINTS, Vocabulary, code_points
from .caching import cached, damaged
from .digests import content_digest, file_state
from .reading import TextFormat, checked_file, plain_text
from .splits import Part, pieces, whole
from .units import Read, Unit

LAYOUT = 3  # of a cache entry: another number makes old entries unread
WHOLE = "text"  # in place of a split
SPACES = np.zeros(NUM_CODE_POINTS, bool)  # by code point; none is beyond U+3000
SPACES[[k for k in range(0x3001) if chr(k).isspace()]] = True


class TextSource(NamedTuple):
    """Where a text is: a file for each split, or one file that is cut at these fractions."""

    files: Mapping[str, Path]  # by split, or the one file by WHOLE
    fractions: Mapping[str, float]
    held_out: bool  # whether valid and test are wanted
    form: TextFormat
    corpus_size: int | None  # training symbols from the beginning

    def name(self, split: str) -> Path:
        """The file a split is from."""
        return self.files[WHOLE if WHOLE in self.files else split]


class Corpus(NamedTuple):
    """A text as ids."""

    vocabulary: Vocabulary
    streams: Mapping[str, np.ndarray]  # by split, (N,) uint8, uint16 or int32, memory-mapped
    statistics: dict[str, SplitStatistics]
    fingerprint: str  # of the dataset, see `SymbolStreams`


def cached_corpus(source: TextSource, unit: Unit, given: Vocabulary | None, cache: Path) -> Corpus:
    """Files -> their symbols as ids in the given vocabulary, or in that of the training split.

    Read from the cache if the same bytes were read with the same options before. Raises ValueError or OSError.
    """
    for file in source.files.values():
        checked_file(file)
    states = states_of(source)
    key = key_of(source, unit, given, cache)

    def build_unchanged(folder: Path) -> None:
        build(source, unit, given, folder)
        if states_of(source) != states and key_of(source, unit, given, cache) != key:
            names = ", ".join(str(file) for file in source.files.values())
            raise ValueError(f"{names} changed while it was read: give the command again when it is written")

    entry = cached(cache / "texts" / key, build_unchanged)
    try:
        described = json.loads((entry / "corpus.json").read_text(encoding="utf-8"))
        vocabulary = given or from_state_dict(described["vocabulary"])
        statistics = {split: SplitStatistics(*held) for split, held in described["statistics"].items()}
        streams = {split: np.memmap(entry / f"{split}.ids", id_type(vocabulary), "r") for split in statistics}
        for split, ids in streams.items():
            if len(ids) != statistics[split].tokens:
                raise ValueError(f"{split}.ids holds {len(ids)} ids, not {statistics[split].tokens}")
        return Corpus(vocabulary, streams, statistics, described["fingerprint"])
    except MissingLibrary:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise damaged(entry, error) from error


def states_of(source: TextSource) -> list[list[int]]:
    """What changes with the files, without their bytes being read."""
    return [file_state(file) for file in source.files.values()]


def key_of(source: TextSource, unit: Unit, given: Vocabulary | None, cache: Path) -> str:
    """32 hexadecimal digits over the text and all options."""
    digests = {split: content_digest(file, cache / "digests") for split, file in source.files.items()}
    packed = [file.suffix == ".gz" for file in source.files.values()]
    options = [LAYOUT, digests, packed, source.fractions, *source[2:], unit.name, dataclasses.asdict(unit)]
    options.append(None if given is None else given.state_dict())
    return hashlib.blake2b(json.dumps(options).encode(), digest_size=16).hexdigest()


def id_type(vocabulary: Vocabulary) -> np.dtype[Any]:
    """The smallest type that holds every id."""
    return np.dtype("u1" if len(vocabulary) <= 1 << 8 else "<u2" if len(vocabulary) <= 1 << 16 else "<i4")


def build(source: TextSource, unit: Unit, given: Vocabulary | None, folder: Path) -> None:
    """Choose the vocabulary unless it is given, write it and every split's ids and statistics into a folder."""
    copies = folder / "copies"
    copies.mkdir()
    parts = parts_of(source, unit, copies)
    read = functools.partial(watched, whole_words=unit.name == "word")
    vocabulary = unit.choose(parts, read) if given is None else given
    digest, statistics = hashlib.blake2b(vocabulary.fingerprint.encode(), digest_size=8), {}
    for split, part in parts.items():
        where = f"the {split} split of {source.name(split)}"
        digest.update(split.encode())
        with (folder / f"{split}.ids").open("wb") as file:
            try:
                statistics[split] = write_ids(vocabulary, encoded(vocabulary, part, unit, read, where), file, digest)
            except UnknownSymbol as error:
                cure = unit.cure_given if given else unit.cure(parts, read)
                raise ValueError(f"{error}; {cure}") from None
        if (held := statistics[split].tokens) < 2:
            cure = "" if split == "train" else ": give data.held_out=false, or a longer text"
            raise ValueError(f"{where} holds {held or 'no'} {unit.name}s; at least 2 are needed{cure}")
    shutil.rmtree(copies)
    described = {"vocabulary": vocabulary.state_dict(), "statistics": statistics, "fingerprint": digest.hexdigest()}
    (folder / "corpus.json").write_text(json.dumps(described), encoding="utf-8")


def parts_of(source: TextSource, unit: Unit, copies: Path) -> dict[str, Part]:
    """The splits as parts of UTF-8 files, which are written into the folder `copies` where they are not such files."""
    plain = {}
    for split, file in source.files.items():
        plain[split] = plain_text(file, source.form, copies / f"{split}.txt")
    parts = unit.cut(plain[WHOLE], source.fractions) if WHOLE in plain else {k: whole(v) for k, v in plain.items()}
    if not source.held_out:
        parts = {"train": parts["train"]}
    if source.corpus_size is not None:
        parts["train"], held = unit.clip(parts["train"], source.corpus_size)
        if held < source.corpus_size:
            raise ValueError(
                f"corpus_size={source.corpus_size} is more than the {held} training {unit.name}s there are"
            )
    return parts


def watched(part: Part, *, whole_words: bool) -> Iterator[str]:
    """The text of a part in pieces, with a progress bar on a terminal."""
    size, shown = part.stop - part.start, sys.stderr.isatty()
    with tqdm(total=size, desc="text", unit="B", unit_scale=True, disable=not shown, leave=False) as progress:
        for text in pieces(part, whole_words=whole_words):
            yield text
            progress.update(len(text.encode()) if shown else 0)


class UnknownSymbol(ValueError):
    """The vocabulary lacks a symbol and has none for others."""


def encoded(vocabulary: Vocabulary, part: Part, unit: Unit, read: Read, where: str) -> Iterator[tuple[str, np.ndarray]]:
    """The text of a part in pieces, and the ids (n,) of each."""
    first = 0
    for text, end in itertools.chain(((text, "") for text in read(part)), [("", unit.tail(part))]):
        try:
            ids = vocabulary.encode_text(text or end, where, first=first)
        except ValueError as error:
            raise UnknownSymbol(str(error)) from None
        first += len(ids)
        yield text, ids


def write_ids(
    vocabulary: Vocabulary, encoded: Iterable[tuple[str, np.ndarray]], file: BinaryIO, digest: "hashlib.blake2b"
) -> SplitStatistics:
    """Write the ids of a split, add them to the dataset's digest, and count what the split holds."""
    unknown, kind = vocabulary.unknown_id, id_type(vocabulary)
    tokens = num_unknown = characters = words = 0
    after_space = True
    for text, ids in encoded:
        digest.update(np.ascontiguousarray(ids, "<i4").data)
        ids.astype(kind).tofile(file)
        tokens += len(ids)
        num_unknown += 0 if unknown is None else int(np.count_nonzero(ids == unknown))
        characters += len(text)
        if vocabulary.unit == "word" and vocabulary.end_of_line is not None:
            words += len(ids)
        elif text:
            begun, after_space = count_words(text, after_space)
            words += begun
    return SplitStatistics(tokens, num_unknown, characters, words)


def count_words(text: str, after_space: bool) -> tuple[int, bool]:
    """How many words begin in a text, each line end counted as one; and whether white space is its end."""
    points = code_points(text)
    is_space = SPACES[points]
    begins = int(np.count_nonzero(is_space[:-1] & ~is_space[1:])) + (after_space and not is_space[0])
    return begins + int(np.count_nonzero(points == ord("\n"))), bool(is_space[-1])
