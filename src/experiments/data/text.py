"""A text of one's own in any unit: what words, characters, bytes and sub-words have in common."""

from pathlib import Path
from typing import Literal

from ..config.checks import at_least
from ..interfaces.vocabularies import check_kind
from ..interfaces.vocabulary import Vocabulary
from .files.corpus import WHOLE, TextSource, cached_corpus
from .files.reading import TextFormat, check_encoding, check_fractions
from .files.splits import files_of_splits
from .files.units import Unit
from .stream import SymbolStreams

LineEnds = Literal["normalized", "kept"]


class Text(SymbolStreams):
    """A file, cut into train, valid and test in this order, or a folder with one file per split, as symbols of a unit.

    A file's name in a folder has the split's as a part (wiki.train.tokens; valid also as val, validation or dev). A
    name that ends in .gz is unpacked. Where `vocabulary` is given, the text is read through it, and the unit chooses
    none. Raises FileNotFoundError or ValueError for files or options that cannot be used.
    """

    def __init__(
        self,
        unit: Unit,
        *,
        path: str,
        encoding: str,
        line_ends: LineEnds,
        corpus_size: int | None,
        held_out: bool,
        valid_fraction: float,
        test_fraction: float,
        cache: str,
        wrap: bool,
        vocabulary: Vocabulary | None,
    ):
        check_kind(vocabulary, unit.name)
        at_least(2, corpus_size=corpus_size)
        check_encoding(encoding)
        fractions = check_fractions(valid_fraction, test_fraction)
        files = self.files(Path(path), held_out) if Path(path).is_dir() else {WHOLE: Path(path)}
        source = TextSource(files, fractions, held_out, TextFormat(encoding, line_ends), corpus_size)
        corpus = cached_corpus(source, unit, vocabulary, Path(cache))
        super().__init__(
            corpus.vocabulary,
            corpus.streams,
            wrap=wrap,
            statistics=corpus.statistics,
            fingerprint=corpus.fingerprint,
        )

    def files(self, folder: Path, held_out: bool) -> dict[str, Path]:
        """The file of each split in a folder; only train must be there."""
        found = files_of_splits(folder)
        return found if held_out else {"train": found["train"]}
