"""Text from a language model: each symbol drawn from what the model expects after those before it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..interfaces.data import Dataset
from ..interfaces.model import Model
from .device import Device


class Cut(NamedTuple):
    """Which of the model's probabilities are drawn from: divided by the temperature, then without their tail."""

    temperature: float  # 0 is greedy: always the most probable symbol
    top_k: int | None = None  # the k most probable
    top_p: float | None = None  # the smallest set that holds this probability


@torch.no_grad()
def continuation(
    model: Model, device: Device, ids: np.ndarray, length: int, cut: Cut, generator: torch.Generator
) -> Iterator[int]:
    """ids (n,) of the prompt -> `length` ids, one by one."""
    state, inputs = model.initial_state(1), device.tensor(ids).long()[:, None]
    for _ in range(length):
        log_probs, state = model.predict(inputs, state)
        symbol = choose(log_probs[-1, 0].double().cpu(), cut, generator)
        yield symbol
        inputs = torch.full((1, 1), symbol, device=device.torch_device)


def choose(log_probs: torch.Tensor, cut: Cut, generator: torch.Generator) -> int:
    """Log-probabilities (K,) -> one id."""
    if cut.temperature == 0:
        return int(log_probs.argmax())
    logits = (log_probs - log_probs.max()) / cut.temperature
    order = logits.argsort(descending=True, stable=True)
    probabilities = logits[order].softmax(dim=0)
    kept = torch.ones_like(probabilities, dtype=torch.bool)
    if cut.top_k is not None:
        kept[cut.top_k :] = False
    if cut.top_p is not None:  # the smallest set that holds top_p: what is before a symbol is still below it
        kept &= probabilities.cumsum(dim=0) - probabilities < cut.top_p
    drawn = torch.multinomial(probabilities * kept, 1, generator=generator)
    return int(order[drawn])


def first_symbol(dataset: Dataset) -> str:
    """What the training text begins with."""
    return dataset.vocabulary.decode(dataset.windows("train", 1, 1)[0].inputs[:, 0])


def specimen(model: Model, device: Device, dataset: Dataset, length: int = 200) -> str:
    """A greedy and a drawn text, each after the training text's first symbol, with their headings."""
    vocabulary = dataset.vocabulary
    ids = vocabulary.encode(vocabulary.split(first_symbol(dataset)))
    texts = []
    for temperature in (0.0, 1.0):
        symbols = continuation(model, device, ids, length, Cut(temperature), torch.Generator().manual_seed(0))
        texts.append(f"temperature {temperature:g}\n{vocabulary.decode([*ids, *symbols])}\n")
    return "\n".join(texts)
