"""Vectors as text: a line for each symbol, as word2vec and GloVe write them and other programs read them."""

import gzip
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config.atomic import atomic_write

log = logging.getLogger("experiments")


def write_vectors(path: Path, symbols: Sequence[str], vectors: np.ndarray, *, header: bool) -> None:
    """Write vectors (V, E), every digit, atomically; a name that ends in .gz is packed.

    word2vec's form has a `header`, the number of lines and of numbers in each; GloVe's has none. Symbols with white
    space cannot be written and are left out, which is logged. Raises OSError.
    """
    kept = [k for k, symbol in enumerate(symbols) if symbol.split() == [symbol]]
    if left_out := len(symbols) - len(kept):
        log.info("%d of %d symbols are or hold white space, which such a file cannot hold", left_out, len(symbols))
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = path.suffix == ".gz"
    with atomic_write(path) as temporary, (gzip.open if packed else open)(temporary, "wt", encoding="utf-8") as file:
        if header:
            file.write(f"{len(kept)} {vectors.shape[1]}\n")
        for k in kept:
            file.write(f"{symbols[k]} {' '.join(map(str, vectors[k].tolist()))}\n")
