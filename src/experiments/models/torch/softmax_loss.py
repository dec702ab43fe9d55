"""Affine layer, softmax and cross-entropy as one operation, for vocabularies that dwarf the rest of a network.

The logits z = W x + b of some rows at a time turn in place into their own gradient, softmax(z) - one-hot(target), and
that at once into those of x, W and b: nothing of size (n, K) is kept. Backward only multiplies by what it is given.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...interfaces.data import IGNORE
from .products import affine, lowered

LOGITS = 1 << 23  # of a part, if there are so many: 32 MB, from where on memory is the system's and returned to it
WIDENED = 1 << 18  # of them in float32 at a time, if they have fewer bits: what a core's cache holds


def softmax_loss(x: Tensor, W: Tensor, b: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """x (n, F), W (K, F), b (K), targets (n,) -> summed negative log-likelihood, number of targets ranked first; 0-d.

    A target of IGNORE counts nothing. Under autocast products and logits have its dtype, sums that of b.
    """
    kept = targets != IGNORE
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, W, b))
    if x.is_cuda:  # to ask whether any is ignored would mean to wait for it
        return _SoftmaxLoss.apply(x, W, b, targets.clamp(min=0), kept, learns)
    if not kept.all():
        x, targets = x[kept], targets[kept]
    return _SoftmaxLoss.apply(x, W, b, targets, None, learns)


class _SoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b, targets, kept, learns):
        """`kept` (n,) bool says which rows count; None: all. `learns` says whether there will be a backward."""
        x_c, W_c, b_c = lowered(x, W, b)
        nats, correct = b.new_zeros(()), targets.new_zeros(())
        n = len(x)
        number = max(1, n * len(W) // LOGITS)  # of parts
        rows = max(1, -(-n // number))
        d_x, d_b = torch.empty_like(x), torch.zeros_like(b)
        d_W = torch.zeros_like(W) if learns and not 0 < n <= rows else None  # one part makes its own
        for part in (slice(start, start + rows) for start in range(0, n, rows)):
            z = affine(x_c[part], W_c, b_c)
            costs, first = into_gradient(z, targets[part, None], b.dtype)
            if kept is not None:
                costs, first = costs.masked_fill(~kept[part], 0.0), first & kept[part]
                z.masked_fill_(~kept[part, None], 0.0)
            nats += costs.sum()
            correct += first.sum()
            if learns:
                d_x[part] = affine(z, W_c.T)
                d_b += z.sum(0, dtype=b.dtype)
                d_W = _plus_product(d_W, z.T, x_c[part], W.dtype)
            del z  # before the next ones are there
        ctx.gradients = d_x, d_W, d_b
        ctx.mark_non_differentiable(correct)
        return nats, correct

    @staticmethod
    @once_differentiable
    def backward(ctx, d_nats, _):
        gradients, ctx.gradients = ctx.gradients, None
        if d_nats.is_cuda or d_nats != 1:
            gradients = [gradient.mul_(d_nats) for gradient in gradients]
        return *gradients, None, None, None


def into_gradient(z: Tensor, targets: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Logits (n, K) become softmax(z) - one-hot(target) of targets (n, 1) -> costs in nats (n,), ranked first? (n,).

    Logits of fewer bits than `dtype` are widened to it, some rows at a time.
    """
    if z.dtype == dtype:
        return _into_gradient(z, targets)
    results, rows = [], max(1, len(z) if z.is_cuda else WIDENED // z.shape[1])
    for some, their in zip(z.split(rows), targets.split(rows)):
        wide = some.to(dtype)
        results.append(_into_gradient(wide, their))
        some.copy_(wide)
    return tuple(torch.cat(parts) for parts in zip(*results))


def _into_gradient(z: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    largest, at_target = z.amax(1, keepdim=True), z.gather(1, targets)
    first = _ranked_first(z, targets, at_target == largest)
    torch.softmax(z, 1, out=z)
    costs = largest - at_target - z.amax(1, keepdim=True).log()  # the largest probability is 1 / sum exp(z - largest)
    z.scatter_add_(1, targets, z.new_full((), -1.0).expand_as(targets))
    return costs[:, 0], first[:, 0]


def _ranked_first(z: Tensor, targets: Tensor, largest: Tensor) -> Tensor:
    """Whether each target (n, 1) is its row's argmax, if `largest` says which have the largest logit, maybe shared."""
    if z.is_cuda:
        return z.argmax(1, keepdim=True) == targets
    rows = largest[:, 0].nonzero()[:, 0]  # so few have to be searched
    return largest.index_copy(0, rows, z[rows].argmax(1, keepdim=True) == targets[rows])


def _plus_product(total: Tensor | None, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """total + a @ b, in place if there is a total: then nothing else of its size is made."""
    if total is None:
        return affine(a, b.T).to(dtype)
    return total.addmm_(a, b) if a.dtype == dtype else total.add_(a @ b)
