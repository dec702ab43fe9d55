"""The runner that scores a text of the user's own with a checkpoint."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ..config.atomic import atomic_write
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..interfaces.vocabulary import Vocabulary
from ..scoring.classes import TextLimit, classify_lines
from ..scoring.forms import class_parts, likelihood_parts
from ..scoring.likelihood import score_lines
from ..scoring.lines import end_of_line, ids_of, read_lines, symbols_of
from .requirements import required_weights


class Score:
    """Print the probability of every token of a text, or of every class of each of its lines."""

    def __init__(
        self,
        *,
        text: str | None,
        file: str | None,
        carry: bool,
        context: str | None,
        show: Literal["tokens", "lines", "ranking"],
        to: Literal["screen", "csv", "jsonl", "html"],
        output: str | None,
    ):
        if text is not None and file is not None:
            raise ValueError("give text or file, not both")
        if carry and show == "ranking":
            raise ValueError("show=ranking compares lines that each begin afresh: give carry=false")
        self.text, self.file, self.carry, self.context = text, file, carry, context
        self.show, self.to, self.output = show, to, output

    def run(self, experiment: Experiment) -> None:
        weights = required_weights(experiment)
        dataset = experiment.trained_dataset()
        if dataset.real_inputs or dataset.labelled_steps:
            kind = "inputs that are vectors" if dataset.real_inputs else "a label at every step"
            raise ConfigError(f"runner=score reads a text, but this data has {kind}: use runner=evaluate")
        model = experiment.build_model(dataset).eval()
        title = f"{experiment.choices['model']} of {weights.source}"
        lines = read_lines(self.text, self.file, experiment.data.options)
        output = "score.html" if self.to == "html" and self.output is None else self.output
        emit(self._parts(experiment, dataset, model, lines, title), output)

    def _parts(
        self, experiment: Experiment, dataset: Dataset, model: Model, lines: Iterator[str], title: str
    ) -> Iterator[str]:
        """The scored lines in the form that was asked for. ConfigError if the data is of another kind."""
        vocabulary, device = dataset.vocabulary, experiment.device
        if dataset.labelled:
            if self.show == "ranking":
                raise ConfigError("runner.show=ranking is for language models, and this one has labels")
            data = experiment.data.options
            limit = TextLimit.of(data)
            return class_parts(classify_lines(model, device, vocabulary, lines, limit), dataset.labels, self.to, title)
        symbols = symbols_of(vocabulary, lines, carry=self.carry)
        scored = score_lines(model, device, vocabulary, symbols, self._context(vocabulary), carry=self.carry)
        return likelihood_parts(scored, self.show, self.to, title, vocabulary.unknown)

    def _context(self, vocabulary: Vocabulary) -> np.ndarray:
        """The ids (n,) that are read first. ConfigError if the vocabulary lacks them."""
        if self.context is None:
            return np.empty(0, np.int32) if self.carry else end_of_line(vocabulary)
        return ids_of(vocabulary, vocabulary.split(self.context), "runner.context", strict=True)


def emit(parts: Iterable[str], output: str | None) -> None:
    """Print the parts as they come, or write them into a file, atomically, and print its path."""
    if output is None:
        for part in parts:
            sys.stdout.write(part)
            sys.stdout.flush()
        return
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
    print(path)
