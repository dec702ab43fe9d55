"""What makes perplexities comparable: how much text there is, over how many symbols, and how much of it is unknown."""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from ..interfaces.data import Dataset, SplitStatistics

log = logging.getLogger("experiments")

FACTOR, POINTS = 2.0, 0.02  # a held-out share of unknown above FACTOR times that of training + POINTS gets a warning
HIGH = 0.3  # and so does a share of the training text above this, where unknown is a symbol to be predicted


def predicts_symbols(dataset: Dataset) -> bool:
    """Whether the targets are symbols of the vocabulary, as those of a language model."""
    if dataset.labelled or dataset.labels or dataset.real_targets:
        return False
    return dataset.num_outputs == len(dataset.vocabulary)


def unknown_target(dataset: Dataset) -> int | None:
    """The target that stands for every symbol that the vocabulary lacks; None if there is none."""
    if not predicts_symbols(dataset) or dataset.vocabulary.unknown not in dataset.vocabulary:
        return None
    return dataset.vocabulary.unknown_id


def unknown_share(split: SplitStatistics) -> float:
    """The share of a split's tokens that are unknown."""
    return split.unknown / split.tokens if split.tokens else 0.0


def description(dataset: Dataset) -> str:
    """Types, and tokens and share of unknown of each split, as one line; empty if the dataset does not know them."""
    if not dataset.statistics:
        return ""
    has_unknown = dataset.vocabulary.unknown is not None
    splits = []
    for name, split in dataset.statistics.items():
        share = f" ({unknown_share(split):.2%} unknown)" if has_unknown else ""
        splits.append(f"{name} {split.tokens:,} tokens{share}")
    return f"{len(dataset.vocabulary):,} types; {', '.join(splits)}"


def recorded(dataset: Dataset) -> dict[str, str]:
    """What a run records as parameters and tags; empty if the dataset does not know its statistics."""
    if not dataset.statistics:
        return {}
    form = json.dumps(dataset.vocabulary.state_dict(), sort_keys=True)  # the symbols, and how text becomes them
    digest = hashlib.blake2b(form.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    texts = {"dataset.types": str(len(dataset.vocabulary)), "dataset.vocabulary": digest}
    for name, split in dataset.statistics.items():
        texts[f"dataset.{name}.tokens"] = str(split.tokens)
        texts[f"dataset.{name}.unknown_share"] = f"{unknown_share(split):.6g}"
    return texts


def announce(dataset: Dataset, options: Mapping[str, Any]) -> None:
    """Log the description, and the warning about unknown symbols if there is one.

    `options` are those of the data section; the warning names the one that would help.
    """
    if line := description(dataset):
        log.info("data: %s", line)
    if text := warning(dataset, options):
        log.warning("%s", text)


def warning(dataset: Dataset, options: Mapping[str, Any]) -> str | None:
    """A sentence if the share of unknown is high in training, or far higher in a held-out split, else None."""
    if "train" not in dataset.statistics:
        return None
    shares = {name: unknown_share(split) for name, split in dataset.statistics.items()}
    train = shares.pop("train")
    far = [f"{share:.1%} of {name}" for name, share in shares.items() if share > FACTOR * train + POINTS]
    is_high = train > HIGH and predicts_symbols(dataset)
    if not far and not is_high:
        return None
    compare = "; or compare perplexity_known" if predicts_symbols(dataset) else ""
    shares_said = f"{train:.1%} of train is unknown ({dataset.vocabulary.unknown})"
    if far:
        are = "is" if len(far) == 1 else "are"
        shares_said = f"{' and '.join(far)} {are} unknown ({dataset.vocabulary.unknown}), but {train:.1%} of train"
    cure = advice(options, len(dataset.vocabulary))
    return f"{shares_said}, so the metrics say little about the text itself: {cure}{compare}"


def advice(options: Mapping[str, Any], num_symbols: int) -> str:
    """What lowers the share of unknown, by the options that were chosen and the size of the vocabulary."""
    if (size := options.get("corpus_size")) is not None:
        return f"raise data.corpus_size (now {size}) or give null"
    if (size := options.get("vocabulary_size")) is not None and num_symbols >= size:
        return f"raise data.vocabulary_size (now {size}) or give null"
    if (count := options.get("min_count") or 1) > 1:
        return f"lower data.min_count (now {count})"
    return "train on more text, or on a text more like it"
