"""Text files of vectors as word2vec and GloVe write them: a symbol and its numbers on each line."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

GZIP, TORCH = b"\x1f\x8b", b"PK"  # how such files begin
AT_ONCE = 1 << 20  # bytes


class VectorFile(NamedTuple):
    """Such a file, with or without word2vec's first line; packed by gzip or not."""

    path: Path
    width: int  # numbers of a vector
    has_header: bool

    def vectors(self, ids: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """The ids (n,) of the symbols that have a line, and their vectors (n, E); of two lines the first counts.

        Raises ValueError for a line that holds something else.
        """
        found: dict[int, np.ndarray] = {}
        for number, line in self._lines():
            symbol, _, numbers = line.partition(" ")
            if (k := ids.get(symbol)) is not None and k not in found:
                found[k] = self._parsed(numbers, number, symbol)
        vectors = np.array([*found.values()]) if found else np.empty((0, self.width), np.float32)
        return np.array([*found], np.int64), vectors

    def digest(self) -> str:
        """16 hexadecimal digits over the file."""
        digest = hashlib.blake2b(digest_size=8)
        with self.path.open("rb") as file:
            while block := file.read(AT_ONCE):
                digest.update(block)
        return digest.hexdigest()

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Number, from 1, and text of each line with a vector."""
        with open_text(self.path) as file:
            for number, line in enumerate(file, 1):
                if number > self.has_header and not line.isspace():
                    yield number, line.rstrip()

    def _parsed(self, numbers: str, line: int, symbol: str) -> np.ndarray:
        try:
            vector = np.array(numbers.split(), np.float32)
        except ValueError:
            vector = np.empty(0, np.float32)
        if len(vector) != self.width or not np.isfinite(vector).all():
            raise ValueError(
                f"line {line} of {self.path} must be a symbol and {self.width} numbers, got {symbol!r}, ..."
            )
        return vector


def open_vector_file(path: Path) -> VectorFile:
    """The file at this path. Raises ValueError if its first lines are no vectors, OSError if it cannot be read."""
    with open_text(path) as file:
        first = file.readline(1 << 20).split()
        has_header = len(first) == 2 and all(field.isdigit() for field in first)
        fields = file.readline(1 << 20).split() if has_header else first
    width = int(first[1]) if has_header else len(fields) - 1
    found = VectorFile(path, width, has_header)
    if width < 1 or len(fields) != width + 1:
        raise ValueError(
            f"{path} is no text of vectors, a symbol and its numbers on each line (word2vec's binary form is not read)"
        )
    found._parsed(" ".join(fields[1:]), 1 + has_header, fields[0])
    return found


def open_text(path: Path) -> IO[str]:
    """A text file, packed by gzip or not. Signs that are no UTF-8 belong to symbols that no vocabulary has."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    opened: IO[str] = (gzip.open if packed else open)(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return opened


def is_checkpoint(path: Path) -> bool:
    """Whether a file begins as torch's files do."""
    with path.open("rb") as file:
        return file.read(2) == TORCH
