"""From features to outputs and their loss, forward and backward, in NumPy. `heads` says the same in torch."""

import numpy as np

from .bptt import Array, Parameters, rows

IGNORE = -100  # a target that is not predicted


def affine(p: Parameters, features: Array) -> Array:
    """features (T, B, F) -> outputs (T*B, K), or (T*B, 1) of a logistic output."""
    return projected(p, features) @ p[output_name(p)].T + p["output.b"]


def affine_backward(p: Parameters, features: Array, d_outputs: Array) -> tuple[Parameters, Array]:
    """features (T, B, F), d_outputs (T*B, K) -> gradients by name, d_features (T, B, F)."""
    name = output_name(p)
    gradients = {name: d_outputs.T @ projected(p, features), "output.b": d_outputs.sum(axis=0)}
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


def cross_entropy(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """outputs (n, K), targets (n,) -> summed negative log-likelihood in nats, d_outputs (n, K)."""
    counted = np.flatnonzero(targets != IGNORE)
    log_probs = log_softmax(outputs)
    nats = -log_probs[counted, targets[counted]].sum()
    d_outputs = np.exp(log_probs)
    d_outputs[counted, targets[counted]] -= 1.0
    d_outputs[targets == IGNORE] = 0.0
    return nats, d_outputs


def squared_error(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """outputs (n, K), targets (n,) -> sum over targets of the mean over K of (output - one-hot)^2, d_outputs."""
    counted = np.flatnonzero(targets != IGNORE)
    errors = outputs.copy()
    errors[counted, targets[counted]] -= 1.0
    errors[targets == IGNORE] = 0.0
    K = outputs.shape[1]
    return np.square(errors).sum() / K, errors * (2.0 / K)


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}
