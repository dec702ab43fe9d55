"""Any text as words."""

from ..config.checks import at_least
from ..interfaces.vocabulary import Vocabulary
from .files.symbols import read_symbols
from .files.units import WordUnit
from .text import LineEnds, Text


class Words(Text):
    """What white space separates, with a word `end_of_line` after every line unless that is None.

    See `Text` for `path` and the splits; a file is cut at line ends. The vocabulary is that of the training words: of
    those that occur `min_count` times at least the `vocabulary_size` most frequent, ids in order of first appearance;
    or it is read from `vocabulary_file`. All other words are `unknown`; where training has no such symbol, held-out
    words that would need it are refused. `corpus_size` keeps the first training words only. Raises FileNotFoundError
    or ValueError.
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
        end_of_line: str | None,
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
        for name, word in (("end_of_line", end_of_line), ("unknown", unknown)):
            if word is not None and word.split() != [word]:
                raise ValueError(f"{name} must be one word or null, got {word!r}")
        if vocabulary is None and vocabulary_file is not None:
            symbols = read_symbols(vocabulary_file, unknown, "word")
            vocabulary = Vocabulary(
                symbols, separator=" ", unknown=unknown, lower_case=lower_case, end_of_line=end_of_line
            )
        if vocabulary is not None:
            lower_case, end_of_line = vocabulary.lower_case, vocabulary.end_of_line
        super().__init__(
            WordUnit(lower_case, end_of_line, min_count, vocabulary_size, unknown),
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
        if self.vocabulary.end_of_line in self.vocabulary:
            self.sentence_end = self.vocabulary.symbols.index(self.vocabulary.end_of_line)
