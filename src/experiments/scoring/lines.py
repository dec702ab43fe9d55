"""The text that is scored, line by line, as symbols and as people write it."""

import io
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from ..config.errors import ConfigError
from ..interfaces.vocabulary import Vocabulary

log = logging.getLogger("experiments")


def read_lines(text: str | None, file: str | None) -> Iterator[str]:
    """The lines of a text, of a UTF-8 file or of standard input, each with its end, as they come.

    Raises ConfigError for a file that cannot be read, and for a text without any line.
    """
    source, lines = (file or "standard input") if text is None else "runner.text", 0
    try:
        with _opened(text, file) as stream:
            for line in stream:
                lines += 1
                yield line
    except UnicodeDecodeError as error:
        found = f"{error.object[error.start]:#x} after line {lines}"
        raise ConfigError(f"{source} is not UTF-8 text: found the byte {found}") from error
    except OSError as error:
        raise ConfigError(f"runner.file={source} cannot be read: {error.strerror}") from error
    if not lines:
        raise ConfigError(f"{source} is empty: give runner.text=TEXT or runner.file=FILE with at least one line")


def _opened(text: str | None, file: str | None) -> TextIO:
    if text is not None:
        return io.StringIO(text, newline=None)
    if file is not None:
        return Path(file).open(encoding="utf-8-sig")
    if sys.stdin.isatty():
        log.info("type a text; every line is scored, and Ctrl-D ends it")
    return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig")


def symbols_of(vocabulary: Vocabulary, lines: Iterable[str], *, carry: bool) -> Iterator[list[str]]:
    """Lines -> their symbols, with that of the line's end where there is one.

    With `carry` the lines are read as one text, whose last line has an end only where every line has (a word for it).
    """
    has_end = bool(len(end_of_line(vocabulary)))
    for line in lines:
        if (carry and vocabulary.end_of_line is None) or (not carry and not has_end):
            yield vocabulary.split(line if carry else line.rstrip("\n"))
        else:
            yield vocabulary.split(line if line.endswith("\n") else f"{line}\n")


def end_of_line(vocabulary: Vocabulary) -> np.ndarray:
    """The ids (n,) of a line end; none where the vocabulary has no symbol for it."""
    try:
        return vocabulary.encode(vocabulary.split("\n"), strict=True)
    except ValueError:
        return np.empty(0, np.int32)


def pieces_of(vocabulary: Vocabulary, ids: np.ndarray) -> list[str]:
    """ids (n,) -> what each of them adds to the text as people write it; nothing where a later one completes it."""
    pieces, read = [""] * len(ids), -1

    def counted() -> Iterator[int]:
        nonlocal read
        for k in ids.tolist():
            read += 1
            yield k

    for piece in vocabulary.decode_stream(counted()):
        if piece:
            pieces[read] += piece
    return pieces
