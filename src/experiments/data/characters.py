"""Any text, character by character."""

from ..config.checks import at_least
from ..interfaces.vocabulary import Vocabulary
from .files.symbols import read_symbols
from .files.units import AUTO, CharacterUnit
from .text import LineEnds, Text


class Characters(Text):
    """The characters of a text in order: Unicode's code points, so that an accent or a sign may be one of its own.

    See `Text` for `path` and the splits; a file is cut at exactly the fractions of its characters. The alphabet is
    that of the training split, of characters that occur `min_count` times at least the `vocabulary_size` most
    frequent; or it is `alphabet`, or read from `vocabulary_file`. `unknown` is the symbol for all others, None
    refuses them; "auto" is U+FFFD where a symbol is needed, see `CharacterUnit`. `corpus_size` keeps the first
    training characters only. Raises FileNotFoundError or ValueError.
    """

    def __init__(
        self,
        *,
        path: str,
        encoding: str,
        line_ends: LineEnds,
        corpus_size: int | None,
        held_out: bool,
        lower_case: bool,
        alphabet: str | None,
        min_count: int,
        vocabulary_size: int | None,
        vocabulary_file: str | None,
        unknown: str | None,
        valid_fraction: float,
        test_fraction: float,
        cache: str,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        at_least(1, min_count=min_count, vocabulary_size=vocabulary_size)
        check_unknown(unknown)
        if alphabet is not None and vocabulary_file is not None:
            raise ValueError("alphabet and vocabulary_file both give the symbols: set one of them to null")
        if vocabulary is None and vocabulary_file is not None:
            alphabet = "".join(read_symbols(vocabulary_file, None, "character"))
        if vocabulary is None and alphabet is not None:
            Vocabulary(alphabet, separator="")  # no character may be there twice
        super().__init__(
            CharacterUnit(lower_case, alphabet, min_count, vocabulary_size, unknown),
            path=path,
            encoding=encoding,
            line_ends=line_ends,
            corpus_size=corpus_size,
            held_out=held_out,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            cache=cache,
            wrap=wrap,
            vocabulary=vocabulary,
        )


def check_unknown(unknown: str | None) -> None:
    """ValueError unless it is one character, None or "auto"."""
    if unknown not in (None, AUTO) and len(unknown) != 1:
        raise ValueError(f"unknown must be one character, {AUTO} or null, got {unknown!r}")
