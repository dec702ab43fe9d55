"""A window of the NumPy network as a node of torch's graph, for callers that differentiate its score."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .tensors import arrays, as_tensor

QUIET = np.errstate(over="ignore", invalid="ignore")  # the training loop reports a diverging network


class WindowNode(torch.autograd.Function):
    """One window as a node of torch's graph: (state, weights) -> (loss, correct, nats of each target, state after)."""

    @staticmethod
    @QUIET
    def forward(
        ctx: Any, network: Any, inputs: Tensor, targets: Tensor, num_states: int, *tensors: Tensor
    ) -> tuple[Any, ...]:
        stack, outputs, after, caches = network._forward(inputs, tensors[:num_states])
        has_nats = network.loss == "cross_entropy" and not network.real_targets
        each = [torch.empty(targets.shape, dtype=network.output.b.dtype)] if has_nats else []
        loss, d_outputs, correct = network.loss_function(outputs, targets.numpy(), *arrays(each))
        ctx.mark_non_differentiable(*each, *(part for part in after if not part.is_floating_point()))
        ctx.set_materialize_grads(False)  # None for what no gradient comes from: the state after, when truncated
        ctx.kept = network, stack, arrays(tensors[:num_states]), caches, d_outputs
        return torch.from_numpy(np.asarray(loss)), correct, each[0] if has_nats else None, *after

    @staticmethod
    @once_differentiable
    @QUIET
    def backward(ctx: Any, d_loss: Tensor | None, _: None, __: None, *d_after: Tensor | None) -> tuple[Any, ...]:
        network, stack, state, caches, d_outputs = ctx.kept
        factor = 0.0 if d_loss is None else d_loss.item()
        d_outputs = d_outputs if factor == 1.0 else d_outputs * factor
        d_state = tuple(np.zeros_like(part) if d is None else d for d, part in zip(arrays(d_after), state))
        d_x, d_states, gradients = stack.backward(d_outputs, network.split(d_state), caches)
        d_before = (None if part is None else torch.from_numpy(part) for part in network.joined(d_states))
        return (
            None,
            torch.from_numpy(d_x) if ctx.needs_input_grad[1] else None,
            None,
            None,
            *d_before,
            *(as_tensor(gradients[name], W) for name, W in network.named_weights()),
        )
