"""Symbols and their ids."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

LINE_BREAK = re.compile(r"<br\s*/?>")


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

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str | None) -> bool:
        return symbol in self._ids

    def state_dict(self) -> dict[str, Any]:
        """Plain containers from which `from_state_dict` makes an equal vocabulary."""
        return {
            "symbols": list(self.symbols),
            "separator": self.separator,
            "unknown": self.unknown,
            "lower_case": self.lower_case,
            "end_of_line": self.end_of_line,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary whose `state_dict` this is."""
        options = {key: value for key, value in state.items() if key != "unit"}
        kinds: dict[str | None, type[Vocabulary]] = {"pattern": PatternVocabulary}
        return kinds.get(state.get("unit"), Vocabulary)(**options)

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
        ids = np.fromiter((self._ids.get(s, fallback) for s in symbols), np.int32, len(symbols))
        if fallback < 0 and (missing := np.flatnonzero(ids < 0)).size:
            others = dict.fromkeys(symbols[k] for k in missing)
            raise ValueError(self._refusal(list(others), first + int(missing[0]), where))
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """ids -> text."""
        return self.separator.join(self.symbols[int(k)] for k in ids)

    def _refusal(self, missing: list[str], position: int, where: str) -> str:
        symbol, others = missing[0], ", ".join(map(repr, missing[1:6]))
        known = {s.casefold(): s for s in self.symbols}
        near = known.get(symbol.casefold()) or next(iter(difflib.get_close_matches(symbol, self.symbols, 1)), None)
        hint = f"; did you mean {near!r}?" if near else ""
        held = "".join(self.symbols) if not self.separator and len(self) < 100 else f"{len(self)} symbols"
        also = f", nor {'is' if len(missing) == 2 else 'are'} {others}" if others else ""
        return f"{symbol!r} at position {position} of {where} is not in the vocabulary ({held}){also}{hint}"


class PatternVocabulary(Vocabulary):
    """Words that the regular expression `pattern` finds, once `<br />` became a space: those of labelled texts.

    Raises ValueError for a pattern that is no regular expression.
    """

    def __init__(self, symbols: Sequence[str], *, pattern: str, unknown: str | None, lower_case: bool):
        super().__init__(symbols, separator=" ", unknown=unknown, lower_case=lower_case)
        self.pattern = pattern
        try:
            self._word = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"pattern {pattern!r} is no regular expression: {error}") from error

    def state_dict(self) -> dict[str, Any]:
        """Plain containers from which `from_state_dict` makes an equal vocabulary."""
        own = {"unit": "pattern", "symbols": list(self.symbols), "pattern": self.pattern}
        return own | {"unknown": self.unknown, "lower_case": self.lower_case}

    def split(self, text: str) -> list[str]:
        """Text -> words."""
        return self._word.findall(LINE_BREAK.sub(" ", text.lower() if self.lower_case else text))
