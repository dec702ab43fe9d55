"""Reviews as arrays of word ids: tokenised once, cached by content and tokenisation, memory-mapped."""

import hashlib
import json
import re
import sys
from array import array
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .caching import cached, damaged
from .review_files import GROUPS, LABELS, SPLITS, Key, content_digest, read_reviews

LINE_BREAK = re.compile(r"<br\s*/?>")
FORMAT = 1  # of a cache entry: another number makes old entries unread


class Reviews(NamedTuple):
    """All labelled reviews over all words there are, sorted by split, label and file name."""

    words: list[str]
    symbols: np.ndarray  # (N,) int32, memory-mapped
    starts: np.ndarray  # (n+1,) int64
    splits: np.ndarray  # (n,) indices into SPLITS
    labels: np.ndarray  # (n,) indices into LABELS

    def rows(self, split: str, label: str) -> np.ndarray:
        """The numbers of the reviews with this label in this split."""
        return np.flatnonzero((self.splits == SPLITS.index(split)) & (self.labels == LABELS.index(label)))


def cached_reviews(source: Path, pattern: str, lower_case: bool, cache: Path) -> Reviews:
    """An archive or a folder -> its reviews. Read from the cache if the same bytes were tokenised the same way before.

    Raises ValueError or OSError.
    """
    rules = json.dumps([FORMAT, content_digest(source), pattern, lower_case])
    entry = cache / "reviews" / hashlib.blake2b(rules.encode(), digest_size=16).hexdigest()
    cached(entry, lambda folder: build(source, pattern, lower_case, folder))
    try:
        described = json.loads((entry / "reviews.json").read_text(encoding="utf-8"))
        counts = [described["counts"][split][label] for split, label in GROUPS]
        starts = np.fromfile(entry / "starts.int64", "<i8")
        symbols = np.memmap(entry / "symbols.int32", "<i4", "r")
        if len(starts) != sum(counts) + 1 or starts[-1] != len(symbols):
            raise ValueError("its files do not fit together")
        splits, labels = np.repeat([(SPLITS.index(split), LABELS.index(label)) for split, label in GROUPS], counts, 0).T
        return Reviews(described["words"], symbols, starts, splits, labels)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise damaged(entry, error) from error


def build(source: Path, pattern: str, lower_case: bool, folder: Path) -> None:
    """Tokenise every review and write ids, places and words, sorted by split, label and file name, into a folder."""
    words, keys, symbols, starts = tokenised(source, pattern, lower_case)
    number = Counter((split, label) for split, label, _ in keys)
    for split, label in GROUPS:
        if not number[split, label]:
            raise ValueError(f"{source} holds no review in {split}/{label}")
    order = np.array(sorted(range(len(keys)), key=lambda k: (GROUPS.index(keys[k][:2]), keys[k].name)))
    ordered, places = gather(symbols, starts[order], np.diff(starts)[order])
    ordered.astype("<i4").tofile(folder / "symbols.int32")
    places.astype("<i8").tofile(folder / "starts.int64")
    counts = {split: {label: number[split, label] for label in LABELS} for split in SPLITS}
    (folder / "reviews.json").write_text(json.dumps({"words": words, "counts": counts}), encoding="utf-8")


def tokenised(source: Path, pattern: str, lower_case: bool) -> tuple[list[str], list[Key], np.ndarray, np.ndarray]:
    """The words of all reviews; what each review is; its symbols (N,) int32, from starts (n+1,), as they are found.

    Raises ValueError if a review is there twice or no word is found.
    """
    word, symbols, starts = re.compile(pattern), array("i"), [0]
    ids: dict[str, int] = {}
    keys: dict[Key, None] = {}
    for key, text in tqdm(read_reviews(source), "reviews", unit="", disable=not sys.stderr.isatty()):
        text = LINE_BREAK.sub(" ", text.lower() if lower_case else text)
        symbols.extend([ids.setdefault(token, len(ids)) for token in word.findall(text)])
        if key in keys:
            raise ValueError(f"{source} holds {'/'.join(key)} twice")
        keys[key] = None
        starts.append(len(symbols))
    if not ids:
        raise ValueError(f"pattern {pattern!r} finds no word in the reviews of {source}")
    return list(ids), list(keys), np.frombuffer(symbols, np.int32), np.array(starts)


def gather(symbols: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of symbols (N,), by first place and length (n,), one after the other -> symbols (M,), starts (n+1,)."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return symbols[np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])], starts
