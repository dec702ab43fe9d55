"""The Penn Treebank as language models use it: words in Mikolov's preprocessing (Mikolov et al., 2010)."""

from pathlib import Path

from .stream import SymbolStreams
from .text_file import read_text
from .vocabulary import Vocabulary

EOS, UNKNOWN = "<eos>", "<unk>"


class PennTreebank(SymbolStreams):
    """`ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`: one sentence a line, `<eos>` after each.

    The vocabulary is that of the training tokens, ids in order of first appearance: 10,000 types in 929,589 tokens.
    `corpus_size` keeps the first training tokens only (1,000 tokens hold 418 types); held-out words that are not
    among them become `<unk>`. Raises FileNotFoundError or ValueError for files that are not there or not usable.
    """

    def __init__(self, *, path: str | None, corpus_size: int | None, held_out: bool, wrap: bool):
        if path is None:
            raise ValueError(
                "path is not set: give data.path=FOLDER with ptb.train.txt, ptb.valid.txt and ptb.test.txt, "
                "or put them into a folder ptb of the folder that EXPERIMENTS_DATA names"
            )
        if corpus_size is not None and corpus_size < 2:
            raise ValueError(f"corpus_size must be at least 2 tokens, got {corpus_size}")
        train = read_tokens(Path(path) / "ptb.train.txt")
        if corpus_size is not None and corpus_size > len(train):
            raise ValueError(f"corpus_size={corpus_size} is more than the {len(train)} training tokens there are")
        train = train[:corpus_size]
        types = dict.fromkeys(train)  # keeps the order of first appearance
        vocabulary = Vocabulary(list(types), separator=" ", unknown=UNKNOWN if UNKNOWN in types else None)
        streams = {"train": vocabulary.encode(train)}
        if held_out:
            for split in ("valid", "test"):
                file = Path(path) / f"ptb.{split}.txt"
                streams[split] = vocabulary.encode(read_tokens(file), where=str(file))
        super().__init__(vocabulary, streams, wrap=wrap)


def read_tokens(file: Path) -> list[str]:
    """The words of a UTF-8 file in order, with `<eos>` for every end of line."""
    return read_text(file).replace("\n", f" {EOS} ").split()
