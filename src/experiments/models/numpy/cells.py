"""Recurrent cells in NumPy: each is two small functions over one time step, forward and backward.

A cell only does what happens *between* the matrix products. It is handed both products of the step,

    x_gates = W_ih x + b_ih        h_gates = W_hh h + b_hh        each (B, G*H), gates in torch's order,

and its state before the step, a tuple of (B, H) arrays whose first is the hidden output h. `recurrent` has the
products, the loop over time and the gradients of the weights. `d_z` is the gradient of the loss with respect to `z`.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray
CellState = tuple[Array, ...]


class Cell(Protocol):
    gates: int  # G: blocks of H rows in W_ih and W_hh
    states: int  # arrays in the state: 1, or 2 with the LSTM's memory cell

    def step(self, x_gates: Array, h_gates: Array, state: CellState) -> tuple[CellState, Any]:
        """Gates (B, G*H) twice, state before -> state after, and what `step_backward` needs."""

    def step_backward(self, d_state: CellState, cache: Any) -> tuple[Array, Array, tuple[Any, ...]]:
        """d_state after -> d_x_gates, d_h_gates, d_state before (without the path through W_hh; 0.0 for none)."""


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), written with tanh so that no exponential overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


class Tanh:
    """The simple (Elman) network: h = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    gates, states = 1, 1

    def step(self, x_gates: Array, h_gates: Array, state: CellState) -> tuple[CellState, Any]:  # noqa: ARG002 - h acts only through h_gates
        h = np.tanh(x_gates + h_gates)
        return (h,), h

    def step_backward(self, d_state: CellState, cache: Array) -> tuple[Array, Array, tuple[Any, ...]]:
        d_z = d_state[0] * (1.0 - cache * cache)
        return d_z, d_z, (0.0,)


class Relu:
    """The simple network with a rectifier: h = max(0, W_ih x + b_ih + W_hh h + b_hh)."""

    gates, states = 1, 1

    def step(self, x_gates: Array, h_gates: Array, state: CellState) -> tuple[CellState, Any]:  # noqa: ARG002 - h acts only through h_gates
        h = np.maximum(x_gates + h_gates, 0.0)
        return (h,), h

    def step_backward(self, d_state: CellState, cache: Array) -> tuple[Array, Array, tuple[Any, ...]]:
        d_z = d_state[0] * (cache > 0.0)
        return d_z, d_z, (0.0,)


class LstmCache(NamedTuple):
    i: Array
    f: Array
    g: Array
    o: Array
    c_before: Array
    tanh_c: Array


class Lstm:
    """Long short-term memory with a forget gate, gates in the order i, f, g, o (Gers et al., 2000).

    c = f * c_before + i * g,  h = o * tanh(c);  i, f, o are sigmoids and g is a tanh of the summed gates.
    """

    gates, states = 4, 2

    def step(self, x_gates: Array, h_gates: Array, state: CellState) -> tuple[CellState, Any]:
        _, c_before = state
        z = x_gates + h_gates
        H = z.shape[1] // 4
        i_and_f = sigmoid(z[:, : 2 * H])
        i, f = i_and_f[:, :H], i_and_f[:, H:]
        g, o = np.tanh(z[:, 2 * H : 3 * H]), sigmoid(z[:, 3 * H :])
        c = f * c_before + i * g
        tanh_c = np.tanh(c)
        return (o * tanh_c, c), LstmCache(i, f, g, o, c_before, tanh_c)

    def step_backward(self, d_state: CellState, cache: LstmCache) -> tuple[Array, Array, tuple[Any, ...]]:
        d_h, d_c = d_state
        i, f, g, o, c_before, tanh_c = cache
        d_c = d_c + d_h * o * (1.0 - tanh_c * tanh_c)
        H = d_c.shape[1]
        d_z = np.empty((len(d_c), 4 * H), d_c.dtype)
        d_z[:, :H] = d_c * g * i * (1.0 - i)
        d_z[:, H : 2 * H] = d_c * c_before * f * (1.0 - f)
        d_z[:, 2 * H : 3 * H] = d_c * i * (1.0 - g * g)
        d_z[:, 3 * H :] = d_h * tanh_c * o * (1.0 - o)
        return d_z, d_z, (0.0, d_c * f)


class GruCache(NamedTuple):
    r: Array
    z: Array
    n: Array
    h_before: Array
    h_gate_n: Array


class Gru:
    """Gated recurrent unit in cuDNN's form: the reset gate acts after the product (Cho et al., 2014, v1).

    r, z = sigmoids of the summed gates,  n = tanh(x_n + r * h_n),  h = (1 - z) * n + z * h_before.
    """

    gates, states = 3, 1

    def step(self, x_gates: Array, h_gates: Array, state: CellState) -> tuple[CellState, Any]:
        (h_before,) = state
        H = h_before.shape[1]
        r_and_z = sigmoid(x_gates[:, : 2 * H] + h_gates[:, : 2 * H])
        r, z = r_and_z[:, :H], r_and_z[:, H:]
        h_gate_n = h_gates[:, 2 * H :]
        n = np.tanh(x_gates[:, 2 * H :] + r * h_gate_n)
        return (n + z * (h_before - n),), GruCache(r, z, n, h_before, h_gate_n)

    def step_backward(self, d_state: CellState, cache: GruCache) -> tuple[Array, Array, tuple[Any, ...]]:
        (d_h,) = d_state
        r, z, n, h_before, h_gate_n = cache
        H = d_h.shape[1]
        d_n = d_h * (1.0 - z) * (1.0 - n * n)
        d_x = np.empty((len(d_h), 3 * H), d_h.dtype)
        d_x[:, :H] = d_n * h_gate_n * r * (1.0 - r)
        d_x[:, H : 2 * H] = d_h * (h_before - n) * z * (1.0 - z)
        d_x[:, 2 * H :] = d_n
        d_h_gates = d_x.copy()
        d_h_gates[:, 2 * H :] = d_n * r  # the recurrent product passes the reset gate, the input does not
        return d_x, d_h_gates, (d_h * z,)


CELLS: dict[str, Cell] = {"tanh": Tanh(), "relu": Relu(), "lstm": Lstm(), "gru": Gru()}
