"""Text from a language model: each symbol drawn from what the model expects after those before it."""

import sys
from typing import TYPE_CHECKING

import torch

from ..config.checks import at_least
from ..config.errors import ConfigError
from ..training.sampling import Cut, continuation, first_symbol

if TYPE_CHECKING:
    from ..experiment import Experiment


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
        at_least(1, length=length, top_k=top_k, samples=samples)
        at_least(0, temperature=temperature)
        if top_p is not None and not 0.0 < top_p <= 1.0:
            raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
        self.prompt, self.length, self.samples = prompt, length, samples
        self.cut = Cut(temperature, top_k, top_p)

    def run(self, experiment: "Experiment") -> None:
        if experiment.initial_weights is None:
            raise ConfigError("runner=sample needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        if dataset.labelled:
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
            for symbol in continuation(model, experiment.device, ids, self.length, self.cut, generator):
                sys.stdout.write(vocabulary.separator + vocabulary.symbols[symbol])
                sys.stdout.flush()  # as it is made
            print()
