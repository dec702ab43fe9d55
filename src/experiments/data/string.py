"""The textbook's embedded string."""

from .characters import with_unknown
from .stream import SymbolStreams

EMBEDDED = "hello pytorch. how long can a rnn cell remember?"
ALPHABET = "abcdefghijklmnopqrstuvwxyz ?!.,;01"
START, END = "0", "1"


class String(SymbolStreams):
    """One string, all of it training: `text` between the start symbol 0 and the end symbol 1.

    `text` None is EMBEDDED, `alphabet` None the 34 symbols of ALPHABET; `unknown` is the symbol for characters outside
    the alphabet, None refuses them.
    Raises ValueError for a text that cannot be used.
    """

    def __init__(self, *, text: str | None, alphabet: str | None, unknown: str | None, wrap: bool):
        if text == "":
            raise ValueError("text is empty")
        vocabulary = with_unknown(ALPHABET if alphabet is None else alphabet, unknown)
        marked = START + (EMBEDDED if text is None else text) + END
        super().__init__(vocabulary, {"train": vocabulary.encode(marked, "the text")}, wrap=wrap)
