"""From the gradient of a summed loss to a step: divided, measured and clipped in as few passes as possible."""

import torch
from torch import Tensor

from ..interfaces.model import Model


class Gradients:
    """The gradients of a model's parameters, and the optimizer that uses them."""

    def __init__(self, model: Model, optimizer: torch.optim.Optimizer, clip_norm: float | None):
        self._optimizer, self._clip_norm = optimizer, clip_norm
        self.parameters = list(model.parameters())
        on_cpu = all(p.device.type == "cpu" for p in self.parameters)  # on a GPU both would wait for the device
        self._is_linear = on_cpu and _is_linear(optimizer)
        model.sparse_gradients = on_cpu and takes_sparse(optimizer)
        torch.sparse.check_sparse_tensor_invariants.disable()  # explicitly, or torch's Adagrad warns

    def step(self, divisor: int, measured: bool) -> Tensor | None:
        """Divide the gradients, clip their norm, step, clear them; the norm before clipping, 0-d.

        Without clipping the norm is computed only if `measured`, otherwise None.
        """
        gradients = [_values(p) for p in self.parameters if p.grad is not None]
        norm: Tensor | None = None
        factor: float | Tensor = 1.0 / divisor
        if measured or self._clip_norm is not None:
            norm = torch.nn.utils.get_total_norm(gradients) / divisor
        if norm is not None and self._clip_norm is not None:
            factor = factor * (self._clip_norm / (norm + 1e-6)).clamp(max=1.0)  # as torch's clip_grad_norm_
        if self._is_linear:
            self._descend(float(factor))
        else:
            torch._foreach_mul_(gradients, factor)
            self._optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        return norm

    @torch.no_grad()
    def _descend(self, factor: float) -> None:
        """The step of plain gradient descent, with the factor in the same pass as the learning rate."""
        for group in self._optimizer.param_groups:
            learning = [parameter for parameter in group["params"] if parameter.grad is not None]
            torch._foreach_add_(learning, [p.grad for p in learning], alpha=-group["lr"] * factor)


def takes_sparse(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the optimizer accepts row-sparse gradients and makes the same step with them as with dense ones."""
    other = any(group.get("weight_decay") or group.get("fused") for group in optimizer.param_groups)
    return _is_linear(optimizer) or (type(optimizer) is torch.optim.Adagrad and not other)


def _is_linear(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step is the gradient times the learning rate and nothing else."""
    other = ("momentum", "weight_decay", "maximize")
    plain = not any(group.get(option) for group in optimizer.param_groups for option in other)
    return type(optimizer) is torch.optim.SGD and plain


def _values(parameter: torch.nn.Parameter) -> Tensor:
    """The gradient's dense values; of a row-sparse gradient those of its rows."""
    gradient = parameter.grad
    assert gradient is not None
    if not gradient.is_sparse:
        return gradient
    parameter.grad = gradient = gradient.coalesce()
    return gradient.values()
