"""Symbols and their ids, and how text becomes symbols: characters, words, bytes or sub-words."""

import codecs
import difflib
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

INSTALL_TOKENIZERS = "pip install 'recurrent-experiments[subwords]'"
NUM_CODE_POINTS = 0x110000  # of Unicode
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
    def unknown_id(self) -> int | None:
        """The id of the symbol for unknown, None where there is none."""
        return None if self.unknown is None else self._ids[self.unknown]

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
        """The vocabulary whose `state_dict` this is. ValueError if sub-words' library is missing."""
        options = {key: value for key, value in state.items() if key != "unit"}
        kinds: dict[str | None, type[Vocabulary]] = {
            "byte": ByteVocabulary,
            "sub-word": SubwordVocabulary,
            "pattern": PatternVocabulary,
        }
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


class ByteVocabulary(Vocabulary):
    """The 256 bytes of UTF-8: no text has others. ASCII is shown as it is, another byte as <0xE9>."""

    def __init__(self, *, lower_case: bool = False):
        shown = [chr(k) if k < 128 else f"<0x{k:02X}>" for k in range(256)]
        super().__init__(shown, separator="", lower_case=lower_case)

    @property
    def unit(self) -> str:
        return "byte"

    def state_dict(self) -> dict[str, Any]:
        return {"unit": self.unit, "lower_case": self.lower_case}

    def split(self, text: str) -> list[str]:
        return [self.symbols[k] for k in self.encode_text(text)]

    def encode_text(self, text: str, where: str = "the text", *, first: int = 0) -> np.ndarray:  # noqa: ARG002
        content = (text.lower() if self.lower_case else text).encode("utf-8", "surrogatepass")
        return np.frombuffer(content, np.uint8).astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """ids -> text, with U+FFFD for bytes that are no UTF-8."""
        return bytes(int(k) for k in ids).decode("utf-8", "replace")

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        yield from filter(None, (decoder.decode(bytes([int(k)])) for k in ids))
        yield decoder.decode(b"", final=True)


class SubwordVocabulary(Vocabulary):
    """The tokens of a tokenizer of Hugging Face's library `tokenizers`, applied to every line by itself.

    `tokenizer` is its JSON. Raises ValueError if that library is not installed or cannot read it.
    """

    def __init__(self, tokenizer: str, *, lower_case: bool = False):
        self._tokenizer = load_tokenizer(tokenizer)
        self._json = tokenizer
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        names = {k: token for token, k in ids.items()}
        symbols = [names.get(k, f"<unused {k}>") for k in range(max(names, default=-1) + 1)]
        model = json.loads(tokenizer)["model"]
        unknown = model.get("unk_token")
        if unknown is None and model.get("unk_id") is not None:
            unknown = symbols[model["unk_id"]]
        super().__init__(symbols, separator="", unknown=unknown if unknown in ids else None, lower_case=lower_case)

    @property
    def unit(self) -> str:
        return "sub-word"

    @property
    def fingerprint(self) -> str:
        return hashlib.blake2b(self._json.encode(), digest_size=8).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        return {"unit": self.unit, "tokenizer": self._json, "lower_case": self.lower_case}

    def split(self, text: str) -> list[str]:
        return [token for line in self._encoded(text) for token in line.tokens]

    def encode_text(self, text: str, where: str = "the text", *, first: int = 0) -> np.ndarray:  # noqa: ARG002
        return np.fromiter(itertools.chain.from_iterable(line.ids for line in self._encoded(text)), np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        text: str = self._tokenizer.decode([int(k) for k in ids], skip_special_tokens=False)
        return text

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        from tokenizers.decoders import DecodeStream

        stream = DecodeStream(skip_special_tokens=False)
        for k in ids:
            if (piece := stream.step(self._tokenizer, int(k))) is not None:
                yield piece

    def _encoded(self, text: str) -> Any:
        """Each line, with its end, as the library's encoding."""
        lines = lines_of(text.lower() if self.lower_case else text)
        return self._tokenizer.encode_batch(lines, add_special_tokens=False)


def tokenizers_library() -> Any:
    """The module `tokenizers`. ValueError if it is not installed."""
    try:
        import tokenizers
    except ImportError as error:
        raise ValueError(f"sub-words need the library tokenizers: {INSTALL_TOKENIZERS}") from error
    return tokenizers


def load_tokenizer(tokenizer: str) -> Any:
    """A tokenizer from its JSON. ValueError if it cannot be read."""
    library = tokenizers_library()
    try:
        return library.Tokenizer.from_str(tokenizer)
    except Exception as error:  # the library has no class of its own for it
        raise ValueError(f"the tokenizer cannot be read: {str(error).splitlines()[0]}") from error


def lines_of(text: str) -> list[str]:
    """The lines of a text, each with its end."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def code_points(text: str) -> np.ndarray:
    """Text -> its code points (n,) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


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
