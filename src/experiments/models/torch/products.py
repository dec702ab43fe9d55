"""Matrix products faster than torch's own, and the precision in which products are computed."""

import contextlib
from typing import Any

import torch
from torch import Tensor

# torch multiplies float32 matrices with MKL, which leaves half of the vector units of some processors idle. oneDNN,
# which torch uses for lower precisions and for recurrent layers, does not.
ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")

MATRIX_UNITS = "amx_bf16" in (k for k, has in getattr(torch.cpu, "get_capabilities", dict)().items() if has)


def recurrent_precision(x: Tensor) -> contextlib.AbstractContextManager[Any]:
    """The context in which a recurrent layer computes: without autocast on a CPU that has no matrix units.

    There oneDNN's layers take longer in bfloat16 than in float32, up to twice as long for the gradient.
    """
    slower = x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not MATRIX_UNITS
    return torch.autocast("cpu", enabled=False) if slower else contextlib.nullcontext()


def linear(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """x (n, k), W (m, k), b (m) -> x W' + b (n, m). Not differentiable."""
    if ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu":
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, W, b, "none", [], "")
        return y
    return x @ W.T if b is None else torch.addmm(b, x, W.T)


def lowered(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype of autocast, if it is enabled."""
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return list(tensors)
    return [tensor.to(torch.get_autocast_dtype(kind)) for tensor in tensors]
