"""A recurrent network with truncated backpropagation through time, by hand and in NumPy only.

    ids (T, B) -> embedding or one-hot -> L recurrent layers -> affine -> loss summed over the targets

`forward` keeps what `backward` needs. Both speak of one window: the state that enters is given, the gradient with
respect to it is returned, and who does not pass that on to the window before has truncated. Parameters and gradients
are dicts with the same keys: `embedding.W`, `layers.0.W_ih`, ..., `output.W`, `output.b`.
The dtype is that of the parameters: float64 for checking, float32 for speed.
"""

from typing import Any, NamedTuple

import numpy as np

from .cells import Array, Cell, CellState

PADDING = -1  # an input that is no symbol: the state passes it unchanged
IGNORE = -100  # a target that is not predicted
Parameters = dict[str, Array]
Masks = list[Array | None]  # dropout: one for the input of each layer, the last for the output's


class LayerCache(NamedTuple):
    steps: list[Any]  # the cell's caches, one per time step
    hidden: Array  # (T+1, B, H): the state that enters, then every output
    live: Array | None  # (T, B, 1) bool, None where no input is padding


class Cache(NamedTuple):
    ids: Array  # (T*B,)
    inputs: list[Array | None]  # what each layer read, (T*B, size); None for one-hot input
    layers: list[LayerCache]
    masks: Masks


def forward(cell: Cell, p: Parameters, inputs: Array, state: CellState, masks: Masks):
    """inputs (T, B), state of (L, B, H) arrays -> hidden (T, B, H), state after, cache."""
    T, B = inputs.shape
    ids = np.maximum(inputs, 0).ravel()
    live = None if inputs.min() >= 0 else (inputs != PADDING)[:, :, None]
    x = p["embedding.W"][ids] if "embedding.W" in p else None
    read, caches, after = [], [], []
    for layer, mask in enumerate(masks[:-1]):
        x = dropped(x, mask)
        W_ih, W_hh, b_ih, b_hh = layer_weights(p, layer)
        # one product for all time steps; a one-hot input picks a column of W_ih
        x_gates = (W_ih.T[ids] if x is None else x @ W_ih.T) + b_ih
        before = tuple(s[layer] for s in state)
        hidden, last, steps = run_forward(cell, x_gates.reshape(T, B, -1), before, W_hh, b_hh, live)
        read.append(x)
        caches.append(LayerCache(steps, hidden, live))
        after.append(last)
        x = hidden[1:].reshape(T * B, -1)
    state = tuple(np.stack(parts) for parts in zip(*after))
    return dropped(x, masks[-1]).reshape(T, B, -1), state, Cache(ids, read, caches, masks)


def run_forward(cell, x_gates, state, W_hh, b_hh, live):
    """x_gates (T, B, G*H) -> hidden (T+1, B, H) beginning with the state that enters, last state, caches."""
    hidden = np.empty((len(x_gates) + 1, *state[0].shape), x_gates.dtype)
    hidden[0] = state[0]
    steps = []
    for t in range(len(x_gates)):
        before = state
        state, cache = cell.step(x_gates[t], before[0] @ W_hh.T + b_hh, before)
        if live is not None:
            state = tuple(np.where(live[t], new, old) for new, old in zip(state, before))
        hidden[t + 1] = state[0]
        steps.append(cache)
    return hidden, state, steps


def backward(cell: Cell, p: Parameters, cache: Cache, d_hidden: Array, d_state: CellState):
    """d_hidden (T, B, H), d_state after of (L, B, H) arrays -> gradients by name, d_state before."""
    gradients: Parameters = {}
    d_before = []
    d_x = dropped(d_hidden.reshape(len(cache.ids), -1), cache.masks[-1])
    for layer in reversed(range(len(cache.layers))):
        steps, hidden, live = cache.layers[layer]
        x, name = cache.inputs[layer], f"layers.{layer}"
        W_ih, W_hh, _, _ = layer_weights(p, layer)
        d_after = tuple(s[layer] for s in d_state)
        d_out = d_x.reshape(hidden[1:].shape)
        d_x_gates, d_h_gates, d_first = run_backward(cell, d_out, d_after, W_hh, steps, live)
        d_before.append(d_first)
        h_before = hidden[:-1].reshape(len(d_x_gates), -1)
        gradients[f"{name}.W_hh"] = d_h_gates.T @ h_before  # one product for all time steps
        gradients[f"{name}.b_ih"] = d_x_gates.sum(axis=0)
        if f"{name}.b_hh" in p:
            gradients[f"{name}.b_hh"] = d_h_gates.sum(axis=0)
        if x is None:
            gradients[f"{name}.W_ih"] = sum_rows(cache.ids, d_x_gates, W_ih.shape[1]).T
        else:
            gradients[f"{name}.W_ih"] = d_x_gates.T @ x
            d_x = dropped(d_x_gates @ W_ih, cache.masks[layer])
    if "embedding.W" in p:
        gradients["embedding.W"] = sum_rows(cache.ids, d_x, len(p["embedding.W"]))
    return gradients, tuple(np.stack(parts) for parts in zip(*reversed(d_before)))


def run_backward(cell, d_hidden, d_state, W_hh, steps, live):
    """d_hidden (T, B, H) -> d_x_gates and d_h_gates, both (T*B, G*H), and d_state before the first step."""
    T, B, _ = d_hidden.shape
    d_x_gates = np.empty((T, B, len(W_hh)), d_hidden.dtype)
    d_h_gates = np.empty_like(d_x_gates)
    for t in reversed(range(T)):
        d_state = (d_state[0] + d_hidden[t], *d_state[1:])
        d_x_gates[t], d_h_gates[t], d_before = cell.step_backward(d_state, steps[t])
        if live is not None:  # a padded step computed nothing: the gradient passes it as the state did
            d_x_gates[t] *= live[t]
            d_h_gates[t] *= live[t]
            d_before = tuple(np.where(live[t], new, old) for new, old in zip(d_before, d_state))
        d_state = (d_before[0] + d_h_gates[t] @ W_hh, *d_before[1:])
    return d_x_gates.reshape(T * B, -1), d_h_gates.reshape(T * B, -1), d_state


def layer_weights(p: Parameters, layer: int):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H), and b_hh: zero where the layer has a single bias."""
    name = f"layers.{layer}"
    return p[f"{name}.W_ih"], p[f"{name}.W_hh"], p[f"{name}.b_ih"], p.get(f"{name}.b_hh", 0.0)


def dropped(x: Array | None, mask: Array | None) -> Array | None:
    """x (T*B, size) times its dropout mask (T, B, size): forward and backward are the same."""
    return x if mask is None else x * mask.reshape(x.shape)


def sum_rows(ids: Array, rows: Array, size: int) -> Array:
    """ids (n,), rows (n, m) -> (size, m): row k is the sum of the rows whose id is k. The transpose of a look-up."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
    total = np.zeros((size, rows.shape[1]), rows.dtype)
    total[ordered[firsts]] = np.add.reduceat(rows[order], firsts)
    return total


def affine(p: Parameters, hidden: Array) -> Array:
    """hidden (T, B, H) -> outputs (T*B, K)."""
    return projected(p, hidden) @ p[output_name(p)].T + p["output.b"]


def affine_backward(p: Parameters, hidden: Array, d_outputs: Array) -> tuple[Parameters, Array]:
    """hidden (T, B, H), d_outputs (T*B, K) -> gradients by name, d_hidden (T, B, H)."""
    name = output_name(p)
    gradients = {name: d_outputs.T @ projected(p, hidden), "output.b": d_outputs.sum(axis=0)}
    d_rows = d_outputs @ p[name]
    if "projection.W" in p:
        gradients["projection.W"] = d_rows.T @ hidden.reshape(len(d_rows), -1)
        d_rows = d_rows @ p["projection.W"]
    return gradients, d_rows.reshape(hidden.shape)


def projected(p: Parameters, hidden: Array) -> Array:
    """hidden (T, B, H) -> rows (T*B, H), or (T*B, E) behind a projection."""
    rows = hidden.reshape(-1, hidden.shape[-1])
    return rows @ p["projection.W"].T if "projection.W" in p else rows


def output_name(p: Parameters) -> str:
    """The weights (K, H or E) of the output: its own, or the embedding's if they are tied."""
    return "output.W" if "output.W" in p else "embedding.W"


def sum_gradients(one: Parameters, other: Parameters) -> Parameters:
    """Gradients by name; a parameter that was used twice has the sum of both."""
    return one | other | {name: one[name] + other[name] for name in one.keys() & other.keys()}


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
