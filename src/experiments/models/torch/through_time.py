"""Backpropagation through time by hand, a layer one node of autograd's graph: simple network, GRU.

For these cells torch has no fused layer on a CPU: autograd records every operation of every step.
Here the loops over time only do what depends on the step before, in place. All else is computed for
all steps at once: the products with the inputs, the gradients of the weights, and the derivatives
of the gates, which the forward pass fixes: d_gates[t] = d_h[t] * slopes[t].

The maths is that of numpy/cells.py, one step at a time there. There are no second derivatives.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Gradients = tuple[Tensor | None, ...]


def tanh_layer(x: Tensor, before: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """x (T, B, in), h before (1, B, H), W_ih, W_hh, b_ih, b_hh -> hidden outputs (T, B, H)."""
    out: Tensor = _Simple.apply(x, before, *weights, torch.tanh_)  # type: ignore[no-untyped-call]
    return out


def relu_layer(x: Tensor, before: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """As `tanh_layer`, with a rectifier."""
    out: Tensor = _Simple.apply(x, before, *weights, torch.relu_)  # type: ignore[no-untyped-call]
    return out


def gru_layer(x: Tensor, before: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """As `tanh_layer`, the weights with 3*H rows for the gates r, z and n."""
    out: Tensor = _Gru.apply(x, before, *weights)  # type: ignore[no-untyped-call]
    return out


class _Simple(torch.autograd.Function):
    """h = activate(W_ih x + b_ih + W_hh h + b_hh)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        before: Tensor,
        W_ih: Tensor,
        W_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
        activate: Callable[[Tensor], Tensor],
    ) -> Tensor:
        out = _affine(x, W_ih, b_ih + b_hh)
        h, W_hh_transposed = before[0], W_hh.T
        for z in out.unbind():  # turns into this step's h
            h = activate(z.addmm_(h, W_hh_transposed))
        ctx.activate = activate
        ctx.save_for_backward(x, before, W_ih, W_hh, out)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> Gradients:
        _refuse_second_derivative()
        x, before, W_ih, W_hh, out = ctx.saved_tensors
        is_relu = ctx.activate is torch.relu_
        slopes = (out > 0).to(out.dtype) if is_relu else out.square().neg_().add_(1)
        d_z = _contiguous_copy(d_out)
        d_after: Tensor | None = None
        for d, slope in zip(d_z.unbind()[::-1], slopes.unbind()[::-1]):
            # the d_h of a step turns into its d_z
            d_after = (d if d_after is None else d.addmm_(d_after, W_hh)).mul_(slope)
        for_x, for_before, for_W_ih, for_W_hh, for_b_ih, for_b_hh, _ = ctx.needs_input_grad
        return (
            d_z @ W_ih if for_x else None,
            d_z[:1] @ W_hh if for_before else None,
            _of_weight(d_z, x) if for_W_ih else None,
            _of_weight(d_z, _befores(before, out)) if for_W_hh else None,
            d_z.sum((0, 1)) if for_b_ih else None,
            d_z.sum((0, 1)) if for_b_hh else None,
            None,
        )


class _Gru(torch.autograd.Function):
    """r, z = sigmoids of summed gates, n = tanh(x_n + r * h_n), h = (1 - z) * n + z * h_before."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        before: Tensor,
        W_ih: Tensor,
        W_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
    ) -> Tensor:
        H = before.shape[2]
        gates = _affine(x, W_ih, torch.cat([b_ih[: 2 * H] + b_hh[: 2 * H], b_ih[2 * H :]]))
        n = _contiguous_copy(gates[..., 2 * H :])  # begins as x_n
        gates[..., 2 * H :] = b_hh[2 * H :]  # so that one product adds h's part to all three gates
        out = torch.empty_like(n)
        _gru_steps(gates, n, out, before[0], W_hh.T)
        ctx.save_for_backward(x, before, W_ih, W_hh, gates, n, out)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> Gradients:
        _refuse_second_derivative()
        x, before, W_ih, W_hh, gates, n, out = ctx.saved_tensors
        H, h_before = before.shape[2], _befores(before, out)
        d_gates, slope_n = _gru_slopes(gates, n, h_before)
        d_h = torch.cat([torch.zeros_like(before), d_out])  # (T+1, B, H): of h before, of each h
        _gru_steps_backward(d_h, d_gates, gates[..., H : 2 * H], W_hh)
        for_x, for_before, for_W_ih, for_W_hh, for_b_ih, for_b_hh = ctx.needs_input_grad
        d_W_hh = _of_weight(d_gates, h_before) if for_W_hh else None
        d_b_hh = d_gates.sum((0, 1)) if for_b_hh else None
        torch.mul(d_h[1:], slope_n, out=d_gates[..., 2 * H :])  # x does not pass the reset gate
        return (
            d_gates @ W_ih if for_x else None,
            d_h[:1].clone() if for_before else None,
            _of_weight(d_gates, x) if for_W_ih else None,
            d_W_hh,
            d_gates.sum((0, 1)) if for_b_ih else None,
            d_b_hh,
        )


def _gru_steps(gates: Tensor, n: Tensor, out: Tensor, h: Tensor, W_hh_transposed: Tensor) -> None:
    """gates (T, B, 3H) turn from x_r, x_z, b_hn into r, z, h_n; n (T, B, H) from x_n into n.

    Fills `out` (T, B, H), beginning with h before (B, H).
    """
    H = h.shape[1]
    r, z, h_n = gates.split(H, dim=2)
    steps = (part.unbind() for part in (gates, gates[..., : 2 * H], r, z, h_n, n, out))
    for all_gates, r_and_z, r_t, z_t, h_n_t, n_t, out_t in zip(*steps):
        all_gates.addmm_(h, W_hh_transposed)
        r_and_z.sigmoid_()
        n_t.addcmul_(r_t, h_n_t).tanh_()
        h = torch.lerp(n_t, h, z_t, out=out_t)


def _gru_slopes(gates: Tensor, n: Tensor, h_before: Tensor) -> tuple[Tensor, Tensor]:
    """r, z, h_n (T, B, 3H), n, h_before (T, B, H) -> d_gates (T, B, 3H) and d_x_n if d_h is 1."""
    slopes = torch.empty_like(gates)
    r, z, h_n = gates.split(n.shape[2], dim=2)
    slope_r, slope_z, slope_h_n = slopes.split(n.shape[2], dim=2)
    one_minus_z = 1 - z
    slope_x_n = n.square().neg_().add_(1).mul_(one_minus_z)
    torch.mul(slope_x_n, r, out=slope_h_n)
    torch.sub(1, r, out=slope_r).mul_(h_n).mul_(slope_h_n)
    torch.sub(h_before, n, out=slope_z).mul_(z).mul_(one_minus_z)
    return slopes, slope_x_n


def _gru_steps_backward(d_h: Tensor, d_gates: Tensor, z: Tensor, W_hh: Tensor) -> None:
    """d_h (T+1, B, H) gets what later steps add; d_gates (T, B, 3H): slopes become gradients."""
    T, B, H = z.shape
    by_gate, d_h_of_gates = d_gates.view(T, B, 3, H), d_h.view(T + 1, B, 1, H)
    parts = (d_h[:-1], d_h[1:], d_h_of_gates[1:], by_gate, d_gates, z)
    steps = (part.unbind()[::-1] for part in parts)
    for d_h_before, d_h_t, d_h_of_gates_t, by_gate_t, d_gates_t, z_t in zip(*steps):
        by_gate_t.mul_(d_h_of_gates_t)  # the memory of d_gates_t
        d_h_before.addcmul_(d_h_t, z_t).addmm_(d_gates_t, W_hh)


def _refuse_second_derivative() -> None:
    """RuntimeError if the gradient is to have a graph, which in-place operations cannot give it."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "a recurrent layer by hand has no second derivative, got create_graph=True: torch's own "
            "layers have, after experiments.models.torch.recurrent.BY_HAND.clear()"
        )


def _affine(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """x (T, B, in), W (n, in), b (n) -> W x + b (T, B, n), contiguous."""
    return torch.addmm(b, x.flatten(0, 1), W.T).view(*x.shape[:2], len(W))


def _of_weight(d_gates: Tensor, read: Tensor) -> Tensor:
    """d_gates (T, B, n), what the weight read (T, B, k) -> the weight's gradient (n, k)."""
    return d_gates.flatten(0, 1).T @ read.flatten(0, 1)


def _befores(before: Tensor, out: Tensor) -> Tensor:
    """h before the window (1, B, H), outputs (T, B, H) -> h before each step (T, B, H)."""
    return torch.cat([before, out[:-1]])


def _contiguous_copy(x: Tensor) -> Tensor:
    return x.clone(memory_format=torch.contiguous_format)
