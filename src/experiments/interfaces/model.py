"""What every model is: a base class with two kinds, one trained by gradients and one that counts."""

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..config.errors import ConfigError
from .data import IGNORE, Window
from .share import Share

State = tuple[Tensor, ...]  # opaque to the training loop, which saves it; dimension 1 is the batch
SummaryRow = tuple[str, tuple[int | str, ...], int]  # name, output shape, number of parameters


class Score(NamedTuple):
    """What a window's targets cost: sums over the targets that count, never means."""

    loss: Tensor | float  # the objective, 0-d; differentiable if it comes from `score`
    nats: Tensor | float | None  # negative log-likelihood: the loss itself or another number; None if there is none
    correct: Tensor | int | None  # targets that were the most probable symbol; None where targets are numbers
    target_nats: Tensor | None = None  # nats of every target (T, B), 0 where IGNORE; None if not kept, as in training
    predictions: int | None = None  # number that the sums are over, where these are not the window's targets
    penalty: Tensor | None = None  # 0-d, that `learn` adds to the loss, which is reported without it


class Model(torch.nn.Module):
    """A network over sequences, time-major: inputs and targets are (T, B) int64, or as `interfaces.data.Window` says.

    A subclass implements `initial_state`, `predict` and `score`. Inputs of PADDING leave the state unchanged, targets
    of IGNORE are not predicted. The class attributes are defaults that a subclass overrides. Its constructor is given
    what it names of `num_inputs`, `num_outputs`, `sentence_end`, `symbol_counts`, `real_inputs`, `real_targets` and
    `labelled_steps`, which are the dataset's.
    """

    devices: tuple[str, ...] = ("cpu",)  # where it can run: "cpu", "cuda", "mps"
    precisions: tuple[str, ...] = ("float32", "float64")  # of "float32", "float64", "bfloat16"
    computes_without_torch = False  # then torch is given a single thread, so that its pool does not compete
    real_inputs = False  # it reads vectors (T, B, V)
    real_targets = False  # it predicts numbers: `predict` gives them, (T, B, 1), not log-probabilities
    labels_only = False  # its output belongs to the whole sequence read so far, and is the same at every step
    reads_both_sides = False  # it scores a symbol by those before and after it: no `predict`, no probability of a text
    needs_whole_sequences = False  # its state cannot be carried from window to window
    penalizes_steps = False  # its training adds what every step costs to the loss of the targets: for text alone
    needs_symbol_counts = False  # `count_symbols` is called with those of the training split once it is built
    takes_class_weights = True  # `learn` or `fit` uses them
    class_weights: Tensor | None = None  # (K,) the training loop sets what a target of each class counts in learning
    divides_columns = (
        False  # processes may read some columns each: what is drawn at random for a window is drawn for all
    )
    share: Share | None = None  # the training loop sets which columns of a window `learn` is given; None: all
    sparse_gradients = False  # the training loop sets this to whether the optimizer accepts row-sparse gradients
    solved_options: Mapping[str, Any] = MappingProxyType({})  # that it chose itself, as a hidden size for a budget

    @property
    def input_vectors(self) -> Tensor | None:
        """What the network reads for each symbol (V, E): its embedding, shared memory; None if it has no such thing."""
        return None

    def hidden_outputs(self, inputs: Tensor, state: State) -> Tensor | None:  # noqa: ARG002
        """inputs (T, B) without padding -> what the output layer reads at each step (T, B, F); None if there is none.

        Not differentiable.
        """
        return None

    def count_symbols(self, counts: Tensor) -> None:
        """Take over how often each symbol occurs in the training split (V,), if the model `needs_symbol_counts`."""

    def initial_state(self, batch_size: int) -> State:
        """The state before the first symbol."""
        raise NotImplementedError

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K) of what follows each input, state after."""
        raise NotImplementedError

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        raise NotImplementedError

    @torch.no_grad()
    def target_nats(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs and targets (T, B) -> negative log-likelihood of every target (T, B), 0 where IGNORE; state after.

        Those of `score` if it returns them, so that they add up to its `nats`, else those of `predict`. Not
        differentiable.
        """
        score, after = self.score(inputs, targets, state)
        if score.target_nats is not None:
            return score.target_nats, after
        log_probs, after = self.predict(inputs, state)
        return nats_of(log_probs, targets), after

    def forward(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, so that calling the module scores."""
        return self.score(inputs, targets, state)

    def learn(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, and add the gradients of the loss to those of the parameters; the state after has no graph.

        Detaching the state truncates backpropagation through time: no gradient reaches an earlier window. With
        `class_weights` the loss is that of `weighted_score`.
        """
        score_of = self if self.class_weights is None else self.weighted_score
        score, after = score_of(inputs, targets, state)
        assert isinstance(score.loss, Tensor)
        with torch.autocast(inputs.device.type, enabled=False):  # autocast is for forward passes only
            (score.loss if score.penalty is None else score.loss + score.penalty).backward()
        return score, tuple(part.detach() for part in after)

    def weighted_score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score` with the loss sum_i w[y_i] * nats_i over the targets y_i, by `predict`; the nats have no weights."""
        assert self.class_weights is not None
        log_probs, after = self.predict(inputs, state)
        classes = targets.clamp(min=0)
        nats = -log_probs.gather(2, classes.unsqueeze(2)).squeeze(2).masked_fill(targets == IGNORE, 0.0)
        loss = (nats * self.class_weights.to(nats)[classes]).sum()
        return Score(loss, nats.detach().sum(), (log_probs.detach().argmax(dim=2) == targets).sum()), after

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """The rows of a table of layers for windows of (steps, batch_size): one row for each direct child."""
        sizes = ((name, sum(p.numel() for p in child.parameters())) for name, child in self.named_children())
        return [(name, (steps, batch_size, "?"), size) for name, size in sizes]


class CountedModel(Model):
    """A model without parameters or gradients: it learns by reading the training split once."""

    takes_class_weights = False

    def fit(self, windows: Iterable[Window]) -> None:
        """Learn from the training split in order, read as one column of text or as sequences with their labels."""
        raise NotImplementedError


def nats_of(log_probs: Tensor, targets: Tensor) -> Tensor:
    """Log-probabilities (..., K), targets (...) -> negative log-likelihood of every target (...), 0 where IGNORE."""
    nats = -log_probs.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return nats.masked_fill(targets == IGNORE, 0.0)


def check_model(target: object, name: str) -> None:
    """ConfigError unless the `target` that model._target_ names is a subclass of `Model`."""
    if not (inspect.isclass(target) and issubclass(target, Model)):
        raise ConfigError(
            f"model._target_={name} is no subclass of experiments.interfaces.Model: "
            f"write class {name.rpartition('.')[2]}(Model)"
        )
