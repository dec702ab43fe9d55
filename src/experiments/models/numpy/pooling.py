"""One summary of all steps for a sequence's label, in NumPy; torch/pooling.py is the same in torch.

The sums and maxima are carried from window to window as a state, so that a truncated sequence has the summary of the
whole one, and the gradient that of its last window.
"""

from typing import Any, NamedTuple

import numpy as np

from .cells import Array
from .layers import Gradients, Layer, States


class PoolingCache(NamedTuple):
    live: Array  # (T, B, 1) bool
    steps: Array  # (1, B, 1) of the sequence so far
    best: Array | None  # (1, B, F) the step of this window's maximum
    newer: Array | None  # (1, B, F) bool, where that maximum is above those of earlier windows


class Pooling(Layer):
    """hidden (T, B, F) -> its mean or maximum (1, B, F) over the sequence so far, of both parts (1, B, 2F).

    Zero before any step. Its state is the number of steps (1, B, 1), then the sum or maximum (1, B, F) of each part.
    """

    num_states = 1

    def __init__(self, kind: str):
        """kind: "mean", "max" or "mean_max"."""
        self.parts = kind.split("_")

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, PoolingCache]:
        ((steps, *before),) = states
        live = np.ones((*x.shape[:2], 1), bool) if live is None else live
        steps = steps + live.sum(axis=0, keepdims=True)
        after, summary, best, newer = [steps], [], None, None
        for part, carried in zip(self.parts, before):
            if part == "mean":
                after.append(carried + (x * live).sum(axis=0, keepdims=True))
                summary.append(after[-1] / np.maximum(steps, 1).astype(x.dtype))
            else:
                masked = np.where(live, x, -np.inf)
                best = masked.argmax(axis=0)[None]
                highest = np.take_along_axis(masked, best, axis=0)
                newer = highest > carried
                after.append(np.where(newer, highest, carried))
                summary.append(np.where(steps > 0, after[-1], 0.0).astype(x.dtype))
        return np.concatenate(summary, axis=2), [tuple(after)], PoolingCache(live, steps, best, newer)

    def backward(self, d_y: Array, d_states: States, cache: PoolingCache) -> tuple[Array, States, Gradients]:
        """The number of steps has no gradient: it is ignored in d_states and None in what is returned."""
        ((_, *d_after),) = d_states
        d_x: Any = 0.0
        d_before: list[Any] = [None]
        for part, d_part, d_carried in zip(self.parts, np.split(d_y, len(self.parts), axis=2), d_after):
            if part == "mean":
                d_carried = d_carried + d_part / np.maximum(cache.steps, 1).astype(d_part.dtype)
                d_x = d_x + d_carried * cache.live
                d_before.append(d_carried)
            else:
                assert cache.best is not None
                assert cache.newer is not None
                d_carried = d_carried + np.where(cache.steps > 0, d_part, 0.0)
                d_max = np.zeros((len(cache.live), *d_part.shape[1:]), d_part.dtype)
                np.put_along_axis(d_max, cache.best, d_carried * cache.newer, axis=0)
                d_x = d_x + d_max
                d_before.append(d_carried * ~cache.newer)
        return d_x, [tuple(d_before)], {}


class LastOutputs(Layer):
    """hidden (T, B, 2H) of a bidirectional layer -> the last output that each direction computed (1, B, 2H)."""

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, tuple[int, ...]]:
        H = x.shape[2] // 2
        return np.concatenate([x[-1:, :, :H], x[:1, :, H:]], axis=2), states, x.shape

    def backward(self, d_y: Array, d_states: States, cache: tuple[int, ...]) -> tuple[Array, States, Gradients]:
        H = cache[2] // 2
        d_x = np.zeros(cache, d_y.dtype)
        d_x[-1, :, :H], d_x[0, :, H:] = d_y[0, :, :H], d_y[0, :, H:]
        return d_x, d_states, {}


class EveryStep(Layer):
    """x (1, B, K), the output for a whole sequence -> the same at every step (T, B, K)."""

    def __init__(self, steps: int):
        self.steps = steps

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, None]:
        return np.tile(x, (self.steps, 1, 1)), states, None

    def backward(self, d_y: Array, d_states: States, cache: None) -> tuple[Array, States, Gradients]:
        return d_y.sum(axis=0, keepdims=True), d_states, {}
