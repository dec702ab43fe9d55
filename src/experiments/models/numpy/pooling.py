"""One summary of all steps that a network has read, forward and backward, in NumPy. `pooling` says the same in torch.

The sums and maxima run on from window to window as part of the state, so that a truncated sequence has the summary
of the whole one, and the gradient that of its last window.
"""

from typing import NamedTuple

import numpy as np

from .layers import Array

Pools = tuple[Array, ...]  # steps (1, B, 1) int64, then for each part of the pooling (1, B, F)


class PoolCache(NamedTuple):
    live: Array  # (T, B, 1) bool
    steps: Array  # (1, B, 1) of the sequence so far
    best: Array | None  # (1, B, F) the step of this window's maximum
    newer: Array | None  # (1, B, F) bool, where that maximum is above those of earlier windows


def pool(kind: str, hidden: Array, live: Array | None, pools: Pools) -> tuple[Array, Pools, PoolCache]:
    """hidden (T, B, F) -> summary (1, B, F) or of both parts (1, B, 2F), pools after, cache; zero before any step."""
    live = np.ones((*hidden.shape[:2], 1), bool) if live is None else live
    steps = pools[0] + live.sum(axis=0, keepdims=True)
    after, summary, best, newer = [steps], [], None, None
    for part, before in zip(kind.split("_"), pools[1:]):
        if part == "mean":
            after.append(before + (hidden * live).sum(axis=0, keepdims=True))
            summary.append(after[-1] / np.maximum(steps, 1).astype(hidden.dtype))
        else:
            masked = np.where(live, hidden, -np.inf)
            best = masked.argmax(axis=0)[None]
            highest = np.take_along_axis(masked, best, axis=0)
            newer = highest > before
            after.append(np.where(newer, highest, before))
            summary.append(np.where(steps > 0, after[-1], 0.0).astype(hidden.dtype))
    return np.concatenate(summary, axis=2), tuple(after), PoolCache(live, steps, best, newer)


def pool_backward(kind: str, d_summary: Array, d_after: Pools, cache: PoolCache) -> tuple[Array, Pools]:
    """d_summary (1, B, F or 2F), d_after of the pools but for the steps -> d_hidden (T, B, F), d_pools before."""
    parts = kind.split("_")
    d_hidden, d_before = 0.0, []
    for part, d_part, d_pool in zip(parts, np.split(d_summary, len(parts), axis=2), d_after):
        if part == "mean":
            d_pool = d_pool + d_part / np.maximum(cache.steps, 1).astype(d_part.dtype)
            d_hidden = d_hidden + d_pool * cache.live
            d_before.append(d_pool)
        else:
            d_pool = d_pool + np.where(cache.steps > 0, d_part, 0.0)
            d_max = np.zeros((len(cache.live), *d_part.shape[1:]), d_part.dtype)
            np.put_along_axis(d_max, cache.best, d_pool * cache.newer, axis=0)
            d_hidden = d_hidden + d_max
            d_before.append(d_pool * ~cache.newer)
    return d_hidden, tuple(d_before)
