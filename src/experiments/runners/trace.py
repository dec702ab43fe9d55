"""The runner that prints a forward and a backward pass step by step."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..config.checks import at_least
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model, State
from ..interfaces.vocabulary import shown
from ..recording import open_run
from ..scoring.whole_text import read_text
from ..training.text_statistics import recorded
from ..understanding.numpy_layers import in_numpy
from ..understanding.passages import counted, live
from ..understanding.step_trace import learned_gradients, trace_steps
from ..understanding.tables import as_csv
from ..understanding.trace_text import (
    FORMULAS,
    Form,
    Step,
    gap_between,
    sum_lines,
    trace_parts,
    trace_rows,
    weight_lines,
)
from .requirements import windows_of

MOST = 20_000_000  # numbers of the gradients of all steps together, beyond which nothing is computed


class Trace:
    """Print every number of a forward and a backward pass, step by step, and the gradient that each step adds.

    Without `checkpoint=` the network is the one that training would begin with.
    """

    def __init__(
        self,
        *,
        text: str | None,
        split: Literal["train", "valid", "test"],
        window: int,
        steps: int,
        digits: int,
        values: bool,
        shown: int,
        weights: bool,
    ):
        at_least(0, window=window, digits=digits)
        at_least(1, steps=steps, shown=shown)
        self.text, self.split, self.window, self.steps = text, split, window, steps
        self.form, self.weights = Form(digits, shown, values), weights

    def run(self, experiment: Experiment) -> None:
        weights = experiment.initial_weights
        dataset = experiment.trained_dataset() if self.text is not None and weights else experiment.build_dataset()
        model = experiment.build_model(dataset).eval()
        self._check_model(model, experiment.choices["model"])
        network = in_numpy(model, experiment.model, dataset, experiment.choices["model"])
        window, state = self._window(experiment, dataset, model)
        inputs, targets = (tensor.cpu() for tensor in experiment.device.tensors(window))
        found = trace_steps(network, inputs, targets, state)
        loss, learned = learned_gradients(model, experiment.device, inputs, targets, state)
        steps = step_texts(window, dataset)
        parts = [
            *self._head(experiment, network.cell, window.count),
            *(["", "weights", *weight_lines(arrays(model), self.form)] if self.weights else []),
            "",
            *trace_parts(found, steps, self.form),
            *sum_lines(found.gradients, loss, learned, self.form),
        ]
        text = "\n".join(parts) + "\n"
        metrics = {"trace/loss": loss, "trace/difference": gap_between(found.gradients, learned)}
        print(text)
        print(self._record(experiment, dataset, metrics, text, as_csv(trace_rows(found, steps))))

    def _head(self, experiment: Experiment, cell: str, targets: int) -> list[str]:
        """What is traced, with which formulas."""
        where = "runner.text" if self.text is not None else f"{experiment.choices['data']}, {self.split}"
        weights = experiment.initial_weights
        state = "as training begins" if weights is None else f"weights of {weights.source}"
        title = f"{experiment.choices['model']}: {where}, {state}, in {experiment.device.precision}"
        return [title, *FORMULAS[cell], loss_text(experiment.settings.reduction, targets)]

    def _record(
        self, experiment: Experiment, dataset: Dataset, metrics: dict[str, float], text: str, table: str
    ) -> Path:
        """Store a run with these artifacts; the path of the table."""
        weights = experiment.initial_weights
        fingerprint = dataset.vocabulary.fingerprint if self.text is not None else dataset.fingerprint
        tags = {"runner": "trace"} | ({} if weights is None else {"evaluated": weights.run_id})
        with open_run(experiment, fingerprint, None, recorded(dataset), **tags) as (run, _):
            run.log_metrics(metrics, 0 if weights is None else weights.content["best"]["targets"])
            run.log_text("trace.txt", text)
            run.log_text("trace.csv", table)
        return run.folder / "trace.csv"

    def _check_model(self, model: Model, name: str) -> None:
        """ConfigError for a model that reads whole sequences, or one too large."""
        if model.needs_whole_sequences:
            raise ConfigError(
                f"{name} is bidirectional, so that it has no single order of steps: trace another network"
            )
        size = self.steps * sum(weight.numel() for weight in model.parameters())
        if size > MOST:
            raise ConfigError(
                f"{self.steps} steps of this network have {size:,} numbers in their gradients, more than {MOST:,}: "
                "give fewer runner.steps or a smaller model.hidden_size"
            )

    def _window(self, experiment: Experiment, dataset: Dataset, model: Model) -> tuple[Window, State]:
        """One column without padding, and the state that enters it."""
        if self.text is not None:
            windows = self._text_windows(experiment, dataset)
        else:
            windows = windows_of(dataset, self.split, 1, self.steps)
        state: State = ()
        for k in range(len(windows)):
            window = windows[k]
            state = model.initial_state(1) if window.starts else state
            is_live = live(window.inputs)[:, 0]
            window = window._replace(inputs=window.inputs[is_live], targets=window.targets[is_live])
            if k >= self.window and window.count:
                return window, tuple(part.cpu() for part in state)
            with torch.no_grad(), experiment.device.autocast():
                state = model(*experiment.device.tensors(window), state)[1]
        raise ConfigError(f"runner.window={self.window} is not there: there are {len(windows):,} of {self.steps} steps")

    def _text_windows(self, experiment: Experiment, dataset: Dataset) -> Sequence[Window]:
        if dataset.labelled:
            raise ConfigError(
                "runner.text has no label to learn from: leave it out, and a sequence of the split is read"
            )
        ids = read_text(dataset, self.text, None, experiment.data.options)
        if len(ids) < 2:
            raise ConfigError("runner.text needs two symbols at least: one is read, and the next predicted")
        cuts = range(0, len(ids) - 1, self.steps)
        pairs = ((ids[k : k + self.steps + 1][:-1, None], ids[k + 1 : k + self.steps + 1, None]) for k in cuts)
        return [Window(inputs, targets, k == 0, len(targets)) for k, (inputs, targets) in enumerate(pairs)]


def loss_text(reduction: str, targets: int) -> str:
    """How the loss that is differentiated follows from those of the steps, here and in training."""
    divisor = f"their number, here {targets}" if reduction == "mean" else "the columns, here 1"
    meaning = "d_z is the gradient of the loss with respect to z"
    return f"{meaning}; the loss is the sum over all targets (training divides by {divisor})"


def arrays(model: Model) -> dict[str, np.ndarray]:
    return {name: W.detach().cpu().numpy() for name, W in model.named_parameters()}


def step_texts(window: Window, dataset: Dataset) -> list[Step]:
    """What each step reads and predicts, as people read it."""
    reads = [*named(window.inputs[:, 0], dataset.vocabulary.symbols)]
    names = dataset.labels or dataset.vocabulary.symbols
    is_counted = counted(window.targets)[:, 0]
    targets = named(window.targets[:, 0], names)
    return [Step(read, target if is_there else None) for read, target, is_there in zip(reads, targets, is_counted)]


def named(values: np.ndarray, names: Sequence[str]) -> Iterator[str]:
    """ids (T,) as their names in quotes, numbers (T,) and vectors (T, V) as numbers."""
    for value in values:
        if values.ndim == 1 and values.dtype.kind == "i" and 0 <= value < len(names):
            yield repr(shown(names[value], names[value]))
        else:
            yield "a vector" if values.ndim > 1 else f"{value:g}"
