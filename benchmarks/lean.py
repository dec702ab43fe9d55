"""The network of `textbook` written for speed alone: one function, its large arrays allocated once.

For small problems a framework's NumPy network could hardly be faster; nobody would want to read or extend it.
"""

from collections.abc import Iterator

import numpy as np

from . import problem as given
from .problem import Problem


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    stream = given.stream(problem)
    yield None
    W = given.weights(problem)
    E, W_ih, W_hh, b, W_out, b_out = (
        W[name] for name in ("embedding.W", "layers.0.W_ih", "layers.0.W_hh", "layers.0.b_ih", "output.W", "output.b")
    )
    T, B, H, V = problem.truncation, problem.batch, problem.hidden, problem.vocabulary
    n, dtype, rate = T * B, E.dtype, -problem.lr / (T * B)
    column = len(stream) // B
    at = np.arange(B) * column + np.arange(T + 1)[:, None]
    each, ones_n, ones_V = np.arange(n), np.ones(n, dtype), np.ones(V, dtype)
    x, gates, d_x = (np.empty((n, H), dtype) for _ in range(3))
    hidden, slope, d_z, d_h = np.zeros((T + 1, B, H), dtype), *(np.empty((T, B, H), dtype) for _ in range(3))
    z, d_through, d_E = np.empty((n, V), dtype), np.empty((B, H), dtype), np.empty_like(E)
    d_W_ih, d_W_hh, d_W_out = np.empty_like(W_ih), np.empty_like(W_hh), np.empty_like(W_out)
    before, after, gates_rows = hidden[:-1].reshape(n, H), hidden[1:].reshape(n, H), d_z.reshape(n, H)
    for begin in range(0, column - 1, T):
        symbols = stream[at + begin]
        ids, targets = symbols[:-1].ravel(), symbols[1:].ravel()
        E.take(ids, axis=0, out=x, mode="clip")
        np.matmul(x, W_ih.T, out=gates)
        gates += b
        hidden[0] = hidden[T]
        for t in range(T):
            h = hidden[t + 1]
            np.matmul(hidden[t], W_hh.T, out=h)
            h += gates[t * B : (t + 1) * B]
            np.tanh(h, out=h)
        np.matmul(after, W_out.T, out=z)
        z += b_out
        z -= z.max(axis=1, keepdims=True)
        at_target = z[each, targets]
        np.exp(z, out=z)
        total = z @ ones_V
        z *= (1.0 / total)[:, None]
        z[each, targets] -= 1.0
        np.matmul(z.T, after, out=d_W_out)
        np.matmul(z, W_out, out=d_h.reshape(n, H))
        np.multiply(after, after, out=slope.reshape(n, H))
        np.subtract(1.0, slope, out=slope)
        d_through[...] = 0.0
        for t in reversed(range(T)):
            d_through += d_h[t]
            np.multiply(d_through, slope[t], out=d_z[t])
            np.matmul(d_z[t], W_hh, out=d_through)
        np.matmul(gates_rows.T, before, out=d_W_hh)
        np.matmul(gates_rows.T, x, out=d_W_ih)
        np.matmul(gates_rows, W_ih, out=d_x)
        d_E[...] = 0.0
        _add_rows(d_E, ids, d_x)
        gradients = (d_E, d_W_ih, d_W_hh, ones_n @ gates_rows, d_W_out, ones_n @ z)
        for weight, gradient in zip((E, W_ih, W_hh, b, W_out, b_out), gradients):
            gradient *= rate
            weight += gradient
        yield float((np.log(total) - at_target).sum()) / n


def _add_rows(total, ids, rows) -> None:
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    total[ordered[first]] = np.add.reduceat(rows[order], first)
