"""The recurrent network in NumPy, wrapped as a torch module.

Training calls `learn`, which has no part of autograd in it. What `score` gives is a node of torch's graph for everybody
who wants to differentiate it: its `backward()` calls the same backpropagation.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...interfaces.model import Score, State
from ..network import RecurrentNetwork
from . import heads, layers
from .cells import CELLS, Array, CellState
from .pooling import PoolCache, pool, pool_backward

QUIET = np.errstate(over="ignore", invalid="ignore")  # a diverging network is the training loop's to report


class Cache(NamedTuple):
    p: layers.Parameters
    recurrent: layers.Cache
    hidden: Array  # (T, B, D*H)
    pooled: PoolCache | None
    features: Array  # (T, B, F), or (1, B, F) of a network for labels
    mask: Array | None  # the features' dropout


class NumpyNetwork(RecurrentNetwork):
    """Forward and backward are `bptt` and `cells`; torch only stores the parameters and applies the optimizer."""

    devices = ("cpu",)
    precisions = ("float32", "float64")
    computes_without_torch = True
    _places: list[tuple[str, torch.nn.Module, str]] | None = None  # of the weights: path, module, name in it

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), state after. Not differentiable."""
        masks = _arrays(self.dropout_masks(inputs))
        parameters = {name: W.detach().numpy() for name, W in self.named_weights()}
        outputs, after, _ = self.read(parameters, inputs.numpy(), _arrays(state), masks)
        log_probs = heads.log_softmax(outputs)
        return torch.from_numpy(log_probs).view(*inputs.shape, -1), _tensors(after)

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        parameters = dict(self.named_weights())
        loss, correct, *after = _Window.apply(
            self, inputs, targets, self.dropout_masks(inputs), list(parameters), *state, *parameters.values()
        )
        return Score(loss, loss if self.loss == "cross_entropy" else None, correct), tuple(after)

    @QUIET
    def learn(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, and adds the gradients of its loss to those of the parameters; the loss is a plain number."""
        weights = self.named_weights()
        parameters = {name: W.detach().numpy() for name, W in weights}
        state, masks = _arrays(state), _arrays(self.dropout_masks(inputs))
        outputs, after, cache = self.read(parameters, inputs.numpy(), state, masks)
        loss, d_outputs, correct = heads.LOSSES[self.loss](outputs, targets.numpy().ravel())
        # the truncation: no gradient comes from the state after, and that of the state before goes nowhere
        gradients, _ = self.read_backward(cache, d_outputs, [np.zeros_like(part) for part in state])
        for name, W in weights:
            if W.requires_grad:
                gradient = _gradient(gradients[name], W)
                W.grad = gradient if W.grad is None else W.grad.add_(gradient)
        loss = float(loss)
        return Score(loss, loss if self.loss == "cross_entropy" else None, correct), _tensors(after)

    def named_weights(self) -> list[tuple[str, Tensor]]:
        """What `named_parameters` says, without its search through all modules every time."""
        if self._places is None:
            modules = self.named_modules()
            self._places = [(f"{path}.{name}", module, name) for path, module in modules for name in module._parameters]
        return [(path, module._parameters[name]) for path, module, name in self._places]

    def read(
        self, p: layers.Parameters, inputs: Array, state: CellState, masks: layers.Masks
    ) -> tuple[Array, CellState, Cache]:
        """inputs (T, B) -> outputs (T*B, K), state after, cache."""
        cells = CELLS[self.cell].states
        hidden, after, recurrent = layers.forward(CELLS[self.cell], p, inputs, state[:cells], masks[:-1])
        features, pooled = hidden, None
        if self.pooling != "last":
            features, pools, pooled = pool(self.pooling, hidden, layers.live_steps(inputs), state[cells:])
            after += pools
        elif self.bidirectional:  # the last output of each direction
            features = np.concatenate(after[0][-2:], axis=1)[None]
        features = features if masks[-1] is None else features * masks[-1]
        outputs = heads.affine(p, features)
        outputs = heads.two_outputs(outputs) if self.logistic else outputs
        if self.labels_only:  # the same at every step
            outputs = np.tile(outputs, (len(inputs), 1))
        return outputs, after, Cache(p, recurrent, hidden, pooled, features, masks[-1])

    def read_backward(self, cache: Cache, d_outputs: Array, d_after: CellState) -> tuple[layers.Parameters, CellState]:
        """d_outputs (T*B, K), d_state after -> gradients by name, d_state before."""
        if self.labels_only:
            d_outputs = d_outputs.reshape(len(cache.hidden), -1, self.num_outputs).sum(axis=0)
        if self.logistic:
            d_outputs = d_outputs[:, 1:]  # the first is the constant 0
        gradients, d_features = heads.affine_backward(cache.p, cache.features, d_outputs)
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
        recurrent, d_state = layers.backward(CELLS[self.cell], cache.p, cache.recurrent, d_hidden, d_after)
        if self.embedding is not None and not self.has_sparse_gradient:
            recurrent["embedding.W"] = recurrent["embedding.W"].dense(self.num_inputs)
        return heads.sum_gradients(gradients, recurrent), d_state + d_pools


class _Window(torch.autograd.Function):
    """One window as a node of torch's graph: (state, parameters) -> (loss, correct, state after)."""

    @staticmethod
    @QUIET
    def forward(ctx, network, inputs, targets, masks, names, *tensors):
        state, parameters = _arrays(tensors[: -len(names)]), dict(zip(names, _arrays(tensors[-len(names) :])))
        outputs, after, cache = network.read(parameters, inputs.numpy(), state, _arrays(masks))
        loss, d_outputs, correct = heads.LOSSES[network.loss](outputs, targets.numpy().ravel())
        after = _tensors(after)
        ctx.mark_non_differentiable(*(part for part in after if not part.is_floating_point()))
        ctx.set_materialize_grads(False)  # None for what the gradient does not pass: the state after, when truncated
        ctx.kept = network, state, cache, d_outputs, names
        return torch.from_numpy(np.asarray(loss)), correct, *after

    @staticmethod
    @once_differentiable
    @QUIET
    def backward(ctx, d_loss, _, *d_after):
        network, state, cache, d_outputs, names = ctx.kept
        factor = 0.0 if d_loss is None else d_loss.item()
        d_outputs = d_outputs if factor == 1.0 else d_outputs * factor
        d_after = [np.zeros_like(part) if d is None else d for d, part in zip(_arrays(d_after), state)]
        gradients, d_state = network.read_backward(cache, d_outputs, d_after)
        gradients = [_gradient(gradients[name], cache.p[name]) for name in names]
        return None, None, None, None, None, *_tensors(d_state), *gradients


def _arrays(tensors):
    return tuple(None if tensor is None else tensor.detach().numpy() for tensor in tensors)


def _tensors(arrays):
    return tuple(None if array is None else torch.from_numpy(array) for array in arrays)


def _gradient(gradient: Array | layers.Rows, W: Array | Tensor) -> Tensor:
    if isinstance(gradient, layers.Rows):
        ids, values = torch.from_numpy(gradient.ids)[None], torch.from_numpy(gradient.values)
        return torch.sparse_coo_tensor(ids, values, W.shape, check_invariants=False, is_coalesced=True)
    return torch.from_numpy(np.ascontiguousarray(gradient))  # fused optimizers take it to lie as its weight does
