"""From outputs to probabilities and losses in NumPy; torch/heads.py is the same in torch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...interfaces.data import IGNORE
from .cells import Array
from .layers import Gradients, Layer, States

CACHED = 1 << 18  # numbers that a core's cache holds


class TwoOutputs(Layer):
    """Logits (T, B, 1) -> outputs (T, B, 2): the sigmoid of z is the softmax of (0, z)."""

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, None]:
        return np.concatenate([np.zeros_like(x), x], axis=2), states, None

    def backward(self, d_y: Array, d_states: States, cache: None) -> tuple[Array, States, Gradients]:
        return d_y[..., 1:], d_states, {}


def log_softmax(outputs: Array) -> Array:
    """outputs (..., K) -> log-probabilities (..., K)."""
    shifted = outputs - outputs.max(axis=-1, keepdims=True)
    log_probs: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_probs


def cross_entropy(outputs: Array, targets: Array, target_nats: Array | None = None) -> tuple[Any, Array, int]:
    """outputs (..., K), targets (...) -> summed negative log-likelihood in nats, d_outputs, number of correct targets.

    The outputs turn in place into their own gradient, as many rows at a time as a core's cache holds.
    If `target_nats` (...) is given, what every target costs is written into it, 0 where nothing is predicted.
    """
    rows, targets = outputs.reshape(-1, outputs.shape[-1]), targets.ravel()
    each = None if target_nats is None else target_nats.reshape(-1)
    number = max(1, CACHED // rows.shape[1])
    cost: Any = 0.0
    correct = 0
    for start in range(0, len(rows), number):
        part = slice(start, start + number)
        own_cost, own_correct = _into_gradient(rows[part], targets[part], None if each is None else each[part])
        cost, correct = cost + own_cost, correct + own_correct
    return cost, outputs, correct


def _into_gradient(z: Array, targets: Array, target_nats: Array | None) -> tuple[Array, int]:
    """z (n, K) becomes softmax(z) - one-hot(target), and 0 where nothing is predicted."""
    each, kept = np.arange(len(z)), targets != IGNORE
    largest = z.argmax(axis=1)  # of outputs that are as large, the first
    correct = int(np.count_nonzero(largest == targets))
    targets = targets * kept
    z -= z[each, largest][:, None]
    at_target = z[each, targets]
    np.exp(z, out=z)
    total = z @ np.ones(z.shape[1], z.dtype)
    z *= (1.0 / total)[:, None]
    z[each, targets] -= 1.0
    z[~kept] = 0.0
    costs = np.log(total) - at_target
    if target_nats is not None:
        target_nats[:] = np.where(kept, costs, 0.0)
    return costs[kept].sum(), correct


def weighted_cross_entropy(outputs: Array, targets: Array, weights: Array) -> tuple[Any, Array, int, Any]:
    """outputs (..., K), targets (...), weights (K,) of the classes -> what `cross_entropy` gives, and the nats.

    The loss is the sum of weights[target] times the nats of each target; the nats have no weights.
    """
    kept, log_probs = targets != IGNORE, log_softmax(outputs)
    classes = np.where(kept, targets, 0)[..., None]
    w = weights.astype(outputs.dtype)[classes[..., 0]] * kept
    nats = -np.take_along_axis(log_probs, classes, axis=-1)[..., 0] * kept
    d_outputs = np.exp(log_probs)
    np.put_along_axis(d_outputs, classes, np.take_along_axis(d_outputs, classes, axis=-1) - 1.0, axis=-1)
    correct = int((log_probs.argmax(axis=-1) == targets).sum())
    return (w * nats).sum(), d_outputs * w[..., None], correct, nats.sum()


def squared_error(outputs: Array, targets: Array) -> tuple[Any, Array, int]:
    """outputs (..., K), targets (...) -> the same for the sum over targets of the mean over K of squared errors."""
    rows, targets = outputs.reshape(-1, outputs.shape[-1]), targets.ravel()
    counted = np.flatnonzero(targets != IGNORE)
    errors = rows.copy()
    errors[counted, targets[counted]] -= 1.0
    errors[targets == IGNORE] = 0.0
    K = rows.shape[1]
    d_outputs = (errors * (2.0 / K)).reshape(outputs.shape)
    return np.square(errors).sum() / K, d_outputs, int((rows.argmax(axis=1) == targets).sum())


def squared_difference(outputs: Array, targets: Array) -> tuple[Any, Array, None]:
    """outputs (..., 1), targets (...) that are numbers -> the same for the sum of squared errors; none is correct.

    Targets of NaN do not count.
    """
    errors = outputs[..., 0] - targets.astype(outputs.dtype, copy=False)
    errors[np.isnan(targets)] = 0.0
    return np.square(errors).sum(), 2.0 * errors[..., None], None


Loss = Callable[..., tuple[Any, Array, int | None]]
LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}
