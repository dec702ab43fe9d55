"""Any text file, character by character."""

from collections.abc import Mapping
from pathlib import Path

from ..interfaces.vocabulary import Vocabulary
from .files.reading import check_fractions, read_text
from .stream import SymbolStreams, statistics_of


class Characters(SymbolStreams):
    """The characters of a UTF-8 file in order.

    The last `test_fraction` of them are the test split, the `valid_fraction` before that the validation split.
    `alphabet` None is the characters of the training split; `unknown` is the symbol for characters outside the
    alphabet, None refuses them. Where `vocabulary` is given, the text is read through it instead.
    Raises FileNotFoundError or ValueError for a text that cannot be used.
    """

    def __init__(
        self,
        *,
        path: str,
        alphabet: str | None,
        unknown: str | None,
        valid_fraction: float,
        test_fraction: float,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        fractions = check_fractions(valid_fraction, test_fraction)
        parts = split_text(read_text(Path(path)), fractions)
        if vocabulary is None:
            vocabulary = with_unknown("".join(sorted(set(parts["train"]))) if alphabet is None else alphabet, unknown)
        streams, statistics = {}, {}
        for split, part in parts.items():
            streams[split] = vocabulary.encode(vocabulary.split(part), f"the {split} split of {path}")
            statistics[split] = statistics_of(part, streams[split], vocabulary)
        super().__init__(vocabulary, streams, wrap=wrap, statistics=statistics)


def with_unknown(alphabet: str, unknown: str | None) -> Vocabulary:
    """The vocabulary of an alphabet and the symbol for all others. ValueError if that is not one character."""
    if unknown is not None and len(unknown) != 1:
        raise ValueError(f"unknown must be one character, got {unknown!r}")
    if unknown is not None and unknown not in alphabet:
        alphabet += unknown
    return Vocabulary(alphabet, separator="", unknown=unknown)


def split_text(text: str, fractions: Mapping[str, float]) -> dict[str, str]:
    """Text -> train, valid and test in this order of the text; a fraction of 0 leaves its split out."""
    test = len(text) - round(len(text) * fractions["test"])
    valid = test - round(len(text) * fractions["valid"])
    parts = {"train": text[:valid], "valid": text[valid:test], "test": text[test:]}
    return {split: part for split, part in parts.items() if fractions[split]}
