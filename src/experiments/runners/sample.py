"""Text from a language model: each symbol drawn from what the model expects after those before it."""

import sys
from collections.abc import Iterator

import torch

from ..signature import ConfigError


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
        """temperature 0 is greedy: always the most probable symbol. `top_k` and `top_p` cut the tail first."""
        for name, value in (("length", length), ("top_k", top_k), ("samples", samples)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if temperature < 0:
            raise ValueError(f"temperature must be at least 0, got {temperature}")
        if top_p is not None and not 0.0 < top_p <= 1.0:
            raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
        self.prompt, self.length, self.samples = prompt, length, samples
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p

    def run(self, experiment) -> None:
        if experiment.origin is None:
            raise ConfigError("runner=sample needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        vocabulary = dataset.vocabulary
        first = vocabulary.decode(dataset.windows("train", 1, 1)[0].inputs[:, 0])
        prompt = first if self.prompt is None else self.prompt
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
            for symbol in self.continuation(model, experiment.compute, ids, generator):
                sys.stdout.write(vocabulary.separator + vocabulary.symbols[symbol])
                sys.stdout.flush()  # as it is made
            print()

    @torch.no_grad()
    def continuation(self, model, compute, ids, generator: torch.Generator) -> Iterator[int]:
        """ids (n,) of the prompt -> `length` ids, one by one."""
        state, inputs = model.initial_state(1), compute.tensor(ids).long()[:, None]
        for _ in range(self.length):
            log_probs, state = model.predict(inputs, state)
            symbol = self.choose(log_probs[-1, 0].double().cpu(), generator)
            yield symbol
            inputs = torch.full((1, 1), symbol, device=compute.device)

    def choose(self, log_probs: torch.Tensor, generator: torch.Generator) -> int:
        """Log-probabilities (K,) -> one id."""
        if self.temperature == 0:
            return int(log_probs.argmax())
        logits = log_probs / self.temperature
        order = logits.argsort(descending=True, stable=True)
        probabilities = logits[order].softmax(dim=0)
        kept = torch.ones_like(probabilities, dtype=torch.bool)
        if self.top_k is not None:
            kept[self.top_k :] = False
        if self.top_p is not None:  # the smallest set that holds top_p: what is before a symbol is still below it
            kept &= probabilities.cumsum(dim=0) - probabilities < self.top_p
        drawn = torch.multinomial(probabilities * kept, 1, generator=generator)
        return int(order[drawn])
