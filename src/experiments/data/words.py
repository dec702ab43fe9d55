"""Any text as words: one file, or a folder with a file per split."""

import re
from pathlib import Path

from ..config.checks import at_least
from ..interfaces.vocabulary import Vocabulary
from .files.corpus import Part, Rules, cached_corpus, cut_file
from .files.reading import check_fractions, checked_file
from .stream import SymbolStreams

SPLITS = ("train", "valid", "test")
NAMES = {"train": {"train"}, "valid": {"valid", "val", "validation", "dev"}, "test": {"test"}}


class Words(SymbolStreams):
    """What white space separates, with a word `end_of_line` after every line unless that is None.

    `path` is a UTF-8 file, cut at line ends into train, valid and test in this order, or a folder with one file per
    split whose name has the split's as a part (wiki.train.tokens; valid also as val, validation or dev). The vocabulary
    is that of the training words: of those that occur `min_count` times at least the `vocabulary_size` most frequent,
    ids in order of first appearance. All others, and held-out words that are not in it, are `unknown`; where training
    has no such symbol they are refused.
    `corpus_size` keeps the first training words only. Where `vocabulary` is given, the text is read through it instead:
    its symbols, case and ends of lines. Raises FileNotFoundError or ValueError.
    """

    def __init__(
        self,
        *,
        path: str,
        corpus_size: int | None,
        held_out: bool,
        lower_case: bool,
        end_of_line: str | None,
        min_count: int,
        vocabulary_size: int | None,
        unknown: str | None,
        valid_fraction: float,
        test_fraction: float,
        cache: str,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        at_least(1, min_count=min_count, vocabulary_size=vocabulary_size)
        at_least(2, corpus_size=corpus_size)
        for name, word in (("end_of_line", end_of_line), ("unknown", unknown)):
            if word is not None and word.split() != [word]:
                raise ValueError(f"{name} must be one word or null, got {word!r}")
        fractions = check_fractions(valid_fraction, test_fraction)
        if Path(path).is_dir():
            parts = {split: whole(file) for split, file in self.files(Path(path), held_out).items()}
        else:
            parts = cut_file(checked_file(Path(path)), fractions)
        parts = {split: part for split, part in parts.items() if held_out or split == "train"}
        rules = Rules(lower_case, end_of_line, corpus_size, min_count, vocabulary_size, unknown)
        corpus = cached_corpus(parts, rules, Path(cache), vocabulary)
        super().__init__(corpus.vocabulary, corpus.streams, wrap=wrap, statistics=corpus.statistics)
        end_of_line = self.vocabulary.end_of_line
        self.sentence_end = self.vocabulary.symbols.index(end_of_line) if end_of_line in self.vocabulary else None

    def files(self, folder: Path, held_out: bool) -> dict[str, Path]:
        """The file of each split; only train must be there. ValueError if a name is there twice."""
        found: dict[str, Path] = {}
        for split, names in NAMES.items():
            named = sorted(file for file in folder.iterdir() if names & parts_of(file.name) and file.is_file())
            if len(named) > 1:
                raise ValueError(f"{folder} holds several files for {split}: {', '.join(file.name for file in named)}")
            if named and named[0] in found.values():
                raise ValueError(f"{named[0]} is named for more than one split")
            if named:
                found[split] = named[0]
        if "train" not in found:
            raise FileNotFoundError(
                f"{folder} holds no file with train in its name, as in train.txt or wiki.train.tokens"
            )
        return found if held_out else {"train": found["train"]}


def parts_of(name: str) -> set[str]:
    """What a file's name is put together from: wiki.train.tokens -> wiki, train, tokens."""
    return set(re.split(r"[._\-\s]+", name.lower()))


def whole(file: Path) -> Part:
    """All of a file. FileNotFoundError if it is not there."""
    return Part(checked_file(file), 0, file.stat().st_size)
