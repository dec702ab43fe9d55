"""A trained network with its vocabulary."""

import numpy as np
import pandas as pd

from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import IGNORE, Dataset, Window
from ..interfaces.model import Model
from ..runners.sample import Sample
from ..scoring.classes import TextLimit, classify_lines
from ..scoring.likelihood import score_lines
from ..scoring.lines import end_of_line, read_lines, symbols_of
from ..scoring.tokens import token_rows
from ..scoring.whole_text import read_text
from ..training.process_setup import set_up_process
from ..understanding.numpy_layers import in_numpy, warn_if_different
from ..understanding.state_study import record
from .composing import Options, errors_as_sentences, experiment_of, words


def load(which: str = "latest", options: Options = "") -> "Trained":
    """The network of a checkpoint: a run id, `latest`, a run's folder or a file, as `checkpoint=` takes it.

    `options` are typed besides (`tracker.uri=...`). No data is read. ConfigError if there is no such checkpoint.
    """
    with errors_as_sentences():
        experiment = experiment_of([f"checkpoint={which}", *words(options)])
        set_up_process(experiment.settings, experiment.model.target)
        dataset = experiment.trained_dataset()
        return Trained(experiment, dataset, experiment.build_model(dataset).eval())


class Trained:
    """A network in NumPy or torch with its best weights, and the vocabulary through which it reads a text."""

    def __init__(self, experiment: Experiment, dataset: Dataset, model: Model):
        self.experiment, self.dataset, self.model = experiment, dataset, model
        self.vocabulary = dataset.vocabulary

    def __repr__(self) -> str:
        weights = self.experiment.initial_weights
        return f"<{self.experiment.choices['model']} of {weights.source if weights else 'no checkpoint'}>"

    def score(self, text: str) -> pd.DataFrame:
        """Every token of a text with its probability: the rows of `runner=score runner.to=csv`.

        Each line begins afresh. Of a network for labels a row for each line, with the probability of each label.
        ConfigError if the vocabulary lacks a symbol of the text.
        """
        with errors_as_sentences():
            self._check_reads_text()
            lines, options = self._lines(text), self.experiment.data.options
            place = self.experiment.device
            if self.dataset.labelled:
                limit = TextLimit.of(options)
                found = classify_lines(self.model, place, self.vocabulary, lines, limit)
                labels = self.dataset.labels
                return pd.DataFrame({"text": each.text, **dict(zip(labels, each.probabilities))} for each in found)
            symbols = symbols_of(self.vocabulary, lines, carry=False)
            context = end_of_line(self.vocabulary)
            scored = score_lines(self.model, place, self.vocabulary, symbols, context, carry=False)
            return pd.DataFrame([row for line in scored for row in token_rows(line)])

    def sample(
        self,
        prompt: str | None = None,
        length: int = 200,
        temperature: float = 1.0,
        seed: int = 0,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> str:
        """A prompt (None: the training text's first symbol) and `length` symbols after it, as of `runner=sample`.

        The same seed gives the same text as `seed=` there. `temperature` 0 is greedy; `top_k` and `top_p` leave out the
        least probable symbols. ConfigError if the network continues no text, or its vocabulary lacks the prompt.
        """
        with errors_as_sentences():
            runner = Sample(prompt=prompt, length=length, temperature=temperature, top_k=top_k, top_p=top_p, samples=1)
            texts = runner.texts(self.model, self.experiment.device, self.dataset, seed)
            return "".join(next(texts))

    def hidden_states(self, text: str) -> dict[str, dict[str, np.ndarray]]:
        """What each layer holds after each of a text's N symbols: {"layer 1": {"h": (N, H), ...}, ...}.

        Beside the outputs `h` an LSTM has its cells `c` and gates `i`, `f`, `g`, `o`, a GRU `r`, `z` and `n`. A
        bidirectional layer has two entries. ConfigError for a network without recurrent layers.
        """
        with errors_as_sentences():
            experiment, options = self.experiment, self.experiment.data.options
            ids = read_text(self.dataset, text, None, options)
            network = in_numpy(self.model, experiment.model, self.dataset, experiment.choices["model"])
            window = Window(ids[:, None], np.full((len(ids), 1), IGNORE), True, 0)
            recording = record(self.model, network, experiment.device, [window], lambda: None)
        warn_if_different(recording.difference, experiment.device.precision)
        return {layer.name: dict(layer.values) for layer in recording.layers}

    def _lines(self, text: str) -> list[str]:
        return list(read_lines(text, None, self.experiment.data.options))

    def _check_reads_text(self) -> None:
        if self.dataset.real_inputs or self.dataset.labelled_steps:
            raise ConfigError("score reads a text, but this data has vectors or a label at every step")
