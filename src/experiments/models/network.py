"""What the NumPy and the torch network share: parameters, initialisation, initial state, dropout masks.

Because both hold the same parameters under the same names, drawn in the same order, the same seed gives both the
same network, and a checkpoint of one is a checkpoint of the other.
"""

import functools
from typing import Literal

import torch
from torch import Tensor, nn

from ..interfaces.model import Score, State
from .initialization import initialize
from .layers import Affine, Embedding, Projection, RecurrentLayer, num_parameters
from .numpy.cells import CELLS
from .torch.pooling import initial_pools

LARGE = 1 << 18  # numbers in a matrix, from which on to leave out its empty rows saves time


class RecurrentNetwork(nn.Module):
    """Embedding or one-hot input, L recurrent layers of H units in D directions, an affine layer and a loss.

    num_inputs V and num_outputs K come from the data, everything else from the config. `embedding_size` None means
    one-hot input. `tied` takes the embedding as the output's weights too (Press and Wolf, 2017), behind a projection
    H -> E where these differ. A `logistic` output is one logit for two classes.

    `pooling` says what the output sees: the last step, or the mean and the maximum over all steps. A bidirectional
    network's last step is that of each direction. Both make a network one for labels only: `labels_only` says that
    what it says after a window belongs to the whole sequence, and is the same at every step of the window.

    `sparse_gradients`, which a trainer sets, allows an embedding's gradient that holds only the rows that were read.

    The dropouts are probabilities: of whole symbols, of channels of the embedding (the same in all steps of a window),
    of single numbers of it, between layers, of what the output sees.
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
        _check_sizes(hidden_size=hidden_size, num_layers=num_layers, embedding_size=embedding_size)
        of_input = {"word_dropout": word_dropout, "channel_dropout": channel_dropout, "input_dropout": input_dropout}
        _check_probabilities(**of_input, dropout=dropout, output_dropout=output_dropout)
        for name, p in of_input.items():
            if p and embedding_size is None:
                raise ValueError(f"{name}={p} needs an embedding, but embedding_size is null")
        if dropout and num_layers == 1:
            raise ValueError(f"dropout={dropout} acts between layers, but num_layers is 1: use output_dropout")
        if output == "logistic" and num_outputs != 2:
            raise ValueError(f"output=logistic tells two classes apart, but the data has {num_outputs}: use softmax")
        if output == "logistic" and loss == "squared_error":
            raise ValueError("output=logistic has a likelihood: give loss=cross_entropy, got squared_error")
        self.needs_whole_sequences = bidirectional
        self.labels_only = bidirectional or pooling != "last"
        if tied:
            _check_tied(num_inputs, num_outputs, embedding_size, output, self.labels_only)
        self.cell, self.hidden_size, self.num_layers, self.loss = cell, hidden_size, num_layers, loss
        self.num_inputs, self.num_outputs, self.tied = num_inputs, num_outputs, tied
        self.bidirectional, self.pooling, self.logistic = bidirectional, pooling, output == "logistic"
        self.embedding = None if embedding_size is None else Embedding(num_inputs, embedding_size)
        self.sparse_gradients = False
        width = hidden_size * (1 + bidirectional)
        sizes = [num_inputs if embedding_size is None else embedding_size, *[width] * (num_layers - 1)]
        gates = CELLS[cell].gates
        self.layers = nn.ModuleList(RecurrentLayer(gates, size, hidden_size, bias) for size in sizes)
        reverse = sizes if bidirectional else []
        self.reverse_layers = nn.ModuleList(RecurrentLayer(gates, size, hidden_size, bias) for size in reverse)
        num_features = width * (1 + (pooling == "mean_max"))
        self.projection = Projection(hidden_size, embedding_size) if tied and embedding_size != hidden_size else None
        self.output = Affine(num_features, 1 if self.logistic else num_outputs, tied)
        self.sizes, self.width, self.num_features = sizes, width, num_features
        self._dropouts = [(word_dropout, channel_dropout, input_dropout), *[(0.0, 0.0, dropout)] * (num_layers - 1)]
        self._output_dropout = output_dropout
        self._drops = any(map(any, self._dropouts)) or output_dropout > 0
        initialize(self, initialization, uniform_range, forget_bias)

    @property
    def has_sparse_gradient(self) -> bool:
        """Whether the embedding's gradient holds only rows that were read: if it is large and no output's weight."""
        large = self.embedding is not None and self.embedding.W.numel() >= LARGE
        return self.sparse_gradients and large and not self.tied

    def initial_state(self, batch_size: int) -> State:
        """Zeros (L*D, B, H): the hidden output, and for an LSTM its memory cell; then what pooling carries on."""
        rows = self.num_layers * (1 + self.bidirectional)
        zeros = self.output.b.new_zeros(rows, batch_size, self.hidden_size)
        state = tuple(zeros.clone() for _ in range(CELLS[self.cell].states))
        if self.pooling == "last":
            return state
        return state + initial_pools(self.pooling, self.output.b.new_zeros(1, batch_size, self.width))

    def forward(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, so that a call of the module scores."""
        return self.score(inputs, targets, state)

    def dropout_masks(self, inputs: Tensor) -> list[Tensor | None]:
        """Masks (T or 1, B, size), scaled to keep the mean: one for the input of each layer, the last for the output's.

        Drawn here for both networks, so that the same seed drops the same units in both.
        """
        if not (self.training and self._drops):
            return [None] * (len(self.sizes) + 1)
        T, B = inputs.shape
        masks = []
        for size, (word, channel, single) in zip(self.sizes, self._dropouts):
            parts = [self._mask((T, B, 1), word), self._mask((1, B, size), channel), self._mask((T, B, size), single)]
            parts = [part for part in parts if part is not None]
            masks.append(functools.reduce(torch.mul, parts) if parts else None)
        return [*masks, self._mask((1 if self.labels_only else T, B, self.num_features), self._output_dropout)]

    def _mask(self, shape: tuple[int, ...], p: float) -> Tensor | None:
        if not p:
            return None
        return self.output.b.new_empty(shape).bernoulli_(1.0 - p).div_(1.0 - p)

    def summary(self, steps: int, batch_size: int) -> list[tuple[str, tuple[int, ...], int]]:
        """One row per layer: name, output shape (T, B, size), number of parameters; a layer's directions together."""
        rows = [("one-hot" if self.embedding is None else "embedding", steps, self.sizes[0], [self.embedding])]
        for depth, layer in enumerate(self.layers):
            rows.append((f"layers.{depth}", steps, self.width, [layer, *self.reverse_layers[depth : depth + 1]]))
        steps = 1 if self.labels_only else steps
        if self.labels_only:
            rows.append((f"pooling {self.pooling}", steps, self.num_features, []))
        if self.projection is not None:
            rows.append(("projection", steps, self.sizes[0], [self.projection]))
        rows.append(("output", steps, len(self.output.b), [self.output]))
        return [(name, (T, batch_size, size), sum(map(num_parameters, parts))) for name, T, size, parts in rows]


def _check_sizes(**sizes: int | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _check_probabilities(**probabilities: float) -> None:
    for name, p in probabilities.items():
        if not 0.0 <= p < 1.0:
            raise ValueError(f"{name} must be a probability from 0 to below 1, got {p}")


def _check_tied(num_inputs, num_outputs, embedding_size, output, labels_only) -> None:
    why = None
    if embedding_size is None:
        why = "embedding_size is null"
    elif num_inputs != num_outputs:
        why = f"V={num_inputs} and K={num_outputs} differ"
    elif output == "logistic" or labels_only:
        why = "this network is one for labels"
    if why:
        raise ValueError(f"tied=true needs an embedding of the symbols that are predicted, but {why}")
