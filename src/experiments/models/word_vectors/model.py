"""What the NumPy and the torch word-vector models share: weights, examples, draws."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ...config.checks import above, at_least
from ...config.errors import ConfigError
from ...interfaces.model import Model, Score, State, SummaryRow
from ..weights import Weights, num_parameters
from . import noise
from .examples import Examples, Past, cbow_examples, nothing_read, read, skipgram_examples

FEW = 4  # a row-sparse gradient saves time where at most one row in so many is read


class WordVectors(Model):
    """Skip-gram: a symbol predicts each neighbour. CBOW: the mean of the neighbours on both sides predicts the symbol.

    Both score s = u_o . h, with h the vector of the centre, or the mean of those of the neighbours, and u_o the output
    vector of the symbol that is predicted. `softmax` costs -log softmax(s)_o over all symbols; `negative_sampling`
    costs -log sigmoid(s_o) - sum_k log sigmoid(-s_k) over `negatives` draws of noise, symbols in proportion to their
    counts to the power `noise_power`; draws of o itself do not count, as in word2vec. `shrink_context` draws for every
    occurrence how far it sees, from 1 to `context_size`; `subsample` t leaves occurrences of frequent symbols out, see
    `noise.share_kept`. In evaluations neither is done.

    **What is scored**: not the window's target, but what becomes known with it (see `examples`). `Score.predictions`
    is their number, 2C for each target of a skip-gram and one for each of CBOW, less at a column's start. The
    gradient is their sum divided by the window's targets, as Mikolov's mean over the text of sums over neighbours.
    With negative sampling there is no likelihood (`nats` is None), and which prediction is the best is not known.

    `symbol_counts` (V,) are those of the training split; they are kept with the weights, whose noise they are.
    The vectors begin as in word2vec: U(-0.5/E, 0.5/E), the output vectors zero (Mikolov et al., 2013, both papers).
    Raises ValueError for an impossible size, or data whose targets are no symbols.
    """

    reads_both_sides = True
    takes_class_weights = False
    counts: Tensor  # (V,) int64

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        predicts: Literal["neighbours", "centre"],
        context_size: int,
        embedding_size: int,
        loss: Literal["softmax", "negative_sampling"],
        negatives: int,
        noise_power: float,
        shrink_context: bool,
        subsample: float | None,
        symbol_counts: Sequence[int] | None = None,
    ):
        super().__init__()
        at_least(1, context_size=context_size, embedding_size=embedding_size, negatives=negatives)
        at_least(0, noise_power=noise_power)
        above(0, subsample=subsample)
        if num_inputs != num_outputs:
            raise ValueError(f"V={num_inputs} and K={num_outputs} differ, but word vectors are learned from one text")
        self.predicts, self.context_size, self.loss = predicts, context_size, loss
        self.negatives, self.noise_power = negatives, noise_power
        self.shrink_context, self.subsample = shrink_context, subsample
        self.embedding = Weights(W=(num_inputs, embedding_size))
        self.output = Weights(W=(num_outputs, embedding_size))
        torch.nn.init.uniform_(self.embedding.W, -0.5 / embedding_size, 0.5 / embedding_size)
        torch.nn.init.zeros_(self.output.W)
        self.register_buffer("counts", noise.uniform_counts(symbol_counts, num_inputs))
        self._drawn_from: tuple[Tensor, Tensor | None] | None = None

    @property
    def input_vectors(self) -> Tensor:
        """What each symbol is read as (V, E)."""
        return self.embedding.W

    def initial_state(self, batch_size: int) -> State:
        """No symbols read: the fields of `examples.Past`."""
        sides = 1 if self.predicts == "neighbours" else 2
        return nothing_read(sides * self.context_size, batch_size, self.output.W.device)

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """Not possible: raises ConfigError."""
        raise ConfigError(
            "word vectors are learned from both sides of a word, so they do not say what comes next: "
            "give runner=neighbors"
        )

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score of what becomes known with these targets, state after."""
        with torch.no_grad():
            examples, after = self.examples(inputs, targets, Past(*state))
            drawn = self._noise(len(examples.rows)) if self.loss == "negative_sampling" else None
        loss, correct = self.costs(examples, drawn)
        nats = loss if drawn is None else None
        return Score(loss, nats, correct, predictions=len(examples.rows)), after

    def costs(self, examples: Examples, drawn: Tensor | None) -> tuple[Tensor, Tensor | int | None]:
        """The summed loss, differentiable, and how many predictions are the most probable symbol.

        `drawn` is noise (m, k); None: full softmax.
        """
        raise NotImplementedError

    def examples(self, inputs: Tensor, targets: Tensor, past: Past) -> tuple[Examples, Past]:
        """inputs and targets (T, B) -> what is predicted from what, state after."""
        ids = torch.cat([inputs[:1], targets])
        if self.training:
            drawn = noise.draw_reaches(ids, self.context_size, self.shrink_context, self._distributions()[1])
        else:
            drawn = torch.full_like(ids, self.context_size)
        known = past.next_reach  # the first input was a target before, unless it begins its column
        reaches = torch.cat([torch.where(known < 0, drawn[:1], known), drawn[1:]])
        symbols, reaches, after = read(inputs, reaches, targets, past)
        make = skipgram_examples if self.predicts == "neighbours" else cbow_examples
        return make(symbols, reaches), after

    def _noise(self, number: int) -> Tensor:
        """Noise (number, k) on the model's device."""
        generator = None if self.training else torch.Generator().manual_seed(noise.EVALUATION_SEED)
        drawn = noise.draw_noise(self._distributions()[0], number, self.negatives, generator)
        return drawn.to(self.output.W.device)

    def _distributions(self) -> tuple[Tensor, Tensor | None]:
        """The cumulative noise (V,) and what share of each symbol's occurrences is read (V,), None: all."""
        if self._drawn_from is None:
            kept = None if self.subsample is None else noise.share_kept(self.counts, self.subsample)
            self._drawn_from = noise.noise_distribution(self.counts, self.noise_power), kept
        return self._drawn_from

    def load_state_dict(self, *arguments: object, **options: object) -> object:
        """As torch's; the counts may change."""
        self._drawn_from = None
        return super().load_state_dict(*arguments, **options)  # type: ignore[arg-type]

    def is_sparse(self, rows: int) -> bool:
        """Whether the gradient of a matrix of which so many rows are read is row-sparse: only where that saves time."""
        return self.sparse_gradients and rows * FEW <= len(self.output.W)

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per matrix: name, output shape, number of parameters."""
        V, E = self.embedding.W.shape
        scored = V if self.loss == "softmax" else 1 + self.negatives
        rows = [("embedding", E, self.embedding), ("output", scored, self.output)]
        return [(name, (steps, batch_size, size), num_parameters(part)) for name, size, part in rows]
