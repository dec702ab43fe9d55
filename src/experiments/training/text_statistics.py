"""What makes perplexities comparable: how much text there is, over how many symbols, and how much of it is unknown."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from ..interfaces.data import Dataset, SplitStatistics
from ..interfaces.task import LABELS, NUMBERS, TAG, task_of

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
    """What is read and predicted, and how much of it each split holds, as one line.

    Of a text types, tokens and share of unknown; otherwise what inputs and targets are, and the number of sequences.
    Empty if the dataset knows no sizes.
    """
    sizes = {split: " ".join(_sizes(dataset, split)) for split in dataset.splits}
    listed = ", ".join(f"{split} {size}" for split, size in sizes.items() if size)
    return f"{_read_and_predicted(dataset)}; {listed}" if listed else ""


def _read_and_predicted(dataset: Dataset) -> str:
    """What the inputs and, unless they are the same symbols, the targets are."""
    types = f"{len(dataset.vocabulary):,} types"
    read = f"vectors of {dataset.num_inputs:,} numbers" if dataset.real_inputs else types
    task = task_of(dataset)
    if task is LABELS:
        return f"{read}, {dataset.num_outputs:,} classes"
    return f"{read}, targets are numbers" if task is NUMBERS else read


def _sizes(dataset: Dataset, split: str) -> Iterator[str]:
    """How many sequences, and how many tokens with which share of unknown, a split holds, as far as it is known."""
    if (number := dataset.num_sequences(split)) is not None:
        yield f"{number:,} sequences"
    if (text := dataset.statistics.get(split)) is not None:
        share = f" ({unknown_share(text):.2%} unknown)" if dataset.vocabulary.unknown is not None else ""
        within = "of " if number is not None else ""
        yield f"{within}{text.tokens:,} tokens{share}"


def recorded(dataset: Dataset) -> dict[str, str]:
    """What a run records as parameters and tags: the task, and the sizes and statistics that the dataset knows."""
    task = {TAG: task_of(dataset).name}
    numbers = {split: dataset.num_sequences(split) for split in dataset.splits}
    task |= {f"dataset.{split}.sequences": str(n) for split, n in numbers.items() if n is not None}
    if not dataset.statistics:
        return task
    form = json.dumps(dataset.vocabulary.state_dict(), sort_keys=True)  # the symbols, and how text becomes them
    digest = hashlib.blake2b(form.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    texts = {"dataset.types": str(len(dataset.vocabulary)), "dataset.vocabulary": digest}
    for name, split in dataset.statistics.items():
        texts[f"dataset.{name}.tokens"] = str(split.tokens)
        texts[f"dataset.{name}.unknown_share"] = f"{unknown_share(split):.6g}"
    return task | texts


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
