"""Any text, byte by byte."""

from ..interfaces.vocabulary import Vocabulary
from .files.units import ByteUnit
from .text import LineEnds, Text


class Bytes(Text):
    """The bytes of a text in UTF-8 in order, whatever it is written in: 256 symbols, of which none can be unknown.

    See `Text` for `path` and the splits; a file is cut where `Characters` cuts it. `corpus_size` keeps the first
    training bytes only, up to a whole character. Raises FileNotFoundError or ValueError.
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
        valid_fraction: float,
        test_fraction: float,
        cache: str,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        super().__init__(
            ByteUnit(lower_case),
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
