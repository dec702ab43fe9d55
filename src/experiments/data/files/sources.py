"""What labelled texts are read from: a source yields texts, each with its split and its label."""

import abc
import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...config.errors import first_line
from .reading import MARKS, OTHER_ENCODING, check_encoding

ARCHIVE = re.compile(r"\.(zip|tgz|tar(\.\w+)?|7z|rar)$", re.IGNORECASE)
SPLITS = ("train", "valid", "test")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
MAX_BYTES = 1 << 20  # of one text; the longest film review has 14 thousand


class Key(NamedTuple):
    """Where a text is: in a folder split/label/name, or in a table's row."""

    split: str
    label: str
    name: str | int


class TextOptions(NamedTuple):
    """How labelled texts are found and read."""

    text_column: str | None = None  # of a table; None: a usual name
    label_column: str | None = None
    labels: Sequence[str] | None = None  # the texts of these alone; None: all there are
    encoding: str = "utf-8"
    strict: bool = True  # every label must have training texts


class LabelledSource(abc.ABC):
    """Texts with labels on disk."""

    place: Path  # the file or the folder
    groups: Sequence[tuple[str, str]] = ()  # splits and labels that must not be without texts
    notes: Sequence[str] = ()  # sentences for the log about what is there beside the texts
    findings: Sequence[str] = ()  # such about the texts, complete once they were read; `digest` covers them

    def digest(self) -> str:
        """32 hexadecimal digits over all that decides what is read."""
        return digest_of(self._parts())

    @abc.abstractmethod
    def _parts(self) -> Iterator[bytes]:
        """What the digest is of, piece by piece."""

    @abc.abstractmethod
    def texts(self) -> Iterator[tuple[Key, str]]:
        """Every text, in any order. Raises ValueError that names what cannot be used."""


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels in the order of their classes: whole numbers by value, others by the alphabet."""
    labels = set(labels)
    if all(re.fullmatch(r"[+-]?\d+", label, re.ASCII) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def label_name(value: str | int | float | bool) -> str:
    """A label as text: 1.0 is 1, true is true."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def one_spelling(labels: list[str], trained: Iterable[str]) -> list[str]:
    """Where all labels of training are numbers: numbers without zeros at the end, so that 1.0 and 1 are one label."""
    if not all(map(NUMBER.fullmatch, trained)):
        return labels
    decimals = {label for label in labels if "." in label and NUMBER.fullmatch(label)}
    shortest = {label: label.rstrip("0").rstrip(".") for label in decimals}
    return [shortest.get(label, label) for label in labels]


def decode_text(content: bytes, where: str, encoding: str) -> str:
    """Bytes -> text; a mark of the byte order at the beginning wins over `encoding` and is left out.

    Raises ValueError that says `where` it is from and which byte is wrong.
    """
    check_encoding(encoding)
    name = next((marked for mark, marked in MARKS.items() if content.startswith(mark)), encoding)
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        wrong = f"{where} is not {name.removesuffix('-sig').upper()} text: byte {error.start} is"
        raise ValueError(f"{wrong} {error.object[error.start]:#x}; {OTHER_ENCODING}") from None
    except UnicodeError as error:  # as of punycode, which has no byte to name
        raise ValueError(f"{where} is not {name.upper()} text: {first_line(error)}; {OTHER_ENCODING}") from None
    if "\0" in text:
        raise ValueError(f"{where} is no text: it holds a NUL character")
    return text


def unpacking(file: Path) -> str:
    """The commands that unpack an archive, and the option that reads what was in it."""
    folder = file.with_name(ARCHIVE.sub("", file.name))
    source, target = shlex.quote(str(file)), shlex.quote(str(folder))
    command = f"unzip {source} -d {target}"
    if file.suffix.lower() != ".zip":
        command = f"mkdir {target} && tar -xf {source} -C {target}"
    return f"{command}, then {typed(folder)}"


def typed(path: Path) -> str:
    """The option that names a file or a folder, as it is typed into a shell."""
    return shlex.quote(f"data.path={path}")


def digest_of(parts: Iterable[bytes]) -> str:
    """32 hexadecimal digits over some parts, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(hashlib.blake2b(part).digest())
    return digest.hexdigest()


def shown(names: Sequence[str], most: int = 6) -> str:
    """Some names for a message; of many only the first."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
