"""The adaptive softmax (Grave et al., 2017): frequent classes in a head, rarer ones in tails of fewer features.

Classes are ranked by how often they occur. The head has a logit for each class of rank < cutoffs[0] and one for each
tail; tail i has the classes of rank cutoffs[i] to cutoffs[i + 1]. A class of a tail has the probability of the tail
times its probability in the tail, so that all of them sum up to 1. Training computes a tail only for the rows whose
target is in it; its loss is the exact one.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...interfaces.data import IGNORE
from ...interfaces.model import Score, nats_of
from ..cutoffs import checked_cutoffs, tail_sizes
from ..weights import Weights
from .heads import linear_cross_entropy, log_probabilities

LOGITS = 1 << 22  # of an evaluation at a time


class AdaptiveSoftmax:
    """The computation over weights that the network holds.

    head: W (classes + tails, F), b. Each of `tails`: P (h, F), W (its classes, h), b. `ranks` (K,) are those of the
    classes.
    """

    def __init__(self, head: Weights, tails: Sequence[Weights], ranks: Tensor):
        self.head, self.tails, self.ranks = head, tails, ranks
        self.first = len(head.b) - len(tails)
        ends = itertools.accumulate((len(tail.b) for tail in tails), initial=self.first)
        self.bounds = list(itertools.pairwise(ends))

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """x (n, F), targets (n,) -> summed negative log-likelihood, 0-d, from as few logits as possible."""
        ranks = self.ranks[targets.clamp(min=0)].masked_fill(targets == IGNORE, IGNORE)
        in_head, nats = ranks, []
        for i, (tail, (start, end)) in enumerate(zip(self.tails, self.bounds)):
            inside = (ranks >= start) & (ranks < end)
            in_head = in_head.masked_fill(inside, self.first + i)
            rows = inside.nonzero()[:, 0]
            h = F.linear(x[rows], tail.get_parameter("P"))
            nats.append(linear_cross_entropy(h, tail.W, tail.b, ranks[rows] - start).loss)
        return torch.stack([*map(torch.as_tensor, nats), self._head_loss(x, in_head)]).sum()

    def log_probabilities(self, x: Tensor) -> Tensor:
        """x (..., F) -> log-probabilities of all classes (..., K)."""
        head = log_probabilities(F.linear(x, self.head.W, self.head.b))
        parts = [head[..., : self.first]]
        for i, tail in enumerate(self.tails):
            h = F.linear(x, tail.get_parameter("P"))
            within = log_probabilities(F.linear(h, tail.W, tail.b))
            parts.append(within + head[..., self.first + i, None])
        return torch.cat(parts, dim=-1)[..., self.ranks]

    def score(self, x: Tensor, targets: Tensor) -> Score:
        """x (n, F), targets (n,) -> Score with everything in it, by the probabilities of all classes."""
        scores = []
        rows = max(1, LOGITS // len(self.ranks))
        for some, their in zip(x.split(rows), targets.split(rows)):
            log_probs = self.log_probabilities(some)
            scores.append((nats_of(log_probs, their), (log_probs.argmax(dim=1) == their).sum()))
        each = torch.cat([nats for nats, _ in scores])
        correct = torch.stack([hits for _, hits in scores]).sum()
        return Score(each.sum(), each.sum(), correct, None if torch.is_grad_enabled() else each)

    def _head_loss(self, x: Tensor, targets: Tensor) -> Tensor:
        return torch.as_tensor(linear_cross_entropy(x, self.head.W, self.head.b, targets).loss)


def adaptive_weights(
    cutoffs: Sequence[int] | None, num_classes: int, width: int, divisor: float
) -> tuple[Weights, list[Weights]]:
    """Head and tails over F = `width` features by the cutoffs of `checked_cutoffs`. ValueError for impossible ones."""
    cutoffs = checked_cutoffs(cutoffs, num_classes)
    sizes = tail_sizes(cutoffs, num_classes, width, divisor)
    tails = [Weights(P=(h, width), W=(size, h), b=(size,)) for size, h in sizes]
    rows = cutoffs[0] + len(tails)
    return Weights(W=(rows, width), b=(rows,)), tails


def ranks_of(counts: Tensor) -> Tensor:
    """counts (K,) -> the rank (K,) of each class, 0 for the most frequent; of equal counts the first first."""
    order = counts.argsort(descending=True, stable=True)
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
