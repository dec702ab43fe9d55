"""What the NumPy and the torch network share: weights, initialisation, initial state, dropout masks.

Because both hold the same weights under the same names, drawn in the same order, the same seed gives both the same
network, and a checkpoint of one is a checkpoint of the other.
"""

from typing import Literal

from torch import Tensor, nn

from ..interfaces.model import Model, State, SummaryRow
from .combinations import check_network
from .dropout import unit_masks, weight_masks
from .hidden_size import set_hidden_size
from .initialization import initialize
from .layer_rows import layer_rows
from .numpy.cells import CELLS
from .torch.pooling import initial_pools
from .weights import RecurrentWeights, Weights, set_up_embedding

LARGE = 1 << 18  # the size of an embedding from which on a row-sparse gradient saves time


class RecurrentNetwork(Model):
    """Embedding, one-hot or real input, L recurrent layers of H units in D directions, an affine layer and a loss.

    H may be a list, with a size for each layer, or follow from a budget of `parameters` (hidden_size.py).

    num_inputs V, num_outputs K and what inputs and targets are come from the data, everything else from the config.
    `embedding_size` None means one-hot input; with `real_inputs` the first layer reads vectors of V numbers as they
    are, and with `real_targets` the one output is a number, whose loss is the squared error. `tied` takes the embedding
    as the output's weights too (Press and Wolf, 2017), behind a projection H -> E where these differ. A `logistic`
    output is one logit for two classes; an `adaptive` or `sampled` one trains on some of many (docs/output-layers.md).

    `pooling` is what the output reads: the last step, or the mean and the maximum over all steps. A bidirectional
    network's last step is that of each direction. Both make it a network for labels only (`labels_only`), except that
    a bidirectional one has an output at every step for data with `labelled_steps`.

    `embedding_from` names the vectors that the embedding begins with, scaled to a standard deviation of `embedding_std`
    if that is given (with `embedding_frozen` it stays so), `layers_from` a network whose layers are taken over as well;
    `experiment.py` sets both.

    The dropouts are probabilities: of whole symbols, of channels of the embedding (the same in all steps of a window),
    of single numbers of it, between layers, of what the output reads (with
    `locked_dropout` these two drop the same in all steps), of recurrent weights (the same in all steps).
    Raises ValueError for an impossible size, probability or combination.
    """

    divides_columns = True
    layer_sizes: list[int]  # H of each layer
    hidden_size: int  # H of the last one

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        cell: Literal["tanh", "relu", "lstm", "gru"],
        hidden_size: int | list[int] | None,
        parameters: float | None,
        num_layers: int,
        bidirectional: bool,
        pooling: Literal["last", "mean", "max", "mean_max"],
        embedding_size: int | None,
        embedding_from: str | None,
        embedding_std: float | None,
        embedding_frozen: bool,
        layers_from: str | None,
        tied: bool,
        bias: Literal["single", "double"],
        dropout: float,
        word_dropout: float,
        channel_dropout: float,
        input_dropout: float,
        output_dropout: float,
        locked_dropout: bool,
        weight_dropout: float,
        activation_penalty: float,
        temporal_penalty: float,
        output: Literal["softmax", "logistic", "adaptive", "sampled"],
        num_samples: int,
        cutoffs: list[int] | None,
        tail_divisor: float,
        loss: Literal["cross_entropy", "squared_error"],
        initialization: Literal["torch", "uniform", "textbook", "keras"],
        uniform_range: float | None,
        forget_bias: float,
        input_bias: float,
        real_inputs: bool = False,
        real_targets: bool = False,
        labelled_steps: bool = False,
    ):
        super().__init__()
        self.num_inputs, self.num_outputs, self.num_layers, self.tied = num_inputs, num_outputs, num_layers, tied
        self.real_inputs, self.real_targets = real_inputs, real_targets
        self.cell, self.embedding_size = cell, embedding_size
        self.bidirectional, self.pooling, self.logistic, self.loss = bidirectional, pooling, output == "logistic", loss
        self.needs_whole_sequences = bidirectional
        self.labels_only = pooling != "last" or (bidirectional and not labelled_steps)
        self.output_kind, self.num_samples, self.cutoffs, self.tail_divisor = output, num_samples, cutoffs, tail_divisor
        of_input = {"word_dropout": word_dropout, "channel_dropout": channel_dropout, "input_dropout": input_dropout}
        self.dropouts = of_input | {"dropout": dropout, "output_dropout": output_dropout}
        self.weight_dropout, self.locked_dropout = weight_dropout, locked_dropout
        self.penalties = activation_penalty, temporal_penalty
        self.penalizes_steps = any(self.penalties)
        check_network(self, of_input)
        set_hidden_size(self, hidden_size, parameters, bias)
        self._make_weights(bias)
        initialize(self, initialization, uniform_range, forget_bias, input_bias)
        set_up_embedding(self.embedding, embedding_from, embedding_std, embedding_frozen, layers_from)

    def _make_weights(self, bias: str) -> None:
        """The modules that hold the weights, in the order in which these are initialised."""
        E, H, gates = self.embedding_size, self.hidden_size, CELLS[self.cell].gates
        self.widths = [size * (1 + self.bidirectional) for size in self.layer_sizes]  # D*H of each layer
        self.width = self.widths[-1]
        self.num_features = self.width * (1 + (self.pooling == "mean_max"))  # F, what the output reads
        self.input_size = E or self.num_inputs
        reads = [self.input_size, *self.widths[:-1]]
        shapes = [(gates, read, size, bias) for read, size in zip(reads, self.layer_sizes)]
        self.embedding = None if E is None else Weights(W=(self.num_inputs, E))
        self.layers = nn.ModuleList(RecurrentWeights(*shape) for shape in shapes)
        self.reverse_layers = nn.ModuleList(RecurrentWeights(*shape) for shape in shapes * self.bidirectional)
        self.projection = None if E is None or E == H or not self.tied else Weights(W=(E, H))
        K = 1 if self.logistic else self.num_outputs
        self.output = Weights(b=(K,)) if self.tied else Weights(W=(K, self.num_features), b=(K,))

    @property
    def input_vectors(self) -> Tensor | None:
        """The embedding (V, E), or for one-hot inputs the first layer's input weights (V, G*H); None of vectors."""
        if self.real_inputs:
            return None
        return self.layers[0].get_parameter("W_ih").T if self.embedding is None else self.embedding.W

    @property
    def has_sparse_gradient(self) -> bool:
        """Whether the embedding's gradient is row-sparse: if it is large and not also the output's weight."""
        allowed = self.sparse_gradients and not self.tied
        return allowed and self.embedding is not None and self.embedding.W.numel() >= LARGE

    def initial_state(self, batch_size: int) -> State:
        """Zeros (L*D, B, H): the hidden output, and for an LSTM its memory cell; then what pooling carries.

        H is the largest of all layers, of which one with fewer units has its own first and zeros after them.
        """
        rows = self.num_layers * (1 + self.bidirectional)
        zeros = self.output.b.new_zeros(rows, batch_size, max(self.layer_sizes))
        state = tuple(zeros.clone() for _ in range(CELLS[self.cell].states))
        return state + initial_pools(self.pooling, self.output.b.new_zeros(1, batch_size, self.width))

    def dropout_masks(self, inputs: Tensor) -> list[Tensor | None]:
        """Masks (T or 1, B, size or 1), scaled to keep the mean: for the input of each layer, then of the output."""
        if not (self.training and any(self.dropouts.values())):
            return [None] * (self.num_layers + 1)
        return unit_masks(self, inputs)

    def weight_masks(self) -> dict[str, Tensor]:
        """Masks of each W_hh, by its name, drawn for a window after `dropout_masks`; none without weight_dropout."""
        return weight_masks(self) if self.training and self.weight_dropout else {}

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per layer: name, output shape (T, B, size), number of parameters; a layer's directions together."""
        return layer_rows(self, steps, batch_size)
