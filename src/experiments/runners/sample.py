"""The runner that samples text from a checkpoint."""

import itertools
import sys
from collections.abc import Iterator

import numpy as np
import torch

from ..config.checks import at_least, fractions
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..scoring.lines import ids_of
from ..training.device import Device
from ..training.sampling import SamplingOptions, first_ids, generate
from .requirements import required_weights


class Sample:
    """Print a prompt and the text that the model generates after it."""

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
        fractions(top_p=top_p)
        self.prompt, self.length, self.samples = prompt, length, samples
        self.options = SamplingOptions(temperature, top_k, top_p)

    def run(self, experiment: Experiment) -> None:
        required_weights(experiment)
        dataset = experiment.trained_dataset()
        model = experiment.build_model(dataset).eval()
        for pieces in self.texts(model, experiment.device, dataset, experiment.settings.seed):
            for piece in pieces:
                sys.stdout.write(piece)
                sys.stdout.flush()  # each symbol appears as soon as it is drawn
            print()

    def texts(self, model: Model, device: Device, dataset: Dataset, seed: int) -> Iterator[Iterator[str]]:
        """The texts, each with its prompt and in pieces. ConfigError if the network continues no text."""
        check_continues_text(dataset)
        vocabulary, ids = dataset.vocabulary, self._prompt_ids(dataset)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.samples):
            drawn = generate(model, device, ids, self.length, self.options, generator)
            yield vocabulary.decode_stream(itertools.chain(ids, drawn))

    def _prompt_ids(self, dataset: Dataset) -> np.ndarray:
        """The ids (n,) of the prompt. Raises ConfigError if it is empty or not in the vocabulary."""
        if self.prompt is None:
            return first_ids(dataset)
        ids = ids_of(dataset.vocabulary, dataset.vocabulary.split(self.prompt), "runner.prompt", strict=True)
        if not len(ids):
            raise ConfigError("runner.prompt is empty: give at least one symbol, or null for the text's first")
        return ids


def check_continues_text(dataset: Dataset) -> None:
    """ConfigError if what was learned is not how a text goes on."""
    if dataset.real_inputs:
        raise ConfigError(
            "runner=sample continues a text, but the inputs of this data are vectors: use runner=evaluate"
        )
    if dataset.labelled:
        names = ", ".join(dataset.labels)
        raise ConfigError(f"runner=sample continues a text, but this data has labels ({names}): use runner=evaluate")
