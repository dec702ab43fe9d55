"""Vocabularies of other units: bytes, sub-words, and words that a regular expression finds."""

import codecs
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..config.errors import MissingLibrary
from .vocabulary import Vocabulary

INSTALL_TOKENIZERS = "pip install tokenizers"
CHOICES = {  # kind of a vocabulary -> what its symbols are, and the choice that reads a text as these
    "word": ("words", "data=words"),
    "character": ("characters", "data=characters"),
    "byte": ("bytes", "data=bytes"),
    "sub-word": ("sub-words", "data=subwords"),
    "pattern": ("words of labelled texts", "data=labelled"),
}
LINE_BREAK = re.compile(r"<br\s*/?>")


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

    `tokenizer` is its JSON. Raises MissingLibrary if that library is not installed, ValueError if it cannot read it.
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
    """The module `tokenizers`. MissingLibrary if it is not installed."""
    try:
        import tokenizers
    except ImportError as error:
        raise MissingLibrary(f"sub-words need the library tokenizers: {INSTALL_TOKENIZERS}") from error
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

    @property
    def kind(self) -> str:
        return "pattern"

    def state_dict(self) -> dict[str, Any]:
        """See `Vocabulary.state_dict`."""
        own = {"unit": self.kind, "symbols": list(self.symbols), "pattern": self.pattern}
        return own | {"unknown": self.unknown, "lower_case": self.lower_case}

    def split(self, text: str) -> list[str]:
        """Text -> words."""
        return self._word.findall(LINE_BREAK.sub(" ", text.lower() if self.lower_case else text))


def check_kind(vocabulary: Vocabulary | None, kind: str) -> None:
    """ValueError unless a vocabulary that is offered to a dataset, that of a checkpoint, is of the kind it reads."""
    if vocabulary is not None and vocabulary.kind != kind:
        (held, choice), (wanted, _) = CHOICES[vocabulary.kind], CHOICES[kind]
        raise ValueError(
            f"the symbols of checkpoint= are {held}, and this data is read as {wanted}: give {choice} data.path=PATH, "
            "or train new weights without checkpoint="
        )


def from_state_dict(state: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary whose `state_dict` this is. MissingLibrary if that of sub-words is not installed."""
    options = {key: value for key, value in state.items() if key != "unit"}
    kinds: dict[str | None, type[Vocabulary]] = {
        "byte": ByteVocabulary,
        "sub-word": SubwordVocabulary,
        "pattern": PatternVocabulary,
    }
    return kinds.get(state.get("unit"), Vocabulary)(**options)
