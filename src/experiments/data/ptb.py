"""The Penn Treebank as language models use it: words in Mikolov's preprocessing (Mikolov et al., 2010)."""

from pathlib import Path

from ..interfaces.vocabulary import Vocabulary
from .files.fetching import fetch
from .files.reading import checked_file
from .words import Words

MD5 = {
    "train": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "valid": "aa0affc06ff7c36e977d7cd49e3839bf",
    "test": "8b80168b89c18661a38ef683c0dc3721",
}
BY_HAND = "give data.path=FOLDER with ptb.train.txt, ptb.valid.txt and ptb.test.txt"


class PennTreebank(Words):
    """`ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`: one sentence a line, `<eos>` after each.

    10,000 types in 929,589 training words, ids in order of first appearance. `corpus_size` keeps the first training
    words only (1,000 hold 418 types); held-out words that are not among them become `<unk>`. Without `path` the files
    are downloaded from the folder `url` into the cache. Raises FileNotFoundError, ConnectionError or ValueError.
    """

    def __init__(
        self,
        *,
        path: str | None,
        url: str,
        timeout: float,
        cache: str,
        corpus_size: int | None,
        held_out: bool,
        wrap: bool,
        vocabulary: Vocabulary | None = None,
    ):
        if path is None:
            path = str(Path(cache) / "ptb")
            for split, md5 in MD5.items():
                fetch(f"{url}/ptb.{split}.txt", Path(path), md5, timeout, BY_HAND)
        elif not Path(path).is_dir():
            raise FileNotFoundError(f"there is no folder {path}; {BY_HAND}, or data.path=null to download them")
        super().__init__(
            path=path,
            encoding="utf-8",
            line_ends="normalized",
            corpus_size=corpus_size,
            held_out=held_out,
            lower_case=False,
            end_of_line="<eos>",
            min_count=1,
            vocabulary_size=None,
            vocabulary_file=None,
            unknown="<unk>",
            valid_fraction=0.0,
            test_fraction=0.0,
            cache=cache,
            wrap=wrap,
            vocabulary=vocabulary,
        )

    def files(self, folder: Path, held_out: bool) -> dict[str, Path]:
        """The file of each split, all of which must be there."""
        return {split: checked_file(folder / f"ptb.{split}.txt") for split in (MD5 if held_out else ("train",))}
