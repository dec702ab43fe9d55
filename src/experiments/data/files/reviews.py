"""Reviews as arrays of word ids: tokenised once, cached by content and tokenisation, memory-mapped."""

import hashlib
import json
import re
import sys
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .caching import cached, damaged
from .review_files import LABELS, SPLITS, content_digest, read_reviews

LINE_BREAK = re.compile(r"<br\s*/?>")
FORMAT = 1  # of a cache entry: another number makes old entries unread


class Reviews(NamedTuple):
    """All labelled reviews over all words there are, sorted by split, label and file name."""

    words: list[str]
    symbols: np.ndarray  # (N,) int32, memory-mapped
    starts: np.ndarray  # (n+1,) int64
    counts: dict[str, dict[str, int]]  # reviews by split and label, in this order

    def rows(self, split: str, label: str) -> np.ndarray:
        """The numbers of the reviews with this label in this split."""
        first = 0
        for s, by_label in self.counts.items():
            for name, count in by_label.items():
                if (s, name) == (split, label):
                    return np.arange(first, first + count)
                first += count
        raise KeyError((split, label))


def cached_reviews(source: Path, pattern: str, lower_case: bool, cache: Path) -> Reviews:
    """An archive or a folder -> its reviews. Read from the cache if the same bytes were tokenised the same way before.

    Raises ValueError or OSError.
    """
    rules = json.dumps([FORMAT, content_digest(source), pattern, lower_case])
    entry = cache / "reviews" / hashlib.blake2b(rules.encode(), digest_size=16).hexdigest()
    cached(entry, lambda folder: build(source, pattern, lower_case, folder))
    try:
        described = json.loads((entry / "reviews.json").read_text(encoding="utf-8"))
        reviews = Reviews(
            described["words"],
            np.memmap(entry / "symbols.int32", "<i4", "r"),
            np.fromfile(entry / "starts.int64", "<i8"),
            described["counts"],
        )
        number = sum(sum(by_label.values()) for by_label in reviews.counts.values())
        if len(reviews.starts) != number + 1 or reviews.starts[-1] != len(reviews.symbols):
            raise ValueError("its files do not fit together")
        return reviews
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise damaged(entry, error) from error


def build(source: Path, pattern: str, lower_case: bool, folder: Path) -> None:
    """Tokenise every review and write ids, places and words into a folder."""
    word, symbols, starts = re.compile(pattern), array("i"), [0]
    ids: dict[str, int] = {}
    keys: dict[tuple[int, int, str], None] = {}  # split, label and name, in the order in which they are found
    for review in tqdm(read_reviews(source), "reviews", unit="", disable=not sys.stderr.isatty()):
        text = LINE_BREAK.sub(" ", review.text.lower() if lower_case else review.text)
        symbols.extend([ids.setdefault(token, len(ids)) for token in word.findall(text)])
        key = SPLITS.index(review.split), LABELS.index(review.label), review.name
        if key in keys:
            raise ValueError(f"{source} holds {review.split}/{review.label}/{review.name} twice")
        keys[key] = None
        starts.append(len(symbols))
    if not ids:
        raise ValueError(f"pattern {pattern!r} finds no word in the reviews of {source}")
    found = [key[:2] for key in keys]
    counts = {s: {c: found.count((i, k)) for k, c in enumerate(LABELS)} for i, s in enumerate(SPLITS)}
    for split, by_label in counts.items():
        for label, count in by_label.items():
            if not count:
                raise ValueError(f"{source} holds no review in {split}/{label}")
    order = np.array(sorted(range(len(keys)), key=list(keys).__getitem__))
    ordered, places = gather(np.frombuffer(symbols, np.int32), np.array(starts)[order], np.diff(starts)[order])
    ordered.astype("<i4").tofile(folder / "symbols.int32")
    places.astype("<i8").tofile(folder / "starts.int64")
    described = {"words": list(ids), "counts": counts}
    (folder / "reviews.json").write_text(json.dumps(described), encoding="utf-8")


def gather(symbols: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of symbols (N,), by first place and length (n,), one after the other -> symbols (M,), starts (n+1,)."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return symbols[np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])], starts
