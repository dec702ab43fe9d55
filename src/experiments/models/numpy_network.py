"""The recurrent network in NumPy, wrapped as a torch module: `loss.backward()` calls our own backpropagation."""

import numpy as np
import torch
from torch import Tensor

from . import bptt
from .cells import CELLS
from .interface import Score, State
from .network import RecurrentNetwork

QUIET = np.errstate(over="ignore", invalid="ignore")  # a diverging network is the training loop's to report


class NumpyNetwork(RecurrentNetwork):
    """Forward and backward are `bptt` and `cells`; torch only stores the parameters and applies the optimizer."""

    devices = ("cpu",)
    precisions = ("float32", "float64")

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), state after. Not differentiable."""
        p = self.arrays()
        masks = _arrays(self.dropout_masks(inputs))
        hidden, after, _ = bptt.forward(CELLS[self.cell], p, inputs.numpy(), _arrays(state), masks)
        log_probs = bptt.log_softmax(bptt.affine(p, hidden))
        return torch.from_numpy(log_probs).view(*inputs.shape, -1), _tensors(after)

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        parameters = dict(self.named_parameters())
        loss, correct, *after = _Window.apply(
            self, inputs, targets, self.dropout_masks(inputs), list(parameters), *state, *parameters.values()
        )
        nats = loss.detach() if self.loss == "cross_entropy" else None
        return Score(loss, nats, correct), tuple(after)

    def arrays(self) -> bptt.Parameters:
        """The parameters by name as NumPy arrays that share torch's memory."""
        return {name: parameter.detach().numpy() for name, parameter in self.named_parameters()}


class _Window(torch.autograd.Function):
    """One window as a node of torch's graph: (state, parameters) -> (loss, correct, state after)."""

    @staticmethod
    @QUIET
    def forward(ctx, network, inputs, targets, masks, names, *tensors):
        num_states = len(tensors) - len(names)
        state, p = _arrays(tensors[:num_states]), network.arrays()
        cell, ids = CELLS[network.cell], targets.numpy().ravel()
        hidden, after, cache = bptt.forward(cell, p, inputs.numpy(), state, _arrays(masks))
        outputs = bptt.affine(p, hidden)
        loss, d_outputs = bptt.LOSSES[network.loss](outputs, ids)
        correct = torch.tensor((outputs.argmax(axis=1) == ids).sum())
        ctx.mark_non_differentiable(correct)
        ctx.kept = cell, p, hidden, cache, d_outputs, names
        return torch.from_numpy(np.asarray(loss)), correct, *_tensors(after)

    @staticmethod
    @QUIET
    def backward(ctx, d_loss, _, *d_after):
        cell, p, hidden, cache, d_outputs, names = ctx.kept
        gradients, d_hidden = bptt.affine_backward(p, hidden, d_outputs * d_loss.numpy())
        recurrent, d_state = bptt.backward(cell, p, cache, d_hidden, _arrays(d_after))
        gradients = bptt.sum_gradients(gradients, recurrent)
        ordered = _tensors(gradients[name] for name in names)
        return None, None, None, None, None, *_tensors(d_state), *ordered


def _arrays(tensors):
    return [None if tensor is None else tensor.detach().numpy() for tensor in tensors]


def _tensors(arrays):
    return tuple(torch.from_numpy(array) for array in arrays)
