"""The text that is scored, line by line, as symbols and as people write it."""

import io
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..config.errors import ConfigError
from ..data.files.reading import TextFormat, WrongEncoding, blocks, check_encoding, decoded_blocks
from ..interfaces.vocabulary import Vocabulary

log = logging.getLogger("experiments")


def read_lines(text: str | None, file: str | None, options: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a text, of a file or of standard input, each with its end, as they come.

    A file is read as training reads one, with the `options` encoding and line_ends of the data; standard input is
    UTF-8. Raises ConfigError for a file that cannot be read, and for a text without any line.
    """
    source, lines = (file or "standard input") if text is None else "runner.text", 0
    form = TextFormat(options.get("encoding", "utf-8"), options.get("line_ends", "normalized"))
    try:
        check_encoding(form.encoding)
        for line in _lines(_texts(text, file, form)):
            lines += 1
            yield line
    except WrongEncoding as error:
        can_be_typed = file is not None and "encoding" in options
        raise ConfigError(f"{error}; {error.cure}" if can_be_typed else str(error)) from error
    except OSError as error:
        raise ConfigError(f"runner.file={source} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not lines:
        raise ConfigError(f"{source} is empty: give runner.text=TEXT or runner.file=FILE with at least one line")


def _texts(text: str | None, file: str | None, form: TextFormat) -> Iterator[str]:
    """The text in pieces."""
    if text is not None:
        decoder = io.IncrementalNewlineDecoder(None, translate=form.line_ends == "normalized")
        return iter([decoder.decode(text, final=True)])
    if file is not None:
        return decoded_blocks(blocks(Path(file)), file, form)
    if sys.stdin.isatty():
        log.info("type a text; every line is scored, and Ctrl-D ends it")
    return decoded_blocks(iter(sys.stdin.buffer.readline, b""), "standard input", form._replace(encoding="utf-8"))


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Pieces of a text -> its lines, each with its end; the last may have none."""
    held: list[str] = []
    for text in texts:
        first, *others = text.split("\n")
        held.append(first)
        for other in others:
            yield "".join(held) + "\n"
            held = [other]
    if last := "".join(held):
        yield last


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


def ids_of(vocabulary: Vocabulary, symbols: Sequence[str], where: str, *, strict: bool = False) -> np.ndarray:
    """Symbols -> ids (n,). ConfigError, which says `where`, for those that have none; `strict` allows no unknown."""
    try:
        return vocabulary.encode(symbols, where, strict=strict)
    except ValueError as error:
        raise ConfigError(str(error)) from error


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
