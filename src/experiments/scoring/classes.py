"""A classifier's probability of every class of a text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..interfaces.data import IGNORE, PADDING, Window
from ..interfaces.model import Model
from ..interfaces.vocabulary import Vocabulary
from ..training.device import Device


class ClassifiedText(NamedTuple):
    """A text and the probabilities of its classes."""

    number: int  # of its line, from 1
    text: str
    words: int  # symbols of the text, before it is cut
    unknown: int  # of them those that the vocabulary lacks
    probabilities: np.ndarray  # (K,) float64


class TextLimit(NamedTuple):
    """How much of a text the network reads, as in training."""

    max_length: int | None  # symbols; None: all
    cut: str  # the end that a longer text loses: start | end

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "TextLimit":
        """As the options of the data say it."""
        return cls(options.get("max_length"), options.get("cut", "start"))


@torch.no_grad()
def classify_lines(
    model: Model, device: Device, vocabulary: Vocabulary, lines: Iterable[str], limit: TextLimit
) -> Iterator[ClassifiedText]:
    """Every line as a text of its own. What the vocabulary lacks is its symbol for unknown, or left out without one."""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\n")
        symbols = vocabulary.split(text)
        window = _window(ids_read(vocabulary, symbols, limit))
        inputs, _ = device.tensors(window)
        with device.autocast():
            log_probs, _ = model.predict(inputs, model.initial_state(1))
        probabilities = log_probs[-1, 0].double().exp().cpu().numpy()
        unknown = sum(symbol not in vocabulary for symbol in symbols)
        yield ClassifiedText(number, text, len(symbols), unknown, probabilities)


def ids_read(vocabulary: Vocabulary, symbols: Sequence[str], limit: TextLimit) -> np.ndarray:
    """The ids (n,) that are read of a text."""
    if vocabulary.unknown is None:
        symbols = [symbol for symbol in symbols if symbol in vocabulary]
    ids = vocabulary.encode(symbols)
    longest = len(ids) if limit.max_length is None else limit.max_length
    return ids[:longest] if limit.cut == "end" else ids[max(0, len(ids) - longest) :]


def _window(ids: np.ndarray) -> Window:
    """One column of all ids (n,); padding where there are none."""
    inputs = np.full(1, PADDING, np.int64) if not len(ids) else ids.astype(np.int64)
    return Window(inputs[:, None], np.full((len(inputs), 1), IGNORE), True, 0)
