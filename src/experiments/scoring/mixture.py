"""Probabilities of several models mixed, with weights that fit a text best."""

import numpy as np

MOST_STEPS = 1_000
PRECISION = 1e-10  # of the mean log-likelihood, at which the weights are found


def mixed(nats: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Negative log-likelihoods (M, N) of M models, weights (M,) that add up to 1 -> those of the mixture (N,)."""
    with np.errstate(divide="ignore"):
        parts = np.log(weights)[:, None] - nats
    largest = parts.max(axis=0)
    found: np.ndarray = -(largest + np.log(np.exp(parts - largest).sum(axis=0)))
    return found


def fitted_weights(nats: np.ndarray) -> np.ndarray:
    """Negative log-likelihoods (M, N) -> the weights (M,) whose mixture makes the N targets most probable.

    By expectation maximisation from equal weights (Jelinek and Mercer, 1980); the likelihood has one maximum.
    """
    weights = np.full(len(nats), 1.0 / len(nats))
    before = np.inf
    probabilities = np.exp(nats.min(axis=0) - nats)  # of each target up to a factor
    for _ in range(MOST_STEPS):
        shares = weights[:, None] * probabilities
        totals = shares.sum(axis=0)
        weights = (shares / totals).mean(axis=1)
        cost = -float(np.log(totals).mean())
        if before - cost < PRECISION:
            break
        before = cost
    return weights
