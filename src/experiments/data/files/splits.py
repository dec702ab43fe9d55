"""The splits of a text: a file for each in a folder, or parts of one file."""

import codecs
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .reading import BLOCK, OTHER_ENCODING, decoded

log = logging.getLogger("experiments")

SPLIT_NAMES = {"train": "train", **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"), "test": "test"}
SEARCH = 1 << 16  # bytes after a cut in which a line's end is looked for


class Part(NamedTuple):
    """Some bytes of a file of UTF-8 text, from one character to another."""

    file: Path
    start: int  # bytes
    stop: int
    whole_lines: bool = True  # a last line without an end ends all the same


def files_of_splits(folder: Path) -> dict[str, Path]:
    """The file of each split in a folder, by its name; only train must be there. Hidden files are skipped.

    Logs the names of files that are not read. Raises ValueError if a split is there twice.
    """
    found: dict[str, Path] = {}
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    splits = [split_of(file.name) for file in files]
    for split in ("train", "valid", "test"):
        named = [file for file, its_split in zip(files, splits) if its_split == split]
        if len(named) > 1:
            raise ValueError(f"{folder} holds several files for {split}: {', '.join(file.name for file in named)}")
        if named:
            found[split] = named[0]
    if "train" not in found:
        raise FileNotFoundError(
            f"{folder} holds no file with train, and no other split, in its name, as in train.txt or wiki.train.tokens"
        )
    if others := [file.name for file in files if file not in found.values()]:
        log.info("not read, as the name is not that of one split: %s in %s", ", ".join(others), folder)
    return found


def split_of(name: str) -> str | None:
    """The split that a file or a folder is named for, as in train, valid.csv, wiki.test.tokens; None if for several."""
    parts = re.split(r"[._\-\s]+", name.lower())
    splits = {SPLIT_NAMES[part] for part in parts if part in SPLIT_NAMES}
    return splits.pop() if len(splits) == 1 else None


def whole(file: Path) -> Part:
    """All of a file but for a mark of the byte order."""
    return Part(file, _first(file), file.stat().st_size)


def _first(file: Path) -> int:
    """The byte with which the text begins."""
    with file.open("rb") as opened:
        return len(codecs.BOM_UTF8) if opened.read(3) == codecs.BOM_UTF8 else 0


def cut_at_lines(file: Path, fractions: Mapping[str, float], *, ends_count: bool) -> dict[str, Part]:
    """A file cut near these fractions of its bytes, in their order; one of 0 is left out.

    It is cut at line ends, or between words where a line is longer than SEARCH or a split would hold no two symbols:
    words, and line ends if these count.
    """
    parts = _cut(file, fractions, (b"\n", b" "))
    if any(_is_short(part, ends_count) for part in parts.values()):
        parts = _cut(file, fractions, (rb"\s",))
    return parts


def _cut(file: Path, fractions: Mapping[str, float], ends: Sequence[bytes]) -> dict[str, Part]:
    size, start, share, parts = file.stat().st_size, _first(file), 0.0, {}
    with file.open("rb") as text:
        for split, fraction in fractions.items():
            share += fraction
            near = max(0, min(size, round(size * share)) - 1)  # one back: a cut at a line's end stays there
            text.seek(near)
            following = text.read(SEARCH)
            found = next(filter(None, (re.search(end, following) for end in ends)), None)
            after = len(following) if found is None else found.start()
            stop = size if share > 1 - 1e-9 else min(size, near + after + 1)
            if fraction:
                parts[split], start = Part(file, start, stop), stop
    return parts


def _is_short(part: Part, ends_count: bool) -> bool:
    if part.stop - part.start >= 1 << 10:
        return False
    text = "".join(pieces(part))
    return len(text.split()) + (text.count("\n") + lacks_end(part) if ends_count else 0) < 2


def cut_at_characters(file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
    """A file cut at exactly these fractions of its characters, in their order; one of 0 is left out."""
    text = whole(file)
    number = num_characters(text)
    test = number - round(number * fractions["test"])
    valid = test - round(number * fractions["valid"])
    at = [text.start, place_of(text, valid), place_of(text, test), text.stop]
    return {split: Part(file, at[k], at[k + 1]) for k, split in enumerate(fractions) if fractions[split]}


def place_of(part: Part, number: int) -> int:
    """Where so many characters of a part end, in bytes of the file; where it ends if it has fewer."""
    for at, block in _raw(part):
        begins = np.flatnonzero(_begins(block))
        if number < len(begins):
            return at + int(begins[number])
        number -= len(begins)
    return part.stop


def num_characters(part: Part) -> int:
    """The characters of a part."""
    return sum(int(_begins(block).sum()) for _, block in _raw(part))


def start_of_character(part: Part, place: int) -> int:
    """The last place up to this one, in bytes of the file, at which a character of the part begins or the part ends."""
    with part.file.open("rb") as file:
        while part.start < place < part.stop:
            file.seek(place)
            if _begins(file.read(1)).any():
                break
            place -= 1
    return min(place, part.stop)


def lacks_end(part: Part) -> bool:
    """Whether a part ends within a line that counts as one."""
    if not part.whole_lines or part.stop == part.start:
        return False
    with part.file.open("rb") as file:
        file.seek(part.stop - 1)
        return file.read(1) != b"\n"


def pieces(part: Part, *, whole_words: bool = False) -> Iterator[str]:
    """The text of a part in pieces of about BLOCK bytes that end after a line, or else before a space or anywhere.

    Raises ValueError for bytes that are no UTF-8, and with `whole_words` for a word of more than BLOCK bytes.
    """
    at, held = part.start, b""
    for _, block in _raw(part):
        held += block
        if at + len(held) < part.stop:
            end = held.rfind(b"\n") + 1 or max(held.rfind(space) for space in (b" ", b"\t", b"\f", b"\v", b"\r"))
            if end <= 0 and whole_words:
                wrong = f"{part.file} holds a word of more than {BLOCK:,} bytes at byte {at}"
                raise ValueError(f"{wrong}: data=characters reads texts without spaces")
            if end <= 0:  # anywhere; bytes that are no UTF-8 are refused below
                end = int(np.flatnonzero(_begins(held))[-1:].sum()) or len(held)
            yield _text(held[:end], part, at)
            at, held = at + end, held[end:]
    if held:
        yield _text(held, part, at)


def _text(content: bytes, part: Part, at: int) -> str:
    try:
        return decoded(content, str(part.file), at)
    except ValueError as error:
        raise ValueError(f"{error}; {OTHER_ENCODING}") from None


def _raw(part: Part) -> Iterator[tuple[int, bytes]]:
    """The bytes of a part in blocks, each with its place in the file."""
    with part.file.open("rb") as file:
        at = file.seek(part.start)
        while block := file.read(min(BLOCK, part.stop - at)):
            yield at, block
            at += len(block)


def _begins(block: bytes) -> np.ndarray:
    """Which bytes begin a character of UTF-8."""
    begins: np.ndarray = (np.frombuffer(block, np.uint8) & 0xC0) != 0x80
    return begins
