"""What the NumPy and the torch network share: parameters, initialisation, initial state, dropout masks.

Because both hold the same parameters under the same names, drawn in the same order, the same seed gives both the
same network, and a checkpoint of one is a checkpoint of the other.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from .cells import CELLS
from .initialization import initialize
from .interface import Score, State


class Embedding(nn.Module):
    """W (V, E): one row per symbol."""

    def __init__(self, num_inputs: int, size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(num_inputs, size))


class RecurrentLayer(nn.Module):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H) and b_hh (G*H), which a single bias keeps at zero."""

    def __init__(self, gates: int, input_size: int, hidden_size: int, bias: str):
        super().__init__()
        self.W_ih = nn.Parameter(torch.empty(gates * hidden_size, input_size))
        self.W_hh = nn.Parameter(torch.empty(gates * hidden_size, hidden_size))
        self.b_ih = nn.Parameter(torch.empty(gates * hidden_size))
        if bias == "double":
            self.b_hh = nn.Parameter(torch.empty(gates * hidden_size))
        else:
            self.register_buffer("b_hh", torch.zeros(gates * hidden_size), persistent=False)


class Projection(nn.Module):
    """W (E, H): hidden -> the embedding's space, for tied weights of another size."""

    def __init__(self, hidden_size: int, embedding_size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(embedding_size, hidden_size))


class Affine(nn.Module):
    """W (K, H) and b (K): hidden -> outputs. Tied, it has no W of its own: the embedding's serves."""

    def __init__(self, hidden_size: int, num_outputs: int, tied: bool):
        super().__init__()
        if not tied:
            self.W = nn.Parameter(torch.empty(num_outputs, hidden_size))
        self.b = nn.Parameter(torch.empty(num_outputs))


class RecurrentNetwork(nn.Module):
    """Embedding or one-hot input, L recurrent layers of H units, an affine layer over K symbols and a loss.

    num_inputs V and num_outputs K come from the data, everything else from the config. `embedding_size` None means
    one-hot input. `tied` takes the embedding as the output's weights too (Press and Wolf, 2017), behind a projection
    H -> E where these differ. The dropouts are probabilities: of embedding channels, between layers, of the last
    layer's output.
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
        embedding_size: int | None,
        tied: bool,
        bias: Literal["single", "double"],
        dropout: float,
        input_dropout: float,
        output_dropout: float,
        loss: Literal["cross_entropy", "squared_error"],
        initialization: Literal["torch", "uniform", "textbook"],
        uniform_range: float | None,
        forget_bias: float,
    ):
        super().__init__()
        _check_sizes(hidden_size=hidden_size, num_layers=num_layers, embedding_size=embedding_size)
        _check_probabilities(dropout=dropout, input_dropout=input_dropout, output_dropout=output_dropout)
        if input_dropout and embedding_size is None:
            raise ValueError(f"input_dropout={input_dropout} needs an embedding, but embedding_size is null")
        if tied and (embedding_size is None or num_inputs != num_outputs):
            why = "embedding_size is null" if embedding_size is None else f"V={num_inputs} and K={num_outputs} differ"
            raise ValueError(f"tied=true needs an embedding of the symbols that are predicted, but {why}")
        if dropout and num_layers == 1:
            raise ValueError(f"dropout={dropout} acts between layers, but num_layers is 1: use output_dropout")
        self.cell, self.hidden_size, self.num_layers, self.loss = cell, hidden_size, num_layers, loss
        self.num_inputs, self.num_outputs, self.tied = num_inputs, num_outputs, tied
        self.embedding = None if embedding_size is None else Embedding(num_inputs, embedding_size)
        first = num_inputs if embedding_size is None else embedding_size
        self.layers = nn.ModuleList(
            RecurrentLayer(CELLS[cell].gates, hidden_size if depth else first, hidden_size, bias)
            for depth in range(num_layers)
        )
        self.projection = Projection(hidden_size, embedding_size) if tied and embedding_size != hidden_size else None
        self.output = Affine(hidden_size, num_outputs, tied)
        self._dropouts = [input_dropout, *[dropout] * (num_layers - 1), output_dropout]
        self._widths = [first, *[hidden_size] * num_layers]
        initialize(self, initialization, uniform_range, forget_bias)

    def initial_state(self, batch_size: int) -> State:
        """Zeros (L, B, H): the hidden output, and for an LSTM its memory cell."""
        zeros = self.output.b.new_zeros(self.num_layers, batch_size, self.hidden_size)
        return tuple(zeros.clone() for _ in range(CELLS[self.cell].states))

    def forward(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, so that a call of the module scores."""
        return self.score(inputs, targets, state)

    def dropout_masks(self, inputs: Tensor) -> list[Tensor | None]:
        """Masks (T, B, size), scaled to keep the mean: one for the input of each layer, the last for the output's.

        Drawn here for both networks, so that the same seed drops the same units in both.
        """
        return [self._mask(inputs.shape, size, p) for p, size in zip(self._dropouts, self._widths)]

    def _mask(self, shape: torch.Size, size: int, p: float) -> Tensor | None:
        if not (p and self.training):
            return None
        return self.output.b.new_empty(*shape, size).bernoulli_(1.0 - p).div_(1.0 - p)

    def summary(self, steps: int, batch_size: int) -> list[tuple[str, tuple[int, ...], int]]:
        """One row per layer: name, output shape (T, B, size), number of parameters."""
        first = [("one-hot", self.num_inputs)] if self.embedding is None else [("embedding", self._widths[0])]
        names = first + [(f"layers.{i}", self.hidden_size) for i in range(self.num_layers)]
        names += [] if self.projection is None else [("projection", self._widths[0])]
        names.append(("output", self.num_outputs))
        parts = {name: module for name, module in self.named_modules() if module is not None}
        return [(name, (steps, batch_size, size), num_parameters(parts.get(name))) for name, size in names]


def num_parameters(module: nn.Module | None) -> int:
    """Trainable numbers in a module; 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def _check_sizes(**sizes: int | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _check_probabilities(**probabilities: float) -> None:
    for name, p in probabilities.items():
        if not 0.0 <= p < 1.0:
            raise ValueError(f"{name} must be a probability from 0 to below 1, got {p}")
