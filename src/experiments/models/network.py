"""What the NumPy and the torch network share: weights, initialisation, initial state, dropout masks.

Because both hold the same weights under the same names, drawn in the same order, the same seed gives both the same
network, and a checkpoint of one is a checkpoint of the other.
"""

import functools
from typing import Literal

import torch
from torch import Tensor, nn

from ..config.checks import at_least, probabilities
from ..interfaces.model import Model, State, SummaryRow
from .initialization import initialize
from .numpy.cells import CELLS
from .torch.pooling import initial_pools
from .weights import EmbeddingWeights, OutputWeights, ProjectionWeights, RecurrentWeights, num_parameters

LARGE = 1 << 18  # numbers in an embedding, from which on a row-sparse gradient saves time


class RecurrentNetwork(Model):
    """Embedding or one-hot input, L recurrent layers of H units in D directions, an affine layer and a loss.

    num_inputs V and num_outputs K come from the data, everything else from the config. `embedding_size` None means
    one-hot input. `tied` takes the embedding as the output's weights too (Press and Wolf, 2017), behind a projection
    H -> E where these differ. A `logistic` output is one logit for two classes.

    `pooling` is what the output reads: the last step, or the mean and the maximum over all steps. A bidirectional
    network's last step is that of each direction. Both make it a network for labels only (`labels_only`).

    The dropouts are probabilities: of whole symbols, of channels of the embedding (the same in all steps of a window),
    of single numbers of it, between layers, of what the output reads.
    Raises ValueError for an impossible size, probability or combination.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        cell: Literal["tanh", "relu", "lstm", "gru"],
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        pooling: Literal["last", "mean", "max", "mean_max"],
        embedding_size: int | None,
        tied: bool,
        bias: Literal["single", "double"],
        dropout: float,
        word_dropout: float,
        channel_dropout: float,
        input_dropout: float,
        output_dropout: float,
        output: Literal["softmax", "logistic"],
        loss: Literal["cross_entropy", "squared_error"],
        initialization: Literal["torch", "uniform", "textbook", "keras"],
        uniform_range: float | None,
        forget_bias: float,
    ):
        super().__init__()
        at_least(1, hidden_size=hidden_size, num_layers=num_layers, embedding_size=embedding_size)
        of_input = {"word_dropout": word_dropout, "channel_dropout": channel_dropout, "input_dropout": input_dropout}
        probabilities(**of_input, dropout=dropout, output_dropout=output_dropout)
        _check_dropouts(of_input, dropout, embedding_size, num_layers)
        _check_output(output, loss, num_outputs)
        self.needs_whole_sequences, self.labels_only = bidirectional, bidirectional or pooling != "last"
        if tied:
            _check_tied(num_inputs, num_outputs, embedding_size, output, self.labels_only)
        self.cell, self.hidden_size, self.num_layers, self.loss = cell, hidden_size, num_layers, loss
        self.num_inputs, self.num_outputs, self.tied = num_inputs, num_outputs, tied
        self.bidirectional, self.pooling, self.logistic = bidirectional, pooling, output == "logistic"
        self.width = hidden_size * (1 + bidirectional)  # D*H
        self.sizes = [embedding_size or num_inputs, *[self.width] * (num_layers - 1)]  # of what each layer reads
        self.num_features = self.width * (1 + (pooling == "mean_max"))  # F, what the output reads
        self._make_weights(embedding_size, bias)
        self._dropouts = [(word_dropout, channel_dropout, input_dropout), *[(0.0, 0.0, dropout)] * (num_layers - 1)]
        self._output_dropout = output_dropout
        self._drops = any(map(any, self._dropouts)) or output_dropout > 0
        initialize(self, initialization, uniform_range, forget_bias)

    def _make_weights(self, embedding_size: int | None, bias: str) -> None:
        """The modules that hold the weights, in the order in which these are initialised."""
        gates, H, tied = CELLS[self.cell].gates, self.hidden_size, self.tied
        self.embedding = None if embedding_size is None else EmbeddingWeights(self.num_inputs, embedding_size)
        self.layers = nn.ModuleList(RecurrentWeights(gates, size, H, bias) for size in self.sizes)
        reverse = self.sizes if self.bidirectional else []
        self.reverse_layers = nn.ModuleList(RecurrentWeights(gates, size, H, bias) for size in reverse)
        projected = embedding_size is not None and tied and embedding_size != H
        self.projection = ProjectionWeights(H, self.sizes[0]) if projected else None
        self.output = OutputWeights(self.num_features, 1 if self.logistic else self.num_outputs, tied)

    @property
    def has_sparse_gradient(self) -> bool:
        """Whether the embedding's gradient is row-sparse: if it is large and not also the output's weight."""
        allowed = self.sparse_gradients and not self.tied
        return allowed and self.embedding is not None and self.embedding.W.numel() >= LARGE

    def initial_state(self, batch_size: int) -> State:
        """Zeros (L*D, B, H): the hidden output, and for an LSTM its memory cell; then what pooling carries."""
        rows = self.num_layers * (1 + self.bidirectional)
        zeros = self.output.b.new_zeros(rows, batch_size, self.hidden_size)
        state = tuple(zeros.clone() for _ in range(CELLS[self.cell].states))
        if self.pooling == "last":
            return state
        return state + initial_pools(self.pooling, self.output.b.new_zeros(1, batch_size, self.width))

    def dropout_masks(self, inputs: Tensor) -> list[Tensor | None]:
        """Masks (T or 1, B, size or 1), scaled to keep the mean: for the input of each layer, then of the output.

        Both networks draw them here, so that the same seed drops the same units in both.
        """
        if not (self.training and self._drops):
            return [None] * (len(self.sizes) + 1)
        T, B = inputs.shape
        masks = []
        for size, (word, channel, single) in zip(self.sizes, self._dropouts):
            drawn = self._mask((T, B, 1), word), self._mask((1, B, size), channel), self._mask((T, B, size), single)
            parts = [part for part in drawn if part is not None]
            masks.append(functools.reduce(torch.mul, parts) if parts else None)
        return [*masks, self._mask((1 if self.labels_only else T, B, self.num_features), self._output_dropout)]

    def _mask(self, shape: tuple[int, ...], p: float) -> Tensor | None:
        if not p:
            return None
        return self.output.b.new_empty(shape).bernoulli_(1.0 - p).div_(1.0 - p)

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per layer: name, output shape (T, B, size), number of parameters; a layer's directions together."""
        rows: list[tuple[str, int | str, int, list[nn.Module | None]]] = []
        rows.append(("one-hot" if self.embedding is None else "embedding", steps, self.sizes[0], [self.embedding]))
        for depth, layer in enumerate(self.layers):
            rows.append((f"layers.{depth}", steps, self.width, [layer, *self.reverse_layers[depth : depth + 1]]))
        steps = 1 if self.labels_only else steps
        if self.labels_only:
            rows.append((f"pooling {self.pooling}", steps, self.num_features, []))
        if self.projection is not None:
            rows.append(("projection", steps, self.sizes[0], [self.projection]))
        rows.append(("output", steps, len(self.output.b), [self.output]))
        return [(name, (T, batch_size, size), sum(map(num_parameters, parts))) for name, T, size, parts in rows]


def _check_dropouts(of_input: dict[str, float], dropout: float, embedding_size: int | None, num_layers: int) -> None:
    for name, p in of_input.items():
        if p and embedding_size is None:
            raise ValueError(f"{name}={p} needs an embedding, but embedding_size is null")
    if dropout and num_layers == 1:
        raise ValueError(f"dropout={dropout} acts between layers, but num_layers is 1: use output_dropout")


def _check_output(output: str, loss: str, num_outputs: int) -> None:
    if output == "logistic" and num_outputs != 2:
        raise ValueError(f"output=logistic tells two classes apart, but the data has {num_outputs}: use softmax")
    if output == "logistic" and loss == "squared_error":
        raise ValueError("output=logistic has a likelihood: give loss=cross_entropy, got squared_error")


def _check_tied(num_inputs: int, num_outputs: int, embedding_size: int | None, output: str, labels_only: bool) -> None:
    why = None
    if embedding_size is None:
        why = "embedding_size is null"
    elif num_inputs != num_outputs:
        why = f"V={num_inputs} and K={num_outputs} differ"
    elif output == "logistic" or labels_only:
        why = "this network is one for labels"
    if why:
        raise ValueError(f"tied=true needs an embedding of the symbols that are predicted, but {why}")
