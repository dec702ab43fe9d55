"""The softmax of training over the target and a sample of the other classes; evaluation has them all.

The sample is one for all rows of a window. Every class enters it by itself, class j with probability pi_j, which is
min(1, c * count_j) with c such that the expected number of classes is as wanted. Given that one of the classes of
sample and target is the target, it is class j with a probability proportional to exp(z_j) / pi_j: so -log pi_j is added
to the logits (the logQ correction of Jean et al., 2015, and Jozefowicz et al., 2016), and the logits that fit best are
those of the full softmax however few are drawn. With all classes drawn it is the full softmax.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .heads import widened

LEFT_OUT = -1e30  # the logit of a sampled class that is the row's target, which is counted once; -inf would give NaN


def inclusion_probabilities(counts: Tensor, num_samples: int) -> Tensor:
    """counts (K,) -> probabilities (K,) float64 proportional to the counts, at most 1, that sum up to `num_samples`.

    A count of 0 is taken as 1. With num_samples >= K all are 1.
    """
    shares = counts.double().clamp(min=1.0)
    certain = torch.zeros_like(shares, dtype=torch.bool)
    while int(certain.sum()) < min(num_samples, len(shares)):
        wanted = num_samples - int(certain.sum())
        scaled = wanted * shares / shares[~certain].sum()
        more = (scaled >= 1.0) & ~certain
        if not more.any():
            return scaled.masked_fill(certain, 1.0)
        certain |= more
    return certain.double() if num_samples < len(shares) else torch.ones_like(shares)


def draw(inclusion: Tensor) -> Tensor:
    """inclusion (K,) -> the ids (m,) of the classes drawn, in ascending order, from torch's global generator."""
    return (torch.rand(len(inclusion), device=inclusion.device) < inclusion).nonzero()[:, 0]


def sampled_loss(
    x: Tensor, W: Tensor, b: Tensor, targets: Tensor, drawn: Tensor, log_inclusion: Tensor, sparse: bool
) -> Tensor:
    """x (n, F), W (K, F), b (K), targets (n,), drawn (m,) ascending, log pi (K,) -> the summed loss, 0-d.

    Only the rows of W that are drawn or targets get a gradient, which is row-sparse with `sparse`.
    """
    ids = torch.cat([drawn, targets])
    shift = (b - log_inclusion.to(b.dtype))[ids]
    rows = F.embedding(ids, W, sparse=sparse)
    m = len(drawn)
    others = widened(F.linear(x, rows[:m])) + shift[:m]
    own = (x * rows[m:]).sum(dim=1, dtype=b.dtype) + shift[m:]
    if m:
        place = torch.searchsorted(drawn, targets).clamp(max=m - 1)
        hit = drawn[place] == targets
        others = others.index_put((hit.nonzero()[:, 0], place[hit]), others.new_full((), LEFT_OUT))
    return (torch.logaddexp(others.logsumexp(dim=1), own) - own).sum()
