"""Characters: the textbook's embedded string, or any text file."""

from collections.abc import Mapping
from pathlib import Path

from ..interfaces.vocabulary import Vocabulary
from .files.reading import check_fractions, read_text
from .stream import SymbolStreams

EMBEDDED = "hello pytorch. how long can a rnn cell remember?"
ALPHABET = "abcdefghijklmnopqrstuvwxyz ?!.,;01"
START, END = ALPHABET[-2:]


class Characters(SymbolStreams):
    """A string or a UTF-8 file, character by character.

    Without `path`: `text` between the start and end symbols 0 and 1, all of it training, over the 34-symbol
    ALPHABET. With `path`: the file's characters in order, the last `test_fraction` of them the test split, the
    `valid_fraction` before that the validation split, over the characters of the training split.
    `alphabet` replaces either alphabet; `unknown` is the symbol for characters outside it, None refuses them.
    Raises FileNotFoundError or ValueError for a text that cannot be used.
    """

    def __init__(
        self,
        *,
        path: str | None,
        text: str | None,
        alphabet: str | None,
        unknown: str | None,
        valid_fraction: float,
        test_fraction: float,
        wrap: bool,
    ):
        if path is not None and text is not None:
            raise ValueError("give path or text, not both")
        if unknown is not None and len(unknown) != 1:
            raise ValueError(f"unknown must be one character, got {unknown!r}")
        fractions = check_fractions(valid_fraction, test_fraction)
        if path is None:
            parts = {"train": marked(EMBEDDED if text is None else text)}
            alphabet = ALPHABET if alphabet is None else alphabet
        else:
            parts = split_text(read_text(Path(path)), fractions)
            alphabet = "".join(sorted(set(parts["train"]))) if alphabet is None else alphabet
        if unknown is not None and unknown not in alphabet:
            alphabet += unknown
        vocabulary = Vocabulary(alphabet, separator="", unknown=unknown)
        streams = {
            split: vocabulary.encode(part, f"the {split} split of {path}" if path else "the text")
            for split, part in parts.items()
        }
        super().__init__(vocabulary, streams, wrap=wrap)


def marked(text: str) -> str:
    """The text between the start and the end symbol. Raises ValueError if it is empty."""
    if not text:
        raise ValueError("text is empty")
    return START + text + END


def split_text(text: str, fractions: Mapping[str, float]) -> dict[str, str]:
    """Text -> train, valid and test in this order of the text; a fraction of 0 leaves its split out."""
    test = len(text) - round(len(text) * fractions["test"])
    valid = test - round(len(text) * fractions["valid"])
    parts = {"train": text[:valid], "valid": text[valid:test], "test": text[test:]}
    return {split: part for split, part in parts.items() if fractions[split]}
