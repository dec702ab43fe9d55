"""Skip-gram and CBOW by hand: mean vectors of symbols, and two losses of predicting a symbol from such a vector.

n sources (mean vectors h), m predictions of one symbol each, vectors W and output vectors U, both (V, E).
"""

from typing import Any

import numpy as np

from .cells import Array
from .layers import RowGradient, sum_rows

CACHED = 1 << 18  # numbers that a core's cache holds


def sources_forward(W: Array, sources: Array) -> Array:
    """W (V, E), sources (n, S) ids or negative where there is no symbol -> their mean vectors h (n, E)."""
    if sources.shape[1] == 1:
        return W.take(sources[:, 0], axis=0)
    is_there = sources >= 0
    h: Array = np.zeros((len(sources), W.shape[1]), W.dtype)
    for ids, there in zip(sources.T, is_there.T):
        h += W.take(np.maximum(ids, 0), axis=0) * there[:, None]
    h /= is_there.sum(axis=1, keepdims=True)
    return h


def sources_backward(d_h: Array, sources: Array) -> RowGradient:
    """d_h (n, E) -> d_W: each symbol of a source has an equal share of its gradient."""
    is_there = sources >= 0
    shares = d_h / is_there.sum(axis=1, keepdims=True)
    which, _ = np.nonzero(is_there)
    return sum_rows(sources[is_there], shares.take(which, axis=0))


def softmax(h: Array, U: Array, rows: Array, targets: Array) -> tuple[Any, int, Array, Array]:
    """h (n, E), prediction i of symbol targets[i] from h[rows[i]] -> loss, correct predictions, d_h, d_U.

    A source has one softmax p for all its predictions: with a of them, of which a_o of symbol o,

        loss = a log sum_v exp(z_v) - sum_o a_o z_o,    d_z = a p - (a_1, ..., a_V),    z = U h
    """
    loss, correct = 0.0, 0
    d_h, d_U = np.empty_like(h), np.zeros_like(U)
    order = np.argsort(rows, kind="stable")
    rows, targets = rows[order], targets[order]
    at_once = max(1, 8 * CACHED // len(U))
    for start in range(0, len(h), at_once):
        part = slice(start, start + at_once)
        mine = slice(*np.searchsorted(rows, (start, start + at_once)))
        z = h[part] @ U.T
        cost, hits = _into_gradient(z, rows[mine] - start, targets[mine])
        loss, correct = loss + cost, correct + hits
        d_h[part] = z @ U
        d_U += z.T @ h[part]
    return loss, correct, d_h, d_U


def _into_gradient(z: Array, rows: Array, targets: Array) -> tuple[Any, int]:
    """Scores z (n, V) become their own gradient -> loss, correct predictions."""
    number = np.bincount(rows, minlength=len(z)).astype(z.dtype)
    correct = int((z.argmax(axis=1)[rows] == targets).sum())
    z -= z.max(axis=1, keepdims=True)
    at_target = z[rows, targets].sum()
    np.exp(z, out=z)
    total = z @ np.ones(z.shape[1], z.dtype)
    z *= (number / total)[:, None]
    np.subtract.at(z, (rows, targets), z.dtype.type(1))
    return (number * np.log(total)).sum() - at_target, correct


def negative_sampling(h: Array, U: Array, rows: Array, words: Array) -> tuple[Any, Array, RowGradient]:
    """h (n, E), words (m, 1+k): what is predicted from h[rows], then noise -> loss, d_h, d_U.

    loss = -log sigmoid(s_0) - sum_k log sigmoid(-s_k), s = U[words] h; noise that is the word itself does not count.
    d_s = sigmoid(s) - (1, 0, ..., 0).
    """
    u, x = U.take(words.ravel(), axis=0).reshape(*words.shape, U.shape[1]), h.take(rows, axis=0)
    s = (u @ x[:, :, None])[:, :, 0]  # (m, 1+k)
    s[:, 0] *= -1.0
    is_noise = np.ones(words.shape, bool)
    is_noise[:, 1:] = words[:, 1:] != words[:, :1]
    loss = (np.logaddexp(0.0, s) * is_noise).sum()
    d_s = is_noise / (1.0 + np.exp(-s))
    d_s[:, 0] *= -1.0
    d_s = d_s.astype(h.dtype, copy=False)
    d_x = (d_s[:, None, :] @ u)[:, 0]
    u[:] = d_s[:, :, None] * x[:, None, :]  # in place of what is not needed any more
    return loss, sum_rows(rows, d_x).dense(len(h)), sum_rows(words.ravel(), u.reshape(words.size, U.shape[1]))
