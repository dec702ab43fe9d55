"""The recurrent network on torch's fused layers (oneDNN on the CPU, cuDNN on the GPU)."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from . import heads
from .interface import Score, State
from .network import RecurrentLayer, RecurrentNetwork

FUSED = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu, "lstm": torch.lstm, "gru": torch.gru}


class TorchNetwork(RecurrentNetwork):
    """One fused call per layer, so that the dropout between layers is ours and the same as in NumPy."""

    devices = ("cpu", "cuda", "mps")
    precisions = ("float32", "float64", "bfloat16")

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), state after."""
        hidden, state = self.hidden(inputs, state)
        return heads.log_probabilities(self._outputs(hidden)), state

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        hidden, state = self.hidden(inputs, state)
        return heads.LOSSES[self.loss](self._outputs(hidden.flatten(0, 1)), targets.flatten()), state

    def hidden(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> the last layer's output (T, B, H), state after."""
        symbols = inputs.clamp(min=0)
        if self.embedding is None:
            x = F.one_hot(symbols, self.num_inputs).to(self.output.b.dtype)
        else:
            x = F.embedding(symbols, self.embedding.W)
        masks = self.dropout_masks(inputs)
        padding = Padding(inputs) if bool((inputs < 0).any()) else None
        after = []
        for depth, layer in enumerate(self.layers):
            x = x if masks[depth] is None else x * masks[depth]
            x, last = self._layer(layer, x, tuple(s[depth : depth + 1] for s in state), padding)
            after.append(last)
        x = x if masks[-1] is None else x * masks[-1]
        return x, tuple(torch.cat(parts) for parts in zip(*after))

    def _layer(self, layer: RecurrentLayer, x: Tensor, state: State, padding: "Padding | None"):
        """x (T, B, in), state of (1, B, H) -> output (T, B, H), state after."""
        weights = [layer.W_ih, layer.W_hh, layer.b_ih, layer.b_hh]
        fused = FUSED[self.cell]
        if padding is None:
            out, *last = fused(x, _packed(state), weights, True, 1, 0.0, self.training, False, False)
            return out, tuple(last)
        packed, sorted_state = padding.pack(x, state)
        out, *last = fused(
            packed.data,
            packed.batch_sizes,
            _packed(sorted_state),
            weights,
            True,
            1,
            0.0,
            self.training,
            False,
        )
        return padding.unpack(packed._replace(data=out), tuple(last), state)

    def _outputs(self, hidden: Tensor) -> Tensor:
        if self.projection is not None:
            hidden = F.linear(hidden, self.projection.W)
        return F.linear(hidden, self.embedding.W if self.tied else self.output.W, self.output.b)


def _packed(state: State) -> State | Tensor:
    """torch's fused layers take a list for an LSTM and a tensor for the others."""
    return list(state) if len(state) == 2 else state[0]


class Padding:
    """Columns whose symbols are preceded or followed by padding, run as if they held the symbols alone.

    The fused layers cannot skip steps. So each column is rolled until its symbols come first, all are packed, and
    what comes out is rolled back. Packing refuses empty columns: those run one step, which is then forgotten.
    """

    def __init__(self, inputs: Tensor):
        live = inputs >= 0
        self.steps = len(inputs)
        self.lengths = live.sum(dim=0)
        first = live.to(torch.uint8).argmax(dim=0)
        t = torch.arange(self.steps, device=inputs.device)[:, None]
        self.forth, self.back = (t + first) % self.steps, (t - first) % self.steps

    def pack(self, x: Tensor, state: State):
        rolled = x.gather(0, self.forth[:, :, None].expand_as(x))
        lengths = self.lengths.clamp(min=1).cpu()
        packed = pack_padded_sequence(rolled, lengths, enforce_sorted=False)
        return packed, tuple(s.index_select(1, packed.sorted_indices) for s in state)

    def unpack(self, packed, last: State, state: State):
        rolled, _ = pad_packed_sequence(packed, total_length=self.steps)
        out = rolled.gather(0, self.back[:, :, None].expand_as(rolled))
        untouched = (self.lengths == 0)[None, :, None]
        last = tuple(s.index_select(1, packed.unsorted_indices) for s in last)
        return out, tuple(torch.where(untouched, old, new) for old, new in zip(state, last))
