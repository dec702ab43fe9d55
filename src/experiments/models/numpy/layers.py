"""A recurrent network with truncated backpropagation through time, by hand and in NumPy only.

    ids (T, B) -> embedding or one-hot -> L recurrent layers, in one direction or in both -> hidden (T, B, D*H)

`forward` keeps what `backward` needs. Both speak of one window: the state that enters is given, the gradient with
respect to it is returned, and who does not pass that on to the window before has truncated. Parameters and gradients
are dicts with the same keys: `embedding.W` (of its gradient only the rows that were read), `layers.0.W_ih`,
`reverse_layers.0.W_ih`, ...
The dtype is that of the parameters: float64 for checking, float32 for speed.
"""

from typing import Any, NamedTuple

import numpy as np

from ...interfaces.data import PADDING
from .cells import Array, Cell, CellState

Parameters = dict[str, Array]
Masks = list[Array | None]  # dropout: one for the input of each layer


class Rows(NamedTuple):
    """A matrix (size, m) that is zero but for some rows."""

    ids: Array  # (k,), ascending
    values: Array  # (k, m)

    def dense(self, size: int) -> Array:
        total = np.zeros((size, self.values.shape[1]), self.values.dtype)
        total[self.ids] = self.values
        return total


class Run(NamedTuple):
    """One direction of a layer, everything in the order in which it was read."""

    steps: list[Any]  # the cell's caches, one per time step
    hidden: Array  # (T+1, B, H): the state that enters, then every output
    live: Array | None  # (T, B, 1) bool, None where no input is padding


class Cache(NamedTuple):
    ids: Array  # (T*B,)
    inputs: list[Array | None]  # what each layer read, (T*B, size); None for one-hot input
    runs: list[Run]  # of every layer and direction
    masks: Masks


def forward(cell: Cell, p: Parameters, inputs: Array, state: CellState, masks: Masks):
    """inputs (T, B), state of (L*D, B, H) arrays -> hidden (T, B, D*H), state after, cache."""
    T, B = inputs.shape
    ids = np.maximum(inputs, 0).ravel()
    live = live_steps(inputs)
    x = p["embedding.W"].take(ids, axis=0) if "embedding.W" in p else None
    read, runs, after = [], [], []
    for depth, mask in enumerate(masks):
        x = dropped(x, mask)
        read.append(x)
        outputs = []
        for name, order in directions(p, depth):
            W_ih, W_hh, b_ih, b_hh = layer_weights(p, name)
            # one product for all time steps; a one-hot input picks a column of W_ih
            x_gates = W_ih.T[ids] if x is None else x @ W_ih.T
            x_gates += b_ih
            x_gates = x_gates.reshape(T, B, -1)
            before = tuple(part[len(runs)] for part in state)
            run, last = run_forward(cell, x_gates[order], before, W_hh, b_hh, None if live is None else live[order])
            outputs.append(run.hidden[1:][order])
            runs.append(run)
            after.append(last)
        hidden = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=2)
        x = hidden.reshape(T * B, -1)
    return hidden, tuple(np.array(parts) for parts in zip(*after)), Cache(ids, read, runs, masks)


def run_forward(cell, x_gates, state, W_hh, b_hh, live):
    """x_gates (T, B, G*H), state before of (B, H) arrays -> Run, state after."""
    hidden = np.empty((len(x_gates) + 1, *state[0].shape), x_gates.dtype)
    hidden[0] = state[0]
    steps = []
    for t in range(len(x_gates)):
        before = state
        h_gates = before[0] @ W_hh.T
        if b_hh is not None:
            h_gates += b_hh
        state, cache = cell.step(x_gates[t], h_gates, before)
        if live is not None:
            state = tuple(np.where(live[t], new, old) for new, old in zip(state, before))
        hidden[t + 1] = state[0]
        steps.append(cache)
    return Run(steps, hidden, live), state


def backward(cell: Cell, p: Parameters, cache: Cache, d_hidden: Array, d_state: CellState):
    """d_hidden (T, B, D*H), d_state after of (L*D, B, H) arrays -> gradients by name, d_state before."""
    gradients: Parameters = {}
    d_before = [None] * len(cache.runs)
    for depth in reversed(range(len(cache.inputs))):
        x, d_x = cache.inputs[depth], 0.0
        sides = directions(p, depth)
        for side, (name, order) in enumerate(sides):
            k = depth * len(sides) + side
            W_ih, W_hh, _, _ = layer_weights(p, name)
            H = W_hh.shape[1]
            d_out = d_hidden[order, :, side * H : (side + 1) * H]
            d_after = tuple(part[k] for part in d_state)
            d_x_gates, d_h_gates, d_before[k] = run_backward(cell, d_out, d_after, W_hh, cache.runs[k])
            h_before = cache.runs[k].hidden[:-1]
            gradients[f"{name}.W_hh"] = rows(d_h_gates).T @ rows(h_before)  # one product for all time steps
            if f"{name}.b_hh" in p:
                gradients[f"{name}.b_hh"] = column_sums(rows(d_h_gates))
            d_x_gates = rows(d_x_gates[order])
            gradients[f"{name}.b_ih"] = column_sums(d_x_gates)
            if x is None:
                gradients[f"{name}.W_ih"] = sum_rows(cache.ids, d_x_gates).dense(W_ih.shape[1]).T
            else:
                gradients[f"{name}.W_ih"] = d_x_gates.T @ x
                d_x = d_x + d_x_gates @ W_ih
        if x is not None:
            d_x = dropped(d_x, cache.masks[depth])
            d_hidden = d_x.reshape(*d_hidden.shape[:2], -1)
    if "embedding.W" in p:
        gradients["embedding.W"] = sum_rows(cache.ids, d_x)
    return gradients, tuple(np.array(parts) for parts in zip(*d_before))


def run_backward(cell, d_hidden, d_state, W_hh, run):
    """d_hidden (T, B, H) -> d_x_gates and d_h_gates, both (T, B, G*H), and d_state before the first step."""
    T, B, _ = d_hidden.shape
    d_x_gates = np.empty((T, B, len(W_hh)), d_hidden.dtype)
    d_h_gates = np.empty_like(d_x_gates)
    for t in reversed(range(T)):
        d_state = (d_state[0] + d_hidden[t], *d_state[1:])
        d_x_gates[t], d_h_gates[t], d_before = cell.step_backward(d_state, run.steps[t])
        if run.live is not None:  # a padded step computed nothing: the gradient passes it as the state did
            d_x_gates[t] *= run.live[t]
            d_h_gates[t] *= run.live[t]
            d_before = tuple(np.where(run.live[t], new, old) for new, old in zip(d_before, d_state))
        d_h = d_h_gates[t] @ W_hh
        d_h += d_before[0]
        d_state = (d_h, *d_before[1:])
    return d_x_gates, d_h_gates, d_state


def directions(p: Parameters, depth: int) -> list[tuple[str, slice]]:
    """The name of each direction of a layer, and the order in which it reads the steps (its own inverse)."""
    sides = [(f"layers.{depth}", slice(None)), (f"reverse_layers.{depth}", slice(None, None, -1))]
    return [side for side in sides if f"{side[0]}.W_ih" in p]


def layer_weights(p: Parameters, name: str):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H), and b_hh (G*H), None where the layer has a single bias."""
    return p[f"{name}.W_ih"], p[f"{name}.W_hh"], p[f"{name}.b_ih"], p.get(f"{name}.b_hh")


def live_steps(inputs: Array) -> Array | None:
    """inputs (T, B) -> (T, B, 1) bool, where there is a symbol; None where there is one everywhere."""
    return None if inputs.min() >= 0 else (inputs != PADDING)[:, :, None]


def rows(x: Array) -> Array:
    """(T, B, size) -> (T*B, size)."""
    return x.reshape(-1, x.shape[-1])


def column_sums(x: Array) -> Array:
    """(n, m) -> (m,), as a product, which BLAS computes faster than NumPy a sum."""
    return np.ones(len(x), x.dtype) @ x


def dropped(x: Array | None, mask: Array | None) -> Array | None:
    """x (T*B, size) times its dropout mask (T, B, size) or (1, B, size): forward and backward are the same."""
    return x if mask is None else (x.reshape(-1, *mask.shape[1:]) * mask).reshape(x.shape)


def sum_rows(ids: Array, rows: Array) -> Rows:
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
    return Rows(ordered[first], sums)
