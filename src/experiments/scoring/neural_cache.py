"""The continuous cache of Grave, Joulin and Usunier (2017): words return where the network's state returns."""

import numpy as np

BLOCK = 256  # targets that are computed at once


def cache_nats(hidden: np.ndarray, targets: np.ndarray, size: int, flatness: float) -> np.ndarray:
    """What the cache alone makes of every target of a text: negative log-likelihoods (N,), infinite where it has none.

    hidden (N, F) is what the output layer reads when targets (N,) are predicted. The cache at step t holds the pairs
    (hidden_i, target_i) of the `size` steps before it, and
        p_t(w) = sum of exp(flatness hidden_t . hidden_i) over those i with target_i = w, divided by that over all i.
    ValueError for a size below 1.
    """
    if size < 1:
        raise ValueError(f"the size of a cache must be at least 1, got {size}")
    number = len(targets)
    found = np.full(number, np.inf)
    for first in range(0, number, BLOCK):
        steps = np.arange(first, min(first + BLOCK, number))
        past = np.arange(max(0, first - size), steps[-1])
        if len(past):
            scores = flatness * (hidden[steps] @ hidden[past].T).astype(np.float64)
            in_cache = (past < steps[:, None]) & (past >= steps[:, None] - size)
            found[steps] = shares_of_targets(scores, in_cache, targets[past] == targets[steps, None])
    return found


def shares_of_targets(scores: np.ndarray, in_cache: np.ndarray, is_target: np.ndarray) -> np.ndarray:
    """scores, in_cache and is_target (S, P) -> -log of the softmax's share of what is the target (S,)."""
    scores = np.where(in_cache, scores, -np.inf)
    largest = scores.max(axis=1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(largest), largest, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (weights * is_target).sum(axis=1) / weights.sum(axis=1)
        found: np.ndarray = -np.log(np.nan_to_num(shares))  # an empty cache has no share of anything
    return found
