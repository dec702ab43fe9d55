"""One recurrent layer in one direction: torch's own, or backpropagation through time by hand where that is faster."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...interfaces.model import State
from .products import recurrent_precision
from .through_time import gru_layer, relu_layer, tanh_layer

TORCH: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "tanh": torch.rnn_tanh,
    "relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru": torch.gru,
}
BY_HAND = {"tanh": tanh_layer, "relu": relu_layer, "gru": gru_layer}  # of which torch has no fused layer on a CPU
FEW = 3  # steps up to which what a node by hand costs once is more than what it saves in each step


def recurrent_layer(
    cell: str, x: Tensor, state: State, weights: Sequence[Tensor], training: bool
) -> tuple[Tensor, list[Tensor]]:
    """x (T, B, in), state of (1, B, H), W_ih, W_hh, b_ih, b_hh -> hidden outputs (T, B, H), state after."""
    with recurrent_precision(x):
        if is_faster_by_hand(cell, x, [*state, *weights]):
            out = BY_HAND[cell](x, state[0], weights)
            return out, [out[-1:]]
        before = list(state) if len(state) == 2 else state[0]  # as torch's layers take it
        out, *last = TORCH[cell](x, before, weights, True, 1, 0.0, training, False, False)
    return out, last


def is_faster_by_hand(cell: str, x: Tensor, others: Sequence[Tensor]) -> bool:
    """Whether autograd would record the steps of a layer one by one, and there are enough of them.

    Not where torch has a fused layer: the LSTM, and all cells on a GPU. Without gradients torch's own is as fast, and
    so is its own in lower precision.
    """
    if cell not in BY_HAND or x.device.type != "cpu" or len(x) <= FEW or torch.is_autocast_enabled("cpu"):
        return False
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *others))
