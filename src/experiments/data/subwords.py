"""Any text as sub-words."""

from pathlib import Path

from ..config.checks import at_least
from ..interfaces.vocabularies import SubwordVocabulary
from ..interfaces.vocabulary import Vocabulary
from .files.reading import checked_file, decoded
from .files.subwords import SubwordUnit
from .text import LineEnds, Text


class Subwords(Text):
    """Pieces of words, learned from the training split alone by byte-pair encoding (Sennrich et al., 2016) on bytes.

    See `Text` for `path` and the splits; a file is cut at line ends, and every line is encoded by itself. There are
    `vocabulary_size` symbols at most: the 256 bytes, so that none is unknown, and pairs that occur `min_count` times
    at least. `vocabulary_file` names a tokenizer of the library `tokenizers` in JSON instead, learned elsewhere.
    `corpus_size` keeps the first training characters only. Raises FileNotFoundError, or ValueError, also if that
    library is not installed.
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
        min_count: int,
        vocabulary_size: int,
        vocabulary_file: str | None,
        valid_fraction: float,
        test_fraction: float,
        cache: str,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        at_least(1, min_count=min_count)
        at_least(256, vocabulary_size=vocabulary_size)
        if vocabulary is None and vocabulary_file is not None:
            file = checked_file(Path(vocabulary_file))
            vocabulary = SubwordVocabulary(decoded(file.read_bytes(), vocabulary_file), lower_case=lower_case)
        super().__init__(
            SubwordUnit(lower_case, min_count, vocabulary_size),
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
