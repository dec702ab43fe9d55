"""Language models that read the last C symbols only: the continuous bag of words and the feedforward network."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...config.checks import at_least, probabilities
from ...interfaces.data import PADDING
from ...interfaces.model import Model, Score, State, SummaryRow
from ..torch import heads
from ..weights import num_parameters, set_up_embedding
from .context import contexts, no_context


class ContextNetwork(Model):
    """Embeddings of the last C symbols combined to one vector, perhaps a tanh layer, an affine layer over K symbols.

    `mean` is the continuous bag of words (Mikolov et al., 2013): the mean over the symbols that are there, in any
    order. `concatenate` is the feedforward network of Bengio et al. (2003), without its direct connections; with
    `hidden_size` None it has only these. Where there is no symbol yet, its embedding is zero.
    `embedding_from`, `embedding_std` and `embedding_frozen` are those of `RecurrentNetwork`.
    `dropout` is the probability for each number that the output layer reads. Parameters begin as those of nn.Embedding
    and nn.Linear: N(0, 1) and U(-1/sqrt(in), 1/sqrt(in)).
    Raises ValueError for an impossible size or probability.
    """

    devices = ("cpu", "cuda", "mps")
    precisions = ("float32", "float64", "bfloat16")

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        combine: Literal["mean", "concatenate"],
        context_size: int,
        embedding_size: int,
        embedding_from: str | None,
        embedding_std: float | None,
        embedding_frozen: bool,
        hidden_size: int | None,
        dropout: float,
    ):
        super().__init__()
        at_least(1, context_size=context_size, embedding_size=embedding_size, hidden_size=hidden_size)
        probabilities(dropout=dropout)
        self.combine, self.context_size, self.dropout = combine, context_size, dropout
        width = embedding_size * (context_size if combine == "concatenate" else 1)
        self.embedding = nn.Embedding(num_inputs, embedding_size)
        self.hidden = None if hidden_size is None else nn.Linear(width, hidden_size)
        self.output = nn.Linear(width if hidden_size is None else hidden_size, num_outputs)
        set_up_embedding(self.embedding, embedding_from, embedding_std, embedding_frozen)

    @property
    def input_vectors(self) -> Tensor:
        """The embedding (V, E)."""
        return self.embedding.weight

    def initial_state(self, batch_size: int) -> State:
        """The last C symbols (C, B): none."""
        return (no_context(self.context_size, batch_size, self.output.weight.device),)

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), state after."""
        features, state = self.features(inputs, state)
        return heads.log_probabilities(self.output(features)), state

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        features, state = self.features(inputs, state)
        output = self.output.weight, self.output.bias
        score = heads.linear_cross_entropy(features.flatten(0, 1), *output, targets.flatten())
        return heads.as_window(score, targets.shape), state

    def features(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> what the output layer reads (T, B, F), state after."""
        context, after = contexts(inputs, *state)
        x = self.combined(context)
        if self.hidden is not None:
            x = torch.tanh(self.hidden(x))
        return F.dropout(x, self.dropout, self.training), (after,)

    def combined(self, context: Tensor) -> Tensor:
        """Contexts (T, B, C) -> one vector for each, (T, B, E) or (T, B, C*E)."""
        missing = context == PADDING
        x: Tensor = self.embedding(context.clamp(min=0)).masked_fill_(missing[..., None], 0.0)
        if self.combine == "mean":
            return x.sum(dim=2) / (~missing).sum(dim=2, keepdim=True).clamp(min=1)
        return x.flatten(2)

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per layer: name, output shape, number of parameters."""
        E, width = self.embedding.embedding_dim, (self.hidden or self.output).in_features
        rows: list[tuple[str, tuple[int, ...], nn.Module | None]] = [
            ("embedding", (self.context_size, E), self.embedding),
            (self.combine, (width,), None),
        ]
        rows += [] if self.hidden is None else [("hidden", (self.hidden.out_features,), self.hidden)]
        rows.append(("output", (self.output.out_features,), self.output))
        return [(name, (steps, batch_size, *shape), num_parameters(part)) for name, shape, part in rows]
