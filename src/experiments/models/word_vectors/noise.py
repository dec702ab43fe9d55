"""What is drawn while word vectors are learned: noise, narrower contexts, and frequent symbols that are left out.

In training the draws come from torch's global generator, which the seed begins and a checkpoint keeps, so that NumPy
and torch draw alike and a resumed run draws what it would have drawn. They are made on the CPU in float64.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

EVALUATION_SEED = 0  # of the noise in an evaluation, which must not change what training draws after it


def noise_distribution(counts: Tensor, power: float) -> Tensor:
    """counts (V,) -> cumulative probabilities (V,) float64, proportional to counts to a power (Mikolov: 0.75)."""
    weights = counts.double().cpu() ** power
    total = weights.cumsum(dim=0)
    return total / total[-1]


def draw_noise(cumulative: Tensor, number: int, k: int, generator: torch.Generator | None) -> Tensor:
    """Cumulative probabilities (V,) -> ids (number, k), independent draws by inversion."""
    uniform = torch.rand(number, k, dtype=torch.float64, generator=generator)
    return torch.searchsorted(cumulative, uniform, right=True).clamp_(max=len(cumulative) - 1)


def share_kept(counts: Tensor, threshold: float) -> Tensor:
    """counts (V,) -> the probability (V,) with which an occurrence of each symbol is read.

    sqrt(t/f) + t/f for a share f of the text, as in word2vec's program; the paper has sqrt(t/f) alone.
    """
    ratio = threshold * counts.sum() / counts.clamp(min=1).double()
    return (ratio.sqrt() + ratio).clamp(max=1.0).cpu()


def draw_reaches(ids: Tensor, context_size: int, shrink: bool, kept: Tensor | None) -> Tensor:
    """ids (...) -> how far each occurrence sees: context_size, with `shrink` evenly 1 to context_size; 0: left out.

    Negative ids, which are no symbols, are not left out.
    """
    shape = ids.shape
    reaches = torch.full(shape, context_size)
    if shrink:
        reaches = 1 + (torch.rand(shape, dtype=torch.float64) * context_size).long()
    if kept is not None:
        is_left_out = torch.rand(shape, dtype=torch.float64) >= kept[ids.cpu().clamp(min=0)]
        reaches[is_left_out & (ids.cpu() >= 0)] = 0
    return reaches.to(ids.device)


def uniform_counts(counts: Sequence[int] | None, num_symbols: int) -> Tensor:
    """Counts as a tensor (V,) int64; all alike where they are not known."""
    if counts is None:
        return torch.ones(num_symbols, dtype=torch.int64)
    return torch.as_tensor(counts, dtype=torch.int64)
