"""Word vectors in torch: autograd gives the gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...interfaces.data import PADDING
from .examples import Examples
from .model import WordVectors


class TorchWordVectors(WordVectors):
    """See `WordVectors`."""

    devices = ("cpu", "cuda", "mps")

    def costs(self, examples: Examples, drawn: Tensor | None) -> tuple[Tensor, Tensor | None]:
        h = self._sources(examples.sources)
        if drawn is None:
            return softmax_costs(h, self.output.W, examples)
        words = torch.cat([examples.targets[:, None], drawn], dim=1)
        u = F.embedding(words, self.output.W, sparse=self.is_sparse(words.numel()))
        return negative_sampling_costs(h[examples.rows], u, words), None

    def _sources(self, sources: Tensor) -> Tensor:
        """sources (n, S) -> the mean vectors (n, E)."""
        vectors = F.embedding(sources.clamp(min=0), self.embedding.W, sparse=self.is_sparse(sources.numel()))
        if sources.shape[1] == 1:
            return vectors[:, 0]
        is_there = (sources != PADDING).to(vectors.dtype)
        return (vectors * is_there[..., None]).sum(dim=1) / is_there.sum(dim=1, keepdim=True)


def softmax_costs(h: Tensor, W: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
    """h (n, E), W (V, E) -> summed negative log-likelihood, correct predictions. A source has one softmax for all."""
    z = F.linear(h, W)
    predictions = torch.bincount(examples.rows, minlength=len(z)).to(z.dtype)
    loss = (z.logsumexp(dim=1) * predictions).sum() - z[examples.rows, examples.targets].sum()
    best = z.detach().argmax(dim=1)
    return loss, (best[examples.rows] == examples.targets).sum()


def negative_sampling_costs(h: Tensor, u: Tensor, words: Tensor) -> Tensor:
    """h (m, E), u (m, 1+k, E) the output vectors of `words` (m, 1+k): the target and its noise -> the summed loss."""
    s = torch.einsum("me,mke->mk", h, u)
    is_noise = words[:, 1:] != words[:, :1]
    return F.softplus(-s[:, 0]).sum() + (F.softplus(s[:, 1:]) * is_noise).sum()
