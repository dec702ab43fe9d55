"""Symbols and their ids, and how text becomes symbols: characters or words. For other units see `vocabularies`."""

import difflib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..config.errors import printable

NUM_CODE_POINTS = 0x110000  # of Unicode
SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})  # for what cannot be seen


class Vocabulary:
    """Symbols in the order of their ids, and how text becomes symbols.

    Text is symbols joined by `separator` ("" for characters, " " for words). `unknown` is the symbol that stands for
    all others; None refuses them with ValueError. With `lower_case` text is lowered first; `end_of_line` is the word
    after every line, None for none.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        separator: str,
        unknown: str | None = None,
        lower_case: bool = False,
        end_of_line: str | None = None,
    ):
        self.symbols = tuple(symbols)
        self.separator, self.unknown = separator, unknown
        self.lower_case, self.end_of_line = lower_case, end_of_line
        self._ids = {symbol: k for k, symbol in enumerate(self.symbols)}
        if len(self._ids) < len(self.symbols):
            twice = next(s for k, s in enumerate(self.symbols) if self._ids[s] != k)
            raise ValueError(f"the vocabulary holds {twice!r} twice; each symbol must be there once")
        self._by_code_point: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str | None) -> bool:
        return symbol in self._ids

    @property
    def unit(self) -> str:
        """What a symbol is: word, character, byte or sub-word."""
        return "word" if self.separator else "character"

    @property
    def kind(self) -> str:
        """How text becomes these symbols: a key of `vocabularies.CHOICES`."""
        return self.unit

    @property
    def unknown_id(self) -> int | None:
        """The id of the symbol for unknown, None where there is none."""
        return None if self.unknown is None else self._ids[self.unknown]

    def state_dict(self) -> dict[str, Any]:
        """Plain containers from which `vocabularies.from_state_dict` makes an equal vocabulary."""
        return {
            "symbols": list(self.symbols),
            "separator": self.separator,
            "unknown": self.unknown,
            "lower_case": self.lower_case,
            "end_of_line": self.end_of_line,
        }

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the symbols and their order."""
        return hashlib.blake2b("\0".join(self.symbols).encode(), digest_size=8).hexdigest()

    def split(self, text: str) -> list[str]:
        """Text -> symbols."""
        text = text.lower() if self.lower_case else text
        if not self.separator:
            return list(text)
        return (text if self.end_of_line is None else text.replace("\n", f" {self.end_of_line} ")).split()

    def encode(
        self, symbols: Iterable[str], where: str = "the text", *, first: int = 0, strict: bool = False
    ) -> np.ndarray:
        """Symbols -> ids (n,) int32. Raises ValueError naming those that have none; `strict` allows no unknown.

        `first` is the position of the first symbol in the text, for that message.
        """
        symbols = list(symbols)
        fallback = -1 if strict or self.unknown is None else self._ids[self.unknown]
        ids = np.fromiter(map(self._ids.get, symbols, itertools.repeat(fallback)), np.int32, len(symbols))
        if fallback < 0 and (missing := np.flatnonzero(ids < 0)).size:
            others = dict.fromkeys(symbols[k] for k in missing)
            raise ValueError(self._refusal(list(others), first + int(missing[0]), where))
        return ids

    def encode_text(self, text: str, where: str = "the text", *, first: int = 0) -> np.ndarray:
        """Text -> ids (n,) int32: what `split` and `encode` give, faster for long texts."""
        if self.separator:
            return self.encode(self.split(text), where, first=first)
        if self._by_code_point is None:
            self._by_code_point = self._table()
        ids: np.ndarray = self._by_code_point[code_points(text.lower() if self.lower_case else text)]
        return self.encode(self.split(text), where, first=first) if ids.size and ids.min() < 0 else ids

    def decode(self, ids: Iterable[int]) -> str:
        """ids -> text."""
        return self.separator.join(self.symbols[int(k)] for k in ids)

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """ids one at a time -> text as people write it, in pieces as they are complete: `end_of_line` is a line end."""
        before = "\n"
        for k in ids:
            symbol = self.symbols[int(k)]
            piece = "\n" if symbol == self.end_of_line else symbol
            yield piece if "\n" in (before, piece) else self.separator + piece
            before = piece

    def _table(self) -> np.ndarray:
        """Code point -> id, -1 where there is none."""
        unknown = self.unknown_id
        table = np.full(NUM_CODE_POINTS, -1 if unknown is None else unknown, np.int32)
        for k, symbol in enumerate(self.symbols):
            if len(symbol) == 1:
                table[ord(symbol)] = k
        return table

    def _refusal(self, missing: list[str], position: int, where: str) -> str:
        symbol, others = missing[0], ", ".join(map(repr, missing[1:6]))
        known = {s.casefold(): s for s in self.symbols}
        near = known.get(symbol.casefold()) or next(iter(difflib.get_close_matches(symbol, self.symbols, 1)), None)
        hint = f"; did you mean {near!r}?" if near else ""
        held = "".join(self.symbols) if not self.separator and len(self) < 100 else f"{len(self)} symbols"
        also = f", nor {'is' if len(missing) == 2 else 'are'} {others}" if others else ""
        return f"{symbol!r} at position {position} of {where} is not in the vocabulary ({held}){also}{hint}"


def code_points(text: str) -> np.ndarray:
    """Text -> its code points (n,) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def shown(symbol: str, piece: str = "") -> str:
    """A symbol for people: spaces, line ends and what else cannot be seen as signs.

    `piece` is the text that it stands for, where it stands in one.
    """
    text = symbol if piece.removeprefix(" ") == symbol else piece or symbol
    return printable(text.translate(SIGNS))
