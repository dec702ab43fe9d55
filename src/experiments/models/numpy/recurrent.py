"""Recurrent layers in NumPy: a cell in one direction or in both, with backpropagation through time."""

from typing import Any, NamedTuple

import numpy as np

from .cells import Array, Cell, CellState
from .layers import Gradients, Layer, Parameters, States, column_sums, known_ids, rows, sum_rows


class Trace(NamedTuple):
    """What a recurrent layer did in a window; steps in the order in which it read them."""

    x: Array  # (T, B, in), or ids (T*B,) of one-hot vectors
    steps: list[Any]  # the cell's caches
    hidden: Array  # (T+1, B, H): the state that entered, then every output
    live: Array | None  # (T, B, 1)


class Recurrent(Layer):
    """x (T, B, in) -> hidden outputs (T, B, H) of a cell; `reverse` reads the last step first.

    ids (T, B) instead of x stand for one-hot vectors (T, B, V), whose products pick or add up columns of W_ih.
    A step of padding passes the state, and in `backward` its gradient, unchanged.
    """

    num_states = 1

    def __init__(self, cell: Cell, p: Parameters, name: str, reverse: bool = False):
        self.cell, self.name, self.order = cell, name, slice(None, None, -1 if reverse else 1)
        self.W_ih, self.W_hh, self.b_ih = p[f"{name}.W_ih"], p[f"{name}.W_hh"], p[f"{name}.b_ih"]
        self.mask = p.get(f"{name}.W_hh mask")  # of dropout of the weights; None: none
        if self.mask is not None:
            self.W_hh = self.W_hh * self.mask
        self.b_hh = p.get(f"{name}.b_hh")  # None: a single bias

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, Trace]:
        (state,) = states
        x = known_ids(x) if x.ndim == 2 else x
        x_gates = self.W_ih.T[x] if x.ndim == 1 else rows(x) @ self.W_ih.T  # for all steps at once
        x_gates += self.b_ih
        x_gates = x_gates.reshape(-1, len(state[0]), len(self.W_ih))[self.order]
        live = None if live is None else live[self.order]
        hidden = np.empty((len(x_gates) + 1, *state[0].shape), x_gates.dtype)
        hidden[0] = state[0]
        steps, W_hh_transposed = [], self.W_hh.T
        for t in range(len(x_gates)):
            before = state
            h_gates = before[0] @ W_hh_transposed
            if self.b_hh is not None:
                h_gates += self.b_hh
            state, cache = self.cell.step(x_gates[t], h_gates, before)
            if live is not None:
                state = tuple(np.where(live[t], new, old) for new, old in zip(state, before))
            hidden[t + 1] = state[0]
            steps.append(cache)
        return hidden[1:][self.order], [state], Trace(x, steps, hidden, live)

    def backward(self, d_y: Array, d_states: States, cache: Trace) -> tuple[Array | None, States, Gradients]:
        d_x_gates, d_h_gates, d_state = self._through_time(d_y[self.order], d_states[0], cache)
        d_x_gates, d_h_gates, x = rows(d_x_gates[self.order]), rows(d_h_gates), cache.x
        if x.ndim == 1:
            d_W_ih, d_x = sum_rows(x, d_x_gates).dense(self.W_ih.shape[1]).T, None
        else:
            d_W_ih, d_x = d_x_gates.T @ rows(x), (d_x_gates @ self.W_ih).reshape(x.shape)
        gradients = {
            f"{self.name}.W_ih": d_W_ih,
            f"{self.name}.W_hh": d_h_gates.T @ rows(cache.hidden[:-1]),
            f"{self.name}.b_ih": column_sums(d_x_gates),
        }
        if self.mask is not None:
            gradients[f"{self.name}.W_hh"] *= self.mask
        if self.b_hh is not None:
            gradients[f"{self.name}.b_hh"] = column_sums(d_h_gates)
        return d_x, [d_state], gradients

    def _through_time(self, d_hidden: Array, d_state: CellState, trace: Trace) -> tuple[Array, Array, CellState]:
        """d_hidden (T, B, H), d_state after -> d_x_gates and d_h_gates (T, B, G*H), d_state before the first step."""
        d_x_gates = np.empty((*d_hidden.shape[:2], len(self.W_hh)), d_hidden.dtype)
        d_h_gates = np.empty_like(d_x_gates)
        for t in reversed(range(len(d_hidden))):
            d_state = (d_state[0] + d_hidden[t], *d_state[1:])
            d_x_gates[t], d_h_gates[t], d_before = self.cell.step_backward(d_state, trace.steps[t])
            if trace.live is not None:
                live = trace.live[t]
                d_x_gates[t] *= live
                d_h_gates[t] *= live
                d_before = tuple(np.where(live, new, old) for new, old in zip(d_before, d_state))
            d_state = (d_h_gates[t] @ self.W_hh + d_before[0], *d_before[1:])
        return d_x_gates, d_h_gates, d_state


class Bidirectional(Layer):
    """Two recurrent layers over the same x, the second in reverse: outputs (T, B, 2H) side by side."""

    num_states = 2

    def __init__(self, onward: Recurrent, reverse: Recurrent):
        self.onward, self.reverse = onward, reverse

    def forward(self, x: Array, states: States, live: Array | None = None) -> tuple[Array, States, tuple[Trace, Trace]]:
        one, after, trace = self.onward.forward(x, states[:1], live)
        other, reverse_after, reverse_trace = self.reverse.forward(x, states[1:], live)
        return np.concatenate([one, other], axis=2), after + reverse_after, (trace, reverse_trace)

    def backward(
        self, d_y: Array, d_states: States, cache: tuple[Trace, Trace]
    ) -> tuple[Array | None, States, Gradients]:
        H = d_y.shape[2] // 2
        d_x, d_before, gradients = self.onward.backward(d_y[..., :H], d_states[:1], cache[0])
        other, reverse_before, reverse_gradients = self.reverse.backward(d_y[..., H:], d_states[1:], cache[1])
        d_x = None if d_x is None or other is None else d_x + other
        return d_x, d_before + reverse_before, gradients | reverse_gradients
