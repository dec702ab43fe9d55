"""Labelled texts as arrays of word ids: tokenised once, cached by content and tokenisation, memory-mapped."""

import hashlib
import json
import sys
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ...interfaces.vocabularies import PatternVocabulary
from ...interfaces.vocabulary import Vocabulary
from .caching import cached, damaged
from .sources import SPLITS, Key, LabelledSource, in_order

FORMAT = 3  # of a cache entry: another number makes old entries unread


class TokenisedTexts(NamedTuple):
    """All texts over all words there are, sorted by split, label and name."""

    words: list[str]
    symbols: np.ndarray  # (N,) int32, memory-mapped
    starts: np.ndarray  # (n+1,) int64
    sizes: np.ndarray  # (n, 2) int64, characters of each text and what white space separates in it
    splits: np.ndarray  # (n,) indices into SPLITS
    labels: np.ndarray  # (n,) indices into label_names
    label_names: list[str]
    notes: list[str]  # what there is to say about the source

    @property
    def numbers(self) -> dict[tuple[str, str], int]:
        """How many texts there are, by split and label."""
        pairs = Counter(zip(self.splits.tolist(), self.labels.tolist()))
        return {(SPLITS[split], self.label_names[label]): number for (split, label), number in pairs.items()}

    def rows(self, split: str, label: str) -> np.ndarray:
        """The numbers of the texts with this label in this split."""
        k = self.label_names.index(label) if label in self.label_names else -1
        return np.flatnonzero((self.splits == SPLITS.index(split)) & (self.labels == k))


def cached_texts(source: LabelledSource, splitter: Vocabulary, cache: Path) -> TokenisedTexts:
    """A source -> its texts, split as a vocabulary does. Read from the cache if the same was done before.

    Raises ValueError or OSError.
    """
    how = {key: value for key, value in splitter.state_dict().items() if key not in ("symbols", "unknown")}
    rules = json.dumps([FORMAT, source.digest(), how], sort_keys=True)
    entry = cache / "labelled" / hashlib.blake2b(rules.encode(), digest_size=16).hexdigest()
    cached(entry, lambda folder: build(source, splitter, folder))
    texts = read_entry(entry)
    check_groups(source, texts.numbers)  # what was found in the cache may be the same texts in other folders
    return texts._replace(notes=[*source.notes, *texts.notes])


def read_entry(entry: Path) -> TokenisedTexts:
    """A folder of the cache -> the texts in it. Raises ValueError if it is damaged."""
    try:
        described = json.loads((entry / "texts.json").read_text(encoding="utf-8"))
        names, counts = described["labels"], np.array(described["counts"])
        starts = np.fromfile(entry / "starts.int64", "<i8")
        sizes = np.fromfile(entry / "sizes.int64", "<i8").reshape(-1, 2)
        symbols = np.memmap(entry / "symbols.int32", "<i4", "r") if starts[-1] else np.zeros(0, "<i4")
        if counts.shape != (len(SPLITS), len(names)):
            raise ValueError("the number of its labels is wrong")
        if len(starts) != counts.sum() + 1 or len(sizes) + 1 != len(starts) or starts[-1] != len(symbols):
            raise ValueError("its files do not fit together")
        splits, labels = np.repeat(np.indices(counts.shape).reshape(2, -1), counts.ravel(), axis=1)
        return TokenisedTexts(described["words"], symbols, starts, sizes, splits, labels, names, described["findings"])
    except (ValueError, KeyError, IndexError, TypeError, OSError) as error:
        raise damaged(entry, error) from error


def build(source: LabelledSource, splitter: Vocabulary, folder: Path) -> None:
    """Tokenise every text and write ids, places and words, sorted by split, label and name, into a folder."""
    words, keys, symbols, starts, sizes = tokenised(source, splitter)
    number = Counter((split, label) for split, label, _ in keys)
    check_groups(source, number)
    names = in_order(label for _, label, _ in keys)
    ranks = {label: k for k, label in enumerate(names)}
    key_of = [(SPLITS.index(split), ranks[label], name) for split, label, name in keys]
    order = np.array(sorted(range(len(keys)), key=key_of.__getitem__))
    ordered, places = gather(symbols, starts[order], np.diff(starts)[order])
    ordered.astype("<i4").tofile(folder / "symbols.int32")
    places.astype("<i8").tofile(folder / "starts.int64")
    sizes[order].astype("<i8").tofile(folder / "sizes.int64")
    counts = [[number[split, label] for label in names] for split in SPLITS]
    described = {"words": words, "labels": names, "counts": counts, "findings": list(source.findings)}
    (folder / "texts.json").write_text(json.dumps(described), encoding="utf-8")


def check_groups(source: LabelledSource, number: Mapping[tuple[str, str], int]) -> None:
    """ValueError if a split and label that must have texts has none; `number` holds those of the others."""
    for split, label in source.groups:
        if not number.get((split, label)):
            raise ValueError(f"{source.place} holds no text in {split}/{label}")


def tokenised(
    source: LabelledSource, splitter: Vocabulary
) -> tuple[list[str], list[Key], np.ndarray, np.ndarray, np.ndarray]:
    """The words of all texts; what each is; symbols (N,) int32, starts (n+1,) and sizes (n, 2), as they are found.

    Raises ValueError if a text is there twice or no word is found.
    """
    symbols, starts, sizes = array("i"), [0], []
    ids: dict[str, int] = {}
    keys: dict[Key, None] = {}
    for key, text in tqdm(source.texts(), "texts", unit="", disable=not sys.stderr.isatty()):
        sizes.append((len(text), len(text.split())))
        symbols.extend([ids.setdefault(word, len(ids)) for word in splitter.split(text)])
        if key in keys:
            raise ValueError(f"{source.place} holds {'/'.join(map(str, key))} twice")
        keys[key] = None
        starts.append(len(symbols))
    if not ids:
        by = f"pattern {splitter.pattern!r} finds" if isinstance(splitter, PatternVocabulary) else "there is"
        raise ValueError(f"{by} no word in the texts of {source.place}")
    return list(ids), list(keys), np.frombuffer(symbols, np.int32), np.array(starts), np.array(sizes)


def gather(symbols: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of symbols (N,), by first place and length (n,), one after the other -> symbols (M,), starts (n+1,)."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return symbols[np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])], starts
