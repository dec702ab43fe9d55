"""The recurrent network in torch: an LSTM on its fused layers (oneDNN on the CPU), all cells on those of a GPU."""

import functools
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ...interfaces.data import IGNORE
from ...interfaces.model import Score, State, SummaryRow
from ..network import LARGE, RecurrentNetwork
from ..numpy.cells import CELLS
from ..weights import RecurrentWeights, Weights, num_parameters
from . import heads, sampled_softmax
from .activation_penalty import activation_penalty
from .adaptive_softmax import AdaptiveSoftmax, adaptive_weights, ranks_of
from .padding import Padding, is_padded
from .pooling import pool
from .recurrent import recurrent_layer

CLOSED = 1e4  # subtracted from a gate's input: its sigmoid is exactly 0; added: 1
# What is added to the gates at padding, where the layers go on computing: an LSTM's memory cell must keep its
# value (i = 0, f = 1), and a rectifier must not grow without bound, since infinity times a gradient of 0 is NaN.
AT_PADDING = {"lstm": (-CLOSED, CLOSED, 0.0, 0.0), "relu": (-CLOSED,)}


class TorchNetwork(RecurrentNetwork):
    """One call per layer and direction, so that the dropout between layers is ours and the same as in NumPy."""

    devices = ("cpu", "cuda", "mps")
    precisions = ("float32", "float64", "bfloat16")
    tails: torch.nn.ModuleList  # of `Weights`, those of an adaptive output
    ranks: Tensor  # (K,) int64 of an adaptive output: 0 is the most frequent class
    inclusion: Tensor  # (K,) of a sampled output: the probability with which a class is drawn

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities or, of numbers, outputs (T, B, K); state after."""
        features, state, padding = self.features(inputs, state)
        if self.output_kind == "adaptive":
            log_probs = self._adaptive().log_probabilities(features)
            return log_probs if padding is None else padding.as_given(log_probs), state
        outputs = self._outputs(features)
        predicted = heads.widened(outputs) if self.real_targets else heads.log_probabilities(outputs)
        if self.labels_only:  # the same at every step
            return predicted.expand(len(inputs), -1, -1), state
        return predicted if padding is None else padding.as_given(predicted), state

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        hidden, mask, state, padding = self._undropped(inputs, state)
        features = hidden if mask is None else hidden * mask
        if self.labels_only:  # the same outputs at every step
            outputs = self._outputs(features).expand(len(inputs), -1, -1)
            score = self.loss_function(outputs.flatten(0, 1), targets.flatten())
            return heads.as_window(score, targets.shape), state
        if padding is not None:
            targets = padding.symbols_first(targets)
        score = heads.as_window(self._scored(features.flatten(0, 1), targets.flatten()), targets.shape)
        if padding is not None and score.target_nats is not None:
            score = score._replace(target_nats=padding.as_given(score.target_nats))
        if self.penalizes_steps and self.training:
            live = None if padding is None else padding.live
            score = score._replace(penalty=activation_penalty(features, hidden, live, *self.penalties))
        return score, state

    @torch.no_grad()
    def hidden_outputs(self, inputs: Tensor, state: State) -> Tensor:
        """inputs (T, B) without padding -> what the output layer reads (T, B, F)."""
        return self.features(inputs, state)[0]

    def _scored(self, features: Tensor, targets: Tensor) -> Score:
        """features (n, F), targets (n,) -> Score; while it learns, a cheaper output knows of no correct targets."""
        learns = self.training and torch.is_grad_enabled()
        if self.output_kind == "adaptive":
            if not learns:
                return self._adaptive().score(features, targets)
            loss = self._adaptive().loss(features, targets)
            return Score(loss, loss, None)
        if self.output_kind == "sampled" and learns:
            return Score(self._sampled_loss(features, targets), None, None)
        if self.loss == "cross_entropy" and not self.logistic:
            return heads.linear_cross_entropy(*self._output_layer(features), targets)
        return self.loss_function(self._outputs(features), targets)

    def _adaptive(self) -> AdaptiveSoftmax:
        return AdaptiveSoftmax(self.output, [cast(Weights, tail) for tail in self.tails], self.ranks)

    def _sampled_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        kept = targets != IGNORE
        x, W, b = self._output_layer(features[kept])
        sparse = self.sparse_gradients and not self.tied and W.numel() >= LARGE
        drawn = sampled_softmax.draw(self.inclusion)
        return sampled_softmax.sampled_loss(x, W, b, targets[kept], drawn, self.inclusion.log(), sparse)

    @property
    def needs_symbol_counts(self) -> bool:  # type: ignore[override]
        """Whether `count_symbols` is to be called before training."""
        return self.output_kind in ("adaptive", "sampled")

    def count_symbols(self, counts: Tensor) -> None:
        if self.output_kind == "adaptive":
            self.ranks = ranks_of(counts.to(self.ranks.device))
        elif self.output_kind == "sampled":
            inclusion = sampled_softmax.inclusion_probabilities(counts, self.num_samples)
            self.inclusion = inclusion.to(self.inclusion)

    def _make_weights(self, bias: str) -> None:
        super()._make_weights(bias)
        if self.output_kind == "adaptive":
            head, tails = adaptive_weights(self.cutoffs, self.num_outputs, self.num_features, self.tail_divisor)
            self.output, self.tails = head, torch.nn.ModuleList(tails)
            self.register_buffer("ranks", torch.arange(self.num_outputs))  # the order belongs to the weights
        elif self.output_kind == "sampled":
            self.register_buffer("inclusion", torch.ones(self.num_outputs), persistent=False)

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """As `RecurrentNetwork.summary`, with a row for the head and each tail of an adaptive output."""
        rows = super().summary(steps, batch_size)
        if self.output_kind != "adaptive":
            return rows
        *others, (_, shape, size) = rows
        others.append(("output.head", shape, size))
        tails = [(f"output.tails.{i}", tail) for i, tail in enumerate(self.tails)]
        sizes = (len(tail.get_parameter("b")) for tail in self.tails)
        return others + [(name, (*shape[:2], K), num_parameters(tail)) for (name, tail), K in zip(tails, sizes)]

    @property
    def loss_function(self) -> Callable[[Tensor, Tensor], Score]:
        """outputs (n, K), targets (n,) -> Score."""
        return heads.squared_difference if self.real_targets else heads.LOSSES[self.loss]

    def features(self, inputs: Tensor, state: State) -> tuple[Tensor, State, Padding | None]:
        """inputs (T, B) or (T, B, V) -> what the output reads (T, B, F), state after, padding.

        If there is padding, each column's symbols are its first steps. A network for labels has (1, B, F).
        """
        hidden, mask, after, padding = self._undropped(inputs, state)
        return hidden if mask is None else hidden * mask, after, padding

    def _undropped(self, inputs: Tensor, state: State) -> tuple[Tensor, Tensor | None, State, Padding | None]:
        """As `features`, before the last dropout, whose mask is the second value; None if there is none."""
        padding = Padding(inputs) if is_padded(inputs) else None
        masks = self.dropout_masks(inputs)
        if padding is not None:
            inputs = padding.symbols_first(inputs)
            masks = [padding.symbols_first(m) if m is not None and len(m) == len(inputs) else m for m in masks]
        cells = state[: CELLS[self.cell].states]
        hidden, after = self._hidden(self._read(inputs, padding), cells, masks, padding)
        if self.pooling != "last":
            live = None if padding is None else padding.live
            features, pools = pool(self.pooling, hidden, live, state[len(cells) :])
            after += pools
        elif self.labels_only:  # the last output of each direction
            features = torch.cat([*after[0][-2:, :, : self.hidden_size]], dim=1)[None]
        else:
            features = hidden if padding is None else self._passed(hidden, cells[0], after[0], padding)
        return features, masks[-1], after, padding

    def _passed(self, hidden: Tensor, before: Tensor, after: Tensor, padding: Padding) -> Tensor:
        """hidden (T, B, D*H) with the states of the last layer, of (L*D, B, H), where there is padding."""
        before, after = before[..., : self.hidden_size], after[..., : self.hidden_size]
        if not self.bidirectional:
            return padding.passed(hidden, before[-1:], after[-1:])
        onward, reverse = hidden.split(self.hidden_size, dim=2)
        onward = padding.passed(onward, before[-2:-1], after[-2:-1])
        return torch.cat([onward, padding.passed(reverse, after[-1:], before[-1:])], dim=2)

    def _read(self, inputs: Tensor, padding: Padding | None) -> Tensor:
        """ids (T, B) or vectors (T, B, V), symbols first -> what the first layer reads (T, B, E or V)."""
        if self.real_inputs:
            x = inputs.to(self.output.b.dtype)
            return x if padding is None else padding.zeroed(x)
        ids = inputs.clamp(min=0)
        if self.embedding is None:
            return F.one_hot(ids, self.num_inputs).to(self.output.b.dtype)
        return F.embedding(ids, self.embedding.W, sparse=self.has_sparse_gradient)

    def _hidden(
        self, x: Tensor, state: State, masks: list[Tensor | None], padding: Padding | None
    ) -> tuple[Tensor, State]:
        """x (T, B, E or V), state of (L*D, B, H) -> the last layer's outputs (T, B, D*H), state after."""
        reverse = functools.partial(torch.flip, dims=(0,)) if padding is None else padding.mirrored
        after: list[State] = []
        dropped = self.weight_masks()
        for depth, (layer, mask) in enumerate(zip(self.layers, masks)):
            x = x if mask is None else x * mask
            outputs = []
            for is_reverse, weights in enumerate([layer, *self.reverse_layers[depth : depth + 1]]):
                name = f"{'reverse_' * is_reverse}layers.{depth}.W_hh"
                before = tuple(part[len(after), None, :, : self.layer_sizes[depth]].contiguous() for part in state)
                out, last = self._layer(weights, reverse(x) if is_reverse else x, before, padding, dropped.get(name))
                outputs.append(reverse(out) if is_reverse else out)
                after.append(self._filled(last))
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)
        return x, tuple(torch.cat(parts) for parts in zip(*after))

    def _filled(self, state: State) -> State:
        """A state of (1, B, H) of one layer, with zeros up to the largest H of all."""
        missing = max(self.layer_sizes) - state[0].shape[2]
        return tuple(F.pad(part, (0, missing)) for part in state) if missing else state

    def _layer(
        self, layer: RecurrentWeights, x: Tensor, state: State, padding: Padding | None, mask: Tensor | None
    ) -> tuple[Tensor, State]:
        """x (T, B, in) symbols first, state of (1, B, H), a mask of W_hh -> outputs (T, B, H), state at their end."""
        W_hh = layer.W_hh if mask is None else layer.W_hh * mask
        weights: list[Tensor] = [layer.W_ih, W_hh, layer.b_ih, layer.b_hh]
        if padding is not None and self.cell in AT_PADDING:
            column = torch.cat([layer.W_ih.new_full((layer.W_hh.shape[1], 1), z) for z in AT_PADDING[self.cell]])
            x, weights[0] = padding.mark(x), torch.cat([layer.W_ih, column], dim=1)
        out, last = recurrent_layer(self.cell, x, state, weights, self.training)
        if padding is not None:
            last[0] = padding.last(out, state[0])
        return out, tuple(last)

    def _outputs(self, features: Tensor) -> Tensor:
        """features (..., F) -> outputs (..., K)."""
        outputs = F.linear(*self._output_layer(features))
        return F.pad(outputs, (1, 0)) if self.logistic else outputs  # the sigmoid of z is the softmax of (0, z)

    def _output_layer(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The arguments of the last linear layer: features (projected if there is a projection), W, b."""
        if self.projection is not None:
            features = F.linear(features, self.projection.W)
        holder = self.embedding if self.tied and self.embedding is not None else self.output
        return features, holder.W, self.output.b
