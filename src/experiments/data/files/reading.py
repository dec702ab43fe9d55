"""Text files in any encoding, with errors that say which file and what is wrong with it."""

import codecs
import difflib
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ...config.errors import first_line

UTF_8 = ("utf-8", "utf-8-sig")
OTHER_ENCODING = "give data.encoding=latin-1, or the encoding it is in, such as cp949 or gb18030"
WITH_MARK = ("utf-16", "utf-32")  # these need one, their -le and -be do not
BLOCK = 1 << 20  # bytes read at once
MARKS = {  # of the byte order; that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class TextFormat(NamedTuple):
    """How files are read; a mark of the byte order at a file's beginning wins over `encoding`."""

    encoding: str
    line_ends: Literal["normalized", "kept"]  # normalized: CR LF and CR become LF


def checked_file(file: Path) -> Path:
    """The file itself. Raises FileNotFoundError with the nearest name if it is not there, ValueError if it is empty."""
    if file.exists() and not file.is_file():
        raise FileNotFoundError(f"{file} is not a file")
    if not file.is_file():
        names = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, names, 1)
        raise FileNotFoundError(f"there is no data file {file}" + (f"; did you mean {near[0]}?" if near else ""))
    if file.stat().st_size == 0:
        raise ValueError(f"{file} is empty")
    return file


def check_encoding(encoding: str) -> None:
    """ValueError unless Python knows this encoding of text."""
    try:
        b"text".decode(encoding)
    except LookupError:
        near = difflib.get_close_matches(
            encoding.lower(), ("utf-8", "utf-16", "latin-1", "cp1252", "cp949", "gb18030"), 1
        )
        hint = f"did you mean {near[0]}?" if near else "give one such as utf-8, latin-1, cp949 or gb18030"
        raise ValueError(f"there is no encoding {encoding!r}; {hint}") from None
    except ValueError:
        pass  # one in which these four bytes are no text


def decoded(content: bytes, where: str, first: int = 0) -> str:
    """UTF-8 -> text, without a mark of the byte order at the beginning of the file; `first` is the first byte's place.

    Raises ValueError that says `where` it is from and which byte is wrong.
    """
    try:
        return content.decode("utf-8-sig" if first == 0 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(_wrong_byte(where, "UTF-8", first, error)) from None


def _wrong_byte(where: str, encoding: str, first: int, error: UnicodeDecodeError) -> str:
    return f"{where} is not {encoding} text: byte {first + error.start} is {error.object[error.start]:#x}"


def check_fractions(valid_fraction: float, test_fraction: float) -> dict[str, float]:
    """The shares of train, valid and test. ValueError if they leave no training text."""
    for name, fraction in (("valid_fraction", valid_fraction), ("test_fraction", test_fraction)):
        if not 0.0 <= fraction < 1.0:
            raise ValueError(f"{name} must be from 0 to below 1, got {fraction}")
    if valid_fraction + test_fraction >= 1.0:
        raise ValueError(f"valid_fraction + test_fraction = {valid_fraction + test_fraction} leaves no training text")
    return {"train": 1.0 - valid_fraction - test_fraction, "valid": valid_fraction, "test": test_fraction}


def plain_text(file: Path, form: TextFormat, copy: Path) -> Path:
    """A file of UTF-8 text without NUL and with the wanted line ends: the file itself, or else `copy`, written here.

    Raises ValueError or OSError for a file that is no text, with its name.
    """
    checked_file(file)
    encoding = _marked(next(blocks(file), b"")) or codecs.lookup(form.encoding).name
    if encoding in UTF_8 and file.suffix != ".gz" and not _has_returns(file, form):
        return file
    with copy.open("wb") as written:
        try:
            for text in decoded_blocks(blocks(file), str(file), form):
                written.write(text.encode())
        except WrongEncoding as error:
            raise ValueError(f"{error}; {error.cure}") from None
    return copy


class WrongEncoding(ValueError):
    """Bytes that are no text in their encoding; `cure` says what to give."""

    def __init__(self, message: str, cure: str = OTHER_ENCODING):
        super().__init__(message)
        self.cure = cure


def decoded_blocks(content: Iterable[bytes], where: str, form: TextFormat) -> Iterator[str]:
    """The bytes of a file in blocks -> its text with the wanted line ends, without a mark of the byte order.

    Raises WrongEncoding, and ValueError for NUL characters, that say `where` it is from.
    """
    content = iter(content)
    head = next(content, b"")
    encoding = _marked(head) or codecs.lookup(form.encoding).name
    inner, at = codecs.getincrementaldecoder(encoding)(), 0
    decoder = io.IncrementalNewlineDecoder(inner, translate=form.line_ends == "normalized")
    for block in itertools.chain([head], content, [b""]):
        pending = len(inner.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            name = encoding.removesuffix("-sig").upper()
            raise WrongEncoding(_wrong_byte(where, name, at - pending, error)) from None
        except UnicodeError as error:  # of the whole text, such as one in UTF-16 without a mark
            cure = f"give data.encoding={encoding}-le or {encoding}-be"
            if encoding not in WITH_MARK:
                raise WrongEncoding(f"{where} is not {encoding.upper()} text: {first_line(error)}") from None
            raise WrongEncoding(f"{where} has no mark of {encoding.upper()}'s byte order", cure) from None
        if "\0" in text:
            raise ValueError(f"{where} is no text: a NUL character is near byte {at}")
        at += len(block)
        yield text


def blocks(file: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked if its name ends in .gz. ValueError if it cannot be unpacked."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            while block := opened.read(BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{file} is no gzip file or a damaged one: {first_line(error)}") from error


def _marked(head: bytes) -> str | None:
    """The encoding that a mark of the byte order at a file's beginning says."""
    return next((encoding for mark, encoding in MARKS.items() if head.startswith(mark)), None)


def _has_returns(file: Path, form: TextFormat) -> bool:
    """Whether a UTF-8 file holds CR that is not wanted. ValueError if it holds NUL."""
    at, found = 0, False
    for block in blocks(file):
        if b"\0" in block:
            cure = "if this is UTF-16 without a mark of the byte order, give data.encoding=utf-16-le or utf-16-be"
            raise ValueError(f"{file} is no text: byte {at + block.index(0)} is NUL; {cure}")
        found = found or b"\r" in block
        at += len(block)
    return found and form.line_ends == "normalized"
