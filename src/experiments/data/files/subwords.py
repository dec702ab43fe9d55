"""Sub-words: learned from the training split by byte-pair encoding (Sennrich et al., 2016), on bytes as in GPT-2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...interfaces.vocabularies import SubwordVocabulary, lines_of, tokenizers_library
from ...interfaces.vocabulary import Vocabulary
from .splits import Part, cut_at_lines, num_characters, place_of
from .units import Read, Unit


@dataclass(frozen=True)
class SubwordUnit(Unit):
    """Pieces of words, `vocabulary_size` at most: the 256 bytes and pairs that occur `min_count` times at least.

    A text is clipped in characters, since sub-words are only known once they are learned.
    """

    min_count: int
    vocabulary_size: int
    name: ClassVar[str] = "sub-word"

    def cut(self, file: Path, fractions: Mapping[str, float]) -> dict[str, Part]:
        return cut_at_lines(file, fractions, ends_count=True)

    def clip(self, part: Part, size: int) -> tuple[Part, int]:
        clipped = part._replace(stop=place_of(part, size))
        return clipped, min(size, num_characters(clipped))

    def choose(self, parts: Mapping[str, Part], read: Read) -> Vocabulary:
        library = tokenizers_library()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=self.vocabulary_size,
            min_frequency=self.min_count,
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(self._lines(parts["train"], read), trainer)
        return SubwordVocabulary(tokenizer.to_str(), lower_case=self.lower_case)

    def _lines(self, part: Part, read: Read) -> Iterator[str]:
        for text in read(part):
            yield from lines_of(text.lower() if self.lower_case else text)
