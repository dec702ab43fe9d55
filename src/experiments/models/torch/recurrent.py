"""One recurrent layer in one direction: torch's own, or by hand where that is faster."""

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
BY_HAND = {"tanh": tanh_layer, "relu": relu_layer, "gru": gru_layer}  # not fused in torch on a CPU
FEW = 3  # steps up to which what a layer by hand costs once is more than what its steps save


def recurrent_layer(
    cell: str, x: Tensor, state: State, weights: Sequence[Tensor], training: bool
) -> tuple[Tensor, list[Tensor]]:
    """x (T, B, in), state of (1, B, H), W_ih, W_hh, b_ih, b_hh -> h (T, B, H), state after."""
    with recurrent_precision(x):
        if is_faster_by_hand(cell, x, [*state, *weights]):
            out = BY_HAND[cell](x, state[0], weights)
            return out, [out[-1:]]
        before = list(state) if len(state) == 2 else state[0]  # as torch's layers take it
        out, *last = TORCH[cell](x, before, weights, True, 1, 0.0, training, False, False)
    return out, last


def is_faster_by_hand(cell: str, x: Tensor, others: Sequence[Tensor]) -> bool:
    """Whether autograd would record the steps of a layer one by one, and there are enough of them.

    Not where torch has a fused layer: the LSTM, and all cells on a GPU; nor under autocast, which
    `recurrent_precision` leaves on only where a processor has matrix units.
    """
    if cell not in BY_HAND or x.device.type != "cpu" or len(x) <= FEW:
        return False
    if torch.is_autocast_enabled("cpu"):
        return False
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *others))
