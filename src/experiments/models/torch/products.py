"""Matrix products faster than torch's own, and the precision in which products are computed."""

import contextlib
from typing import Any

import torch
from torch import Tensor

# torch multiplies float32 matrices with MKL, which leaves half of the vector units of some processors with AVX-512
# idle. oneDNN, which torch uses for lower precisions and for recurrent layers, does not. Where there is no AVX-512, MKL
# is as fast, and copies no transposed operand.
WIDE = torch.backends.cpu.get_cpu_capability() == "AVX512"
ONEDNN = WIDE and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
NARROW = 256  # columns of a product up to which MKL multiplies by a transposed matrix as fast as by others
BLOCK = 1024  # columns of a transposed product that are computed, and put in their place, while the cache holds them

MATRIX_UNITS = "amx_bf16" in (k for k, has in getattr(torch.cpu, "get_capabilities", dict)().items() if has)


def recurrent_precision(x: Tensor) -> contextlib.AbstractContextManager[Any]:
    """The context in which a recurrent layer computes: without autocast on a CPU that has no matrix units.

    There oneDNN's layers take longer in bfloat16 than in float32, up to twice as long for the gradient.
    """
    slower = x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not MATRIX_UNITS
    return torch.autocast("cpu", enabled=False) if slower else contextlib.nullcontext()


def linear(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """x (n, k), W (m, k), b (m) -> x W' + b (n, m). Not differentiable."""
    if _by_onednn(x):
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, W, b, "none", [], "")
        return y
    return x @ W.T if b is None else torch.addmm(b, x, W.T)


def plus_transposed(total: Tensor | None, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """total (m, k) + a' b of a (n, m), b (n, k), in place if there is a total; in `dtype`. Not differentiable."""
    if a.device.type != "cpu" or a.dtype != dtype or _by_onednn(a):
        product = linear(a.T, b.T)
        return product.to(dtype) if total is None else total.add_(product)
    if b.shape[1] <= NARROW:
        return a.T @ b if total is None else total.addmm_(a.T, b)
    put = Tensor.copy_ if total is None else Tensor.add_
    total = b.new_empty(a.shape[1], b.shape[1]) if total is None else total
    for rows, columns in zip(total.split(BLOCK), a.split(BLOCK, dim=1)):
        put(rows, (b.T @ columns).T)  # MKL takes a quarter longer for a' b itself
    return total


def _by_onednn(x: Tensor) -> bool:
    return ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu"


def lowered(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype of autocast, if it is enabled."""
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return list(tensors)
    return [tensor.to(torch.get_autocast_dtype(kind)) for tensor in tensors]
