"""Linear layer, softmax and cross-entropy as one operation, for vocabularies that dwarf the rest of a network.

The logits z = W x + b of some rows at a time turn in place into their own gradient, softmax(z) - one-hot(target), and
that at once into the gradients of x, W and b: nothing of size (n, K) is kept. Backward only multiplies by its argument.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...interfaces.data import IGNORE
from .products import linear, lowered, plus_transposed

LOGITS = 1 << 23  # in one part: 32 MB, from which size on the allocator returns freed memory to the system
WIDENED = 1 << 18  # logits of lower precision that are converted at a time: a core's cache holds them


def softmax_loss(
    x: Tensor, W: Tensor, b: Tensor, targets: Tensor, target_nats: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """x (n, F), W (K, F), b (K), targets (n,) -> summed negative log-likelihood, number of correct targets; 0-d.

    Targets of IGNORE do not count. Under autocast products and logits have its dtype, sums that of b.
    If `target_nats` (n,) of the dtype of b is given, what every target costs is written into it, 0 where IGNORE.
    """
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, W, b))
    kept = targets != IGNORE
    mask, each = None, target_nats
    if x.is_cuda:  # testing whether any target is ignored would wait for the GPU
        targets, mask = targets.clamp(min=0), kept
    elif not kept.all():
        x, targets = x[kept], targets[kept]
        each = None if target_nats is None else target_nats.new_empty(len(targets))
    nats, correct = _SoftmaxLoss.apply(x, W, b, targets, mask, learns, each)  # type: ignore[no-untyped-call]
    if target_nats is not None and each is not None and each is not target_nats:
        target_nats.zero_()[kept] = each
    return nats, correct


class _SoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W: Tensor,
        b: Tensor,
        targets: Tensor,
        kept: Tensor | None,
        learns: bool,
        target_nats: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """`kept` (n,) bool masks the rows that count, None: all; `learns`: whether backward will be called."""
        low_x, low_W, low_b = lowered(x, W, b)
        nats, correct = b.new_zeros(()), targets.new_zeros(())
        parts = _parts(len(x), len(W))
        gradients = _Gradients(x, W, b, num_parts=len(parts)) if learns else None
        for part in parts:
            z = linear(low_x[part], low_W, low_b)
            costs, is_first = into_gradient(z, targets[part, None], b.dtype)
            if kept is not None:
                _ignore(~kept[part], z, costs, is_first)
            if target_nats is not None:
                target_nats[part] = costs
            nats += costs.sum()
            correct += is_first.sum()
            if gradients is not None:
                gradients.add(part, z, low_x, low_W)
            del z  # before the next part is allocated
        ctx.gradients = gradients
        ctx.mark_non_differentiable(correct)
        return nats, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_nats: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = [ctx.gradients.d_x, ctx.gradients.d_W, ctx.gradients.d_b], None
        if d_nats.is_cuda or d_nats != 1:
            gradients = [gradient.mul_(d_nats) for gradient in gradients]
        return *gradients, None, None, None, None


class _Gradients:
    """The gradients of x (n, F), W (K, F) and b (K), added up part by part."""

    def __init__(self, x: Tensor, W: Tensor, b: Tensor, num_parts: int):
        self.d_x, self.d_b = torch.empty_like(x), torch.zeros_like(b)
        self.d_W = None if num_parts == 1 else torch.zeros_like(W)  # a single part allocates its own
        self._dtype = W.dtype

    def add(self, part: slice, d_z: Tensor, x: Tensor, W: Tensor) -> None:
        """Add the gradients of some rows, whose logits have the gradient d_z."""
        self.d_x[part] = linear(d_z, W.T)
        self.d_b += d_z.sum(0, dtype=self.d_b.dtype)
        self.d_W = plus_transposed(self.d_W, d_z, x[part], self._dtype)


def _parts(n: int, K: int) -> list[slice]:
    """Slices of n rows of K logits, each of about LOGITS logits."""
    num_parts = max(1, n * K // LOGITS)
    rows = max(1, -(-n // num_parts))
    return [slice(start, start + rows) for start in range(0, n, rows)]


def into_gradient(z: Tensor, targets: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Logits (n, K) become softmax(z) - one-hot(target) of targets (n, 1) -> costs in nats (n,), correct? (n,).

    Logits of lower precision than `dtype` are converted to it, some rows at a time.
    """
    if z.dtype == dtype:
        return _into_gradient(z, targets)
    results, rows = [], max(1, len(z) if z.is_cuda else WIDENED // z.shape[1])
    for some, their in zip(z.split(rows), targets.split(rows)):
        wide = some.to(dtype)
        results.append(_into_gradient(wide, their))
        some.copy_(wide)
    costs, correct = zip(*results)
    return torch.cat(costs), torch.cat(correct)


def _into_gradient(z: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    largest, at_target = z.amax(1, keepdim=True), z.gather(1, targets)
    first = _ranked_first(z, targets, at_target == largest)
    torch.softmax(z, 1, out=z)
    costs = largest - at_target - z.amax(1, keepdim=True).log()  # the largest probability is 1 / sum exp(z - largest)
    z.scatter_add_(1, targets, z.new_full((), -1.0).expand_as(targets))
    return costs[:, 0], first[:, 0]


def _ignore(rows: Tensor, d_z: Tensor, costs: Tensor, is_first: Tensor) -> None:
    """Clear the gradient, the cost and the hit of some `rows` (n,) bool, in place."""
    d_z.masked_fill_(rows[:, None], 0.0)
    costs.masked_fill_(rows, 0.0)
    is_first.masked_fill_(rows, False)


def _ranked_first(z: Tensor, targets: Tensor, largest: Tensor) -> Tensor:
    """Whether each target (n, 1) is its row's argmax; `largest` (n, 1): which have the largest logit or share it."""
    if z.is_cuda:
        return z.argmax(1, keepdim=True) == targets
    rows = largest[:, 0].nonzero()[:, 0]  # only these need a search
    return largest.index_copy(0, rows, z[rows].argmax(1, keepdim=True) == targets[rows])
