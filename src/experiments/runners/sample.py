"""Text from a language model: each symbol drawn from what the model expects after those before it."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import torch

from ..signature import ConfigError
from .scoring import is_labelled


class Cut(NamedTuple):
    """Which of the model's probabilities are drawn from: divided by the temperature, then without their tail."""

    temperature: float  # 0 is greedy: always the most probable symbol
    top_k: int | None = None  # the k most probable
    top_p: float | None = None  # the smallest set that holds this probability


class Sample:
    """Print a prompt and what the model says after it."""

    def __init__(
        self,
        *,
        prompt: str | None,
        length: int,
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        samples: int,
    ):
        for name, value in (("length", length), ("top_k", top_k), ("samples", samples)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if temperature < 0:
            raise ValueError(f"temperature must be at least 0, got {temperature}")
        if top_p is not None and not 0.0 < top_p <= 1.0:
            raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
        self.prompt, self.length, self.samples = prompt, length, samples
        self.cut = Cut(temperature, top_k, top_p)

    def run(self, experiment) -> None:
        if experiment.origin is None:
            raise ConfigError("runner=sample needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        if is_labelled(dataset):
            names = ", ".join(dataset.labels)
            raise ConfigError(
                f"runner=sample continues a text, but this data has labels ({names}): use runner=evaluate"
            )
        vocabulary = dataset.vocabulary
        prompt = first_symbol(dataset) if self.prompt is None else self.prompt
        try:
            ids = vocabulary.encode(vocabulary.split(prompt), "runner.prompt", strict=True)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        if not len(ids):
            raise ConfigError("runner.prompt is empty: give at least one symbol, or null for the text's first")
        model = experiment.build_model(dataset).eval()
        generator = torch.Generator().manual_seed(experiment.settings.seed)
        for _ in range(self.samples):
            sys.stdout.write(vocabulary.decode(ids))
            for symbol in continuation(model, experiment.compute, ids, self.length, self.cut, generator):
                sys.stdout.write(vocabulary.separator + vocabulary.symbols[symbol])
                sys.stdout.flush()  # as it is made
            print()


@torch.no_grad()
def continuation(model, compute, ids, length: int, cut: Cut, generator: torch.Generator) -> Iterator[int]:
    """ids (n,) of the prompt -> `length` ids, one by one."""
    state, inputs = model.initial_state(1), compute.tensor(ids).long()[:, None]
    for _ in range(length):
        log_probs, state = model.predict(inputs, state)
        symbol = choose(log_probs[-1, 0].double().cpu(), cut, generator)
        yield symbol
        inputs = torch.full((1, 1), symbol, device=compute.device)


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


def first_symbol(dataset) -> str:
    """What the training text begins with."""
    return dataset.vocabulary.decode(dataset.windows("train", 1, 1)[0].inputs[:, 0])


def specimen(model, compute, dataset, length: int = 200) -> str:
    """A greedy and a drawn text, each after the training text's first symbol, with their headings."""
    vocabulary = dataset.vocabulary
    ids = vocabulary.encode(vocabulary.split(first_symbol(dataset)))
    texts = []
    for temperature in (0.0, 1.0):
        symbols = continuation(model, compute, ids, length, Cut(temperature), torch.Generator().manual_seed(0))
        texts.append(f"temperature {temperature:g}\n{vocabulary.decode([*ids, *symbols])}\n")
    return "\n".join(texts)
