"""Vocabularies from files."""

import json
from pathlib import Path
from typing import Literal

from .reading import checked_file, decoded


def read_symbols(path: str, unknown: str | None, kind: Literal["character", "word"]) -> list[str]:
    """The symbols in a file, in the order of their ids: a list in JSON, or one a line.

    In lines, an empty line is the line end as a symbol. `unknown` is added at the end unless it is there or None.
    Raises FileNotFoundError, or ValueError for a file that holds no such list and for a symbol of another kind.
    """
    file = checked_file(Path(path))
    text = decoded(file.read_bytes(), path)
    if file.suffix == ".json":
        symbols = _listed(text, path)
    else:
        symbols = [line or "\n" for line in text.removesuffix("\n").replace("\r\n", "\n").split("\n")]
    symbols = symbols if unknown is None or unknown in symbols else [*symbols, unknown]
    for number, symbol in enumerate(symbols, 1):
        if (len(symbol) != 1) if kind == "character" else (symbol.split() != [symbol]):
            raise ValueError(f"{path} holds {symbol!r} as symbol {number}, which is not one {kind}")
    return symbols


def _listed(text: str, path: str) -> list[str]:
    try:
        symbols = json.loads(text)
    except ValueError:
        symbols = None
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise ValueError(f'{path} holds no list of symbols such as ["a", "b"] in JSON')
    return symbols
