"""Layers in NumPy, forward and backward by hand. Every layer is two functions over one window of T time steps:

    forward(x, states, live)        -> y, states after, cache
    backward(d_y, d_states, cache)  -> d_x, d_states before, gradients

`d_y` is the gradient of the loss with respect to `y`, and so on; `cache` is what `backward` needs of `forward`.
A layer has `num_states` states: none for most, one for `Recurrent`, all of its layers' for a `Stack`. `live` (T, B, 1)
is False where the input is padding; None if there is none. Zeros for the last `d_states` truncate: no gradient comes
from later windows. Parameters and gradients are dicts with the same keys; the dtype is that of the parameters.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...interfaces.data import padding_steps
from .cells import Array, CellState

Parameters = dict[str, Array]
States = list[CellState]


class RowGradient(NamedTuple):
    """The gradient of a matrix (size, m), zero but for some rows."""

    ids: Array  # (k,), ascending
    values: Array  # (k, m)

    def dense(self, size: int) -> Array:
        total = np.zeros((size, self.values.shape[1]), self.values.dtype)
        total[self.ids] = self.values
        return total


Gradients = dict[str, Any]  # by parameter, an Array or a RowGradient


class Layer:
    num_states = 0

    def forward(self, x: Any, states: States, live: Array | None = None) -> tuple[Any, States, Any]:
        """x, states before -> y, states after, cache."""
        raise NotImplementedError

    def backward(self, d_y: Array, d_states: States, cache: Any) -> tuple[Any, States, Gradients]:
        """d_y, d_states after -> d_x (None if nothing before the layer can learn), d_states before, gradients."""
        raise NotImplementedError


class Stack(Layer):
    """Layers one after the other; itself a layer. A parameter that two layers share has the sum of their gradients."""

    def __init__(self, layers: Sequence[Layer]):
        self.layers = layers
        self.num_states = sum(layer.num_states for layer in layers)

    def forward(self, x: Any, states: States, live: Array | None = None) -> tuple[Any, States, list[Any]]:
        after: States = []
        caches = []
        for layer in self.layers:
            x, own, cache = layer.forward(x, states[len(after) : len(after) + layer.num_states], live)
            after += own
            caches.append(cache)
        return x, after, caches

    def backward(self, d_y: Any, d_states: States, cache: list[Any]) -> tuple[Any, States, Gradients]:
        d_before: States = []
        gradients: Gradients = {}
        for layer, kept in zip(reversed(self.layers), reversed(cache)):
            end = self.num_states - len(d_before)
            d_y, own, found = layer.backward(d_y, d_states[end - layer.num_states : end], kept)
            d_before = own + d_before
            for name, gradient in found.items():
                gradients[name] = gradients[name] + gradient if name in gradients else gradient
        return d_y, d_before, gradients


class Embedding(Layer):
    """ids (T, B) -> rows of W (T, B, E). A `sparse` gradient is a RowGradient."""

    def __init__(self, p: Parameters, name: str = "embedding", sparse: bool = False):
        self.name, self.W, self.sparse = f"{name}.W", p[f"{name}.W"], sparse

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, Array]:
        ids = known_ids(x)
        return self.W.take(ids, axis=0).reshape(*x.shape, -1), states, ids

    def backward(self, d_y: Array, d_states: States, cache: Array) -> tuple[None, States, Gradients]:
        d_W = sum_rows(cache, rows(d_y))
        return None, d_states, {self.name: d_W if self.sparse else d_W.dense(len(self.W))}


class Vectors(Layer):
    """x (T, B, D) of real numbers as they are, but zero at padding, whose NaN would spread: 0 * NaN is NaN."""

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, None]:
        return x if live is None else np.where(live, x, x.dtype.type(0)), states, None

    def backward(self, d_y: Array, d_states: States, cache: None) -> tuple[Array, States, Gradients]:
        return d_y, d_states, {}


class Dropout(Layer):
    """x (T, B, size) times a mask (T or 1, B, size or 1), drawn elsewhere and scaled to keep the mean."""

    def __init__(self, mask: Array):
        self.mask = mask

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, None]:
        return x * self.mask, states, None

    def backward(self, d_y: Array, d_states: States, cache: None) -> tuple[Array, States, Gradients]:
        return d_y * self.mask, d_states, {}


class Penalty(Layer):
    """x (T, B, size) as it is; its gradient gains that of what x costs at every step and changes from step to step.

    sum_t,b mean(size * x[t]**2) + sum_t>0,b mean(change * (x[t] - x[t-1])**2), without padding.
    """

    def __init__(self, size: float, change: float):
        self.size, self.change = size, change

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, Any]:
        return x, states, (x, live)

    def backward(self, d_y: Array, d_states: States, cache: Any) -> tuple[Array, States, Gradients]:
        x, live = cache
        d_size, d_changes = self.size * x, self.change * (x[1:] - x[:-1])
        if live is not None:
            d_size, d_changes = d_size * live, d_changes * (live[1:] & live[:-1])
        d_size[1:] += d_changes
        d_size[:-1] -= d_changes
        return d_y + 2 / x.shape[2] * d_size, d_states, {}


class Affine(Layer):
    """x (T, B, in) -> x W' + b (T, B, out), or without `b` the product alone."""

    def __init__(self, p: Parameters, W: str = "output.W", b: str | None = "output.b"):
        self.names, self.W, self.b = (W, b), p[W], None if b is None else p[b]

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, Array]:
        y = rows(x) @ self.W.T
        if self.b is not None:
            y += self.b
        return y.reshape(*x.shape[:2], -1), states, x

    def backward(self, d_y: Array, d_states: States, cache: Array) -> tuple[Array, States, Gradients]:
        d_rows = rows(d_y)
        W, b = self.names
        gradients = {W: d_rows.T @ rows(cache)}
        if b is not None:
            gradients[b] = column_sums(d_rows)
        return (d_rows @ self.W).reshape(cache.shape), d_states, gradients


def live_steps(inputs: Array) -> Array | None:
    """inputs (T, B) or (T, B, D) -> (T, B, 1) bool, where there is no padding; None where there is none at all."""
    padding = padding_steps(inputs)
    return None if padding is None else ~padding[:, :, None]


def known_ids(inputs: Array) -> Array:
    """inputs (T, B) -> ids (T*B,), padding as symbol 0, whose output nobody reads."""
    ids: Array = np.maximum(inputs, 0)
    return ids.ravel()


def rows(x: Array) -> Array:
    """(T, B, size) -> (T*B, size)."""
    return x.reshape(-1, x.shape[-1])


def column_sums(x: Array) -> Array:
    """(n, m) -> (m,), as a product, which BLAS computes faster than NumPy a sum."""
    sums: Array = np.ones(len(x), x.dtype) @ x
    return sums


def sum_rows(ids: Array, rows: Array) -> RowGradient:
    """ids (n,), rows (n, m) -> the sums of the rows that have the same id. The transpose of a look-up."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    again = ordered[1:] == ordered[:-1]
    first = np.ones(len(ids), bool)  # of its id
    first[1:] = ~again
    shared = ~first  # its id with others: most are read once, and only the rest takes sums
    shared[:-1] |= again
    sums = rows.take(order[first], axis=0)
    sums[shared[first]] = np.add.reduceat(rows.take(order[shared], axis=0), np.flatnonzero(first[shared]))
    return RowGradient(ordered[first], sums)
