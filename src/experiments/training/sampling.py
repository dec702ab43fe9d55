"""Text from a language model: each symbol is drawn from the model's distribution after the symbols before it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..checkpoints.stored_dataset import StoredDataset
from ..config.errors import ConfigError
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from .device import Device


class SamplingOptions(NamedTuple):
    """How symbols are drawn: logits divided by the temperature, then without the least probable symbols."""

    temperature: float  # 0 is greedy: always the most probable symbol
    top_k: int | None = None  # the k most probable
    top_p: float | None = None  # the smallest set that holds this probability


@torch.no_grad()
def generate(
    model: Model, device: Device, ids: np.ndarray, length: int, options: SamplingOptions, generator: torch.Generator
) -> Iterator[int]:
    """ids (n,) of the prompt -> `length` further ids, one at a time."""
    state, inputs = model.initial_state(1), device.tensor(ids).long()[:, None]
    for _ in range(length):
        log_probs, state = model.predict(inputs, state)
        symbol = draw(log_probs[-1, 0].double().cpu(), options, generator)
        yield symbol
        inputs = torch.full((1, 1), symbol, device=device.torch_device)


def draw(log_probs: torch.Tensor, options: SamplingOptions, generator: torch.Generator) -> int:
    """Log-probabilities (K,) -> one id."""
    if options.temperature == 0:
        return int(log_probs.argmax())
    logits = (log_probs - log_probs.max()) / options.temperature
    order = logits.argsort(descending=True, stable=True)
    probabilities = logits[order].softmax(dim=0)
    kept = torch.ones_like(probabilities, dtype=torch.bool)
    if options.top_k is not None:
        kept[options.top_k :] = False
    if options.top_p is not None:  # a symbol is kept while those before it have less than top_p
        kept &= probabilities.cumsum(dim=0) - probabilities < options.top_p
    drawn = torch.multinomial(probabilities * kept, 1, generator=generator)
    return int(order[drawn])


def first_ids(dataset: Dataset) -> np.ndarray:
    """The id (1,) of the training text's first symbol. ConfigError if this is no data with a text."""
    stored = dataset if isinstance(dataset, StoredDataset) else StoredDataset.of(dataset)
    if stored.first_id is None:
        raise ConfigError("the training data has no first symbol to begin with: give runner.prompt=TEXT")
    return np.array([stored.first_id])


def sample_texts(model: Model, device: Device, dataset: Dataset, length: int = 200) -> str:
    """A greedy text and one at temperature 1, each after the training text's first symbol, with headings."""
    vocabulary = dataset.vocabulary
    ids = first_ids(dataset)
    texts = []
    for temperature in (0.0, 1.0):
        generator = torch.Generator().manual_seed(0)
        symbols = generate(model, device, ids, length, SamplingOptions(temperature), generator)
        texts.append(f"temperature {temperature:g}\n{''.join(vocabulary.decode_stream([*ids, *symbols]))}\n")
    return "\n".join(texts)
