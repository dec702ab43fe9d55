"""From features to outputs and their loss, forward and backward, in NumPy. `heads` says the same in torch."""

import numpy as np

from ...interfaces.data import IGNORE
from .layers import Array, Parameters, column_sums, rows

CACHED = 1 << 18  # numbers that a core's cache holds


def affine(p: Parameters, features: Array) -> Array:
    """features (T, B, F) -> outputs (T*B, K), or (T*B, 1) of a logistic output."""
    outputs = projected(p, features) @ p[output_name(p)].T
    outputs += p["output.b"]
    return outputs


def affine_backward(p: Parameters, features: Array, d_outputs: Array) -> tuple[Parameters, Array]:
    """features (T, B, F), d_outputs (T*B, K) -> gradients by name, d_features (T, B, F)."""
    name = output_name(p)
    gradients = {name: d_outputs.T @ projected(p, features), "output.b": column_sums(d_outputs)}
    d_rows = d_outputs @ p[name]
    if "projection.W" in p:
        gradients["projection.W"] = d_rows.T @ rows(features)
        d_rows = d_rows @ p["projection.W"]
    return gradients, d_rows.reshape(features.shape)


def projected(p: Parameters, features: Array) -> Array:
    """features (T, B, F) -> rows (T*B, F), or (T*B, E) behind a projection."""
    return rows(features) @ p["projection.W"].T if "projection.W" in p else rows(features)


def output_name(p: Parameters) -> str:
    """The weights (K, F or E) of the output: its own, or the embedding's if they are tied."""
    return "output.W" if "output.W" in p else "embedding.W"


def sum_gradients(one: Parameters, other: Parameters) -> Parameters:
    """Gradients by name; a parameter that was used twice has the sum of both."""
    return one | other | {name: one[name] + other[name] for name in one.keys() & other.keys()}


def two_outputs(logits: Array) -> Array:
    """Logits (n, 1) -> outputs (n, 2): the sigmoid of z is the softmax of (0, z)."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def log_softmax(outputs: Array) -> Array:
    """outputs (n, K) -> log-probabilities (n, K)."""
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(outputs: Array, targets: Array) -> tuple[Array, Array, int]:
    """outputs (n, K), targets (n,) -> summed negative log-likelihood in nats, d_outputs (n, K), number ranked first.

    The outputs turn in place into their own gradient, as many rows at a time as a core's cache holds.
    """
    number = max(1, CACHED // outputs.shape[1])
    parts = [slice(start, start + number) for start in range(0, len(outputs), number)]
    costs, right = zip(*(_into_gradient(outputs[part], targets[part]) for part in parts))
    return sum(costs), outputs, int(sum(right))


def _into_gradient(z: Array, targets: Array) -> tuple[Array, int]:
    """z (n, K) becomes softmax(z) - one-hot(target), and 0 where nothing is predicted."""
    each, kept = np.arange(len(z)), targets != IGNORE
    targets = targets * kept
    z -= z.max(axis=1, keepdims=True)
    at_target = z[each, targets]
    largest = np.flatnonzero(kept & (at_target == 0.0))  # where others are as large, the first of them ranks first
    right = (z[largest].argmax(axis=1) == targets[largest]).sum()
    np.exp(z, out=z)
    total = z @ np.ones(z.shape[1], z.dtype)
    z *= (1.0 / total)[:, None]
    z[each, targets] -= 1.0
    z[~kept] = 0.0
    return (np.log(total) - at_target)[kept].sum(), right


def squared_error(outputs: Array, targets: Array) -> tuple[Array, Array, int]:
    """outputs (n, K), targets (n,) -> the same of the sum over targets of the mean over K of (output - one-hot)^2."""
    counted = np.flatnonzero(targets != IGNORE)
    errors = outputs.copy()
    errors[counted, targets[counted]] -= 1.0
    errors[targets == IGNORE] = 0.0
    K = outputs.shape[1]
    return np.square(errors).sum() / K, errors * (2.0 / K), int((outputs.argmax(axis=1) == targets).sum())


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}
