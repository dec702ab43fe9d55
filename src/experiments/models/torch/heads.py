"""From outputs to probabilities and losses in torch; numpy/heads.py is the same by hand.

Without gradients, as in an evaluation, a score also holds what every target costs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...interfaces.data import IGNORE
from ...interfaces.model import Score, nats_of
from .softmax_loss import softmax_loss

FEW = 1 << 16  # logits, up to which torch's own functions are fastest


def linear_cross_entropy(features: Tensor, W: Tensor, b: Tensor, targets: Tensor) -> Score:
    """features (n, F), W (K, F), b (K), targets (n,) -> summed negative log-likelihood of the targets."""
    if len(features) * len(W) <= FEW:
        return cross_entropy(F.linear(features, W, b), targets)
    each = None if torch.is_grad_enabled() else torch.empty_like(targets, dtype=b.dtype)
    nats, correct = softmax_loss(features, W, b, targets, each)
    return Score(nats, nats, correct, each)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Score:
    """outputs (n, K), targets (n,) -> summed negative log-likelihood of the targets."""
    log_probs = log_probabilities(outputs)
    nats = F.nll_loss(log_probs, targets, ignore_index=IGNORE, reduction="sum")
    each = None if torch.is_grad_enabled() else nats_of(log_probs, targets)
    return Score(nats, nats, num_correct(outputs, targets), each)


def squared_error(outputs: Tensor, targets: Tensor) -> Score:
    """outputs (n, K), targets (n,) -> sum over targets of the mean over K of (output - one-hot)^2."""
    counted = targets != IGNORE
    outputs = widened(outputs)
    one_hot = F.one_hot(targets.clamp(min=0), outputs.shape[1]).to(outputs.dtype)
    loss = ((outputs - one_hot).square().mean(dim=1) * counted).sum()
    return Score(loss, None, num_correct(outputs, targets))


def squared_difference(outputs: Tensor, targets: Tensor) -> Score:
    """outputs (n, 1), targets (n,) that are numbers -> sum of squared errors; targets of NaN do not count."""
    outputs = widened(outputs)[:, 0]
    errors = (outputs - targets.to(outputs.dtype)).masked_fill(targets.isnan(), 0.0)
    return Score(errors.square().sum(), None, None)


def as_window(score: Score, shape: torch.Size) -> Score:
    """The score of targets that were flattened, for targets of this shape."""
    return score if score.target_nats is None else score._replace(target_nats=score.target_nats.view(shape))


def num_correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """outputs (n, K), targets (n,) -> the number of targets that have the largest output, 0-d int64."""
    return (outputs.detach().argmax(dim=1) == targets).sum()


def log_probabilities(outputs: Tensor) -> Tensor:
    """outputs (..., K) -> log-softmax. For a squared-error network this only ranks the symbols."""
    return F.log_softmax(widened(outputs), dim=-1)


def widened(outputs: Tensor) -> Tensor:
    """The outputs in float32 or float64: sums in bfloat16 would have three digits."""
    return outputs.float() if outputs.dtype == torch.bfloat16 else outputs


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}
