"""The textbook's embedded string."""

from ..interfaces.vocabularies import check_kind
from ..interfaces.vocabulary import Vocabulary
from .stream import SymbolStreams, statistics_of

EMBEDDED = "hello pytorch. how long can a rnn cell remember?"
ALPHABET = "abcdefghijklmnopqrstuvwxyz ?!.,;01"
START, END = "0", "1"


class String(SymbolStreams):
    """One string, all of it training: `text` between the start symbol 0 and the end symbol 1.

    `text` None is EMBEDDED, `alphabet` None the 34 symbols of ALPHABET; `unknown` is the symbol for characters
    outside the alphabet, None refuses them. With `lower_case` the text is lowered first. Where `vocabulary` is given,
    the text is read through it instead. Raises ValueError for a text that cannot be used.
    """

    def __init__(
        self,
        *,
        text: str | None,
        alphabet: str | None,
        unknown: str | None,
        lower_case: bool,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        if text == "":
            raise ValueError("text is empty")
        check_kind(vocabulary, "character")
        if vocabulary is None:
            alphabet = ALPHABET if alphabet is None else alphabet
            if unknown is not None and len(unknown) != 1:
                raise ValueError(f"unknown must be one character or null, got {unknown!r}")
            own = "" if unknown is None or unknown in alphabet else unknown
            vocabulary = Vocabulary(alphabet + own, separator="", unknown=unknown, lower_case=lower_case)
        marked = START + (EMBEDDED if text is None else text) + END
        ids = vocabulary.encode_text(marked, "the text")
        statistics = {"train": statistics_of(marked, ids, vocabulary)}
        super().__init__(vocabulary, {"train": ids}, wrap=wrap, statistics=statistics)
