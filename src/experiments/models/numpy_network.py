"""The recurrent network in NumPy, wrapped as a torch module: `loss.backward()` calls our own backpropagation."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import bptt, numpy_heads
from .cells import CELLS, Array, CellState
from .interface import Score, State
from .network import RecurrentNetwork
from .numpy_pooling import PoolCache, pool, pool_backward

QUIET = np.errstate(over="ignore", invalid="ignore")  # a diverging network is the training loop's to report


class Cache(NamedTuple):
    p: bptt.Parameters
    recurrent: bptt.Cache
    hidden: Array  # (T, B, D*H)
    pooled: PoolCache | None
    features: Array  # (T, B, F), or (1, B, F) of a network for labels
    mask: Array | None  # the features' dropout


class NumpyNetwork(RecurrentNetwork):
    """Forward and backward are `bptt` and `cells`; torch only stores the parameters and applies the optimizer."""

    devices = ("cpu",)
    precisions = ("float32", "float64")

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), state after. Not differentiable."""
        masks = _arrays(self.dropout_masks(inputs))
        outputs, after, _ = self.read(inputs.numpy(), _arrays(state), masks)
        log_probs = numpy_heads.log_softmax(outputs)
        return torch.from_numpy(log_probs).view(*inputs.shape, -1), _tensors(after)

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        parameters = dict(self.named_parameters())
        loss, correct, *after = _Window.apply(
            self, inputs, targets, self.dropout_masks(inputs), list(parameters), *state, *parameters.values()
        )
        nats = loss.detach() if self.loss == "cross_entropy" else None
        return Score(loss, nats, correct), tuple(after)

    def read(self, inputs: Array, state: CellState, masks: bptt.Masks) -> tuple[Array, CellState, Cache]:
        """inputs (T, B) -> outputs (T*B, K), state after, cache."""
        p = {name: parameter.detach().numpy() for name, parameter in self.named_parameters()}
        cells = CELLS[self.cell].states
        hidden, after, recurrent = bptt.forward(CELLS[self.cell], p, inputs, state[:cells], masks[:-1])
        features, pooled = hidden, None
        if self.pooling != "last":
            features, pools, pooled = pool(self.pooling, hidden, bptt.live_steps(inputs), state[cells:])
            after += pools
        elif self.bidirectional:  # the last output of each direction
            features = np.concatenate(after[0][-2:], axis=1)[None]
        features = features if masks[-1] is None else features * masks[-1]
        outputs = numpy_heads.affine(p, features)
        outputs = numpy_heads.two_outputs(outputs) if self.logistic else outputs
        if self.labels_only:  # the same at every step
            outputs = np.tile(outputs, (len(inputs), 1))
        return outputs, after, Cache(p, recurrent, hidden, pooled, features, masks[-1])

    def read_backward(self, cache: Cache, d_outputs: Array, d_after: CellState) -> tuple[bptt.Parameters, CellState]:
        """d_outputs (T*B, K), d_state after -> gradients by name, d_state before."""
        if self.labels_only:
            d_outputs = d_outputs.reshape(len(cache.hidden), -1, self.num_outputs).sum(axis=0)
        if self.logistic:
            d_outputs = d_outputs[:, 1:]  # the first is the constant 0
        gradients, d_features = numpy_heads.affine_backward(cache.p, cache.features, d_outputs)
        d_features = d_features if cache.mask is None else d_features * cache.mask
        d_hidden, d_pools = d_features, ()
        if self.pooling != "last":
            cells = CELLS[self.cell].states
            d_hidden, d_pools = pool_backward(self.pooling, d_features, d_after[cells + 1 :], cache.pooled)
            d_after, d_pools = d_after[:cells], (None, *d_pools)  # a number of steps has no gradient
        elif self.bidirectional:
            d_hidden = np.zeros_like(cache.hidden)
            d_last = np.stack(np.split(d_features[0], 2, axis=1))
            d_after = (np.concatenate([d_after[0][:-2], d_after[0][-2:] + d_last]), *d_after[1:])
        recurrent, d_state = bptt.backward(CELLS[self.cell], cache.p, cache.recurrent, d_hidden, d_after)
        return numpy_heads.sum_gradients(gradients, recurrent), d_state + d_pools


class _Window(torch.autograd.Function):
    """One window as a node of torch's graph: (state, parameters) -> (loss, correct, state after)."""

    @staticmethod
    @QUIET
    def forward(ctx, network, inputs, targets, masks, names, *tensors):
        state, ids = _arrays(tensors[: len(tensors) - len(names)]), targets.numpy().ravel()
        outputs, after, cache = network.read(inputs.numpy(), state, _arrays(masks))
        loss, d_outputs = numpy_heads.LOSSES[network.loss](outputs, ids)
        correct = torch.tensor((outputs.argmax(axis=1) == ids).sum())
        after = _tensors(after)
        ctx.mark_non_differentiable(correct, *(part for part in after if not part.is_floating_point()))
        ctx.kept = network, cache, d_outputs, names
        return torch.from_numpy(np.asarray(loss)), correct, *after

    @staticmethod
    @QUIET
    def backward(ctx, d_loss, _, *d_after):
        network, cache, d_outputs, names = ctx.kept
        gradients, d_state = network.read_backward(cache, d_outputs * d_loss.numpy(), _arrays(d_after))
        return None, None, None, None, None, *_tensors([*d_state, *(gradients[name] for name in names)])


def _arrays(tensors):
    return tuple(None if tensor is None else tensor.detach().numpy() for tensor in tensors)


def _tensors(arrays):
    return tuple(None if array is None else torch.from_numpy(array) for array in arrays)
