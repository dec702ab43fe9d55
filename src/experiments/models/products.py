"""Matrix products that torch would not compute as fast as the machine can."""

import torch
from torch import Tensor

# torch multiplies float32 matrices with MKL, which leaves half of the vector units of some processors idle. oneDNN,
# which torch takes for lower precisions and for recurrent layers, does not.
ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def affine(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """x (n, k), W (m, k), b (m) -> x W' + b (n, m). Not differentiable."""
    if ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu":
        return torch.ops.mkldnn._linear_pointwise(x, W, b, "none", [], "")
    return x @ W.T if b is None else torch.addmm(b, x, W.T)


def lowered(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype of autocast, where that is on."""
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return list(tensors)
    return [tensor.to(torch.get_autocast_dtype(kind)) for tensor in tensors]
