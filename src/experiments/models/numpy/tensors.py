"""Tensors as arrays, and the gradients of layers as tensors."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .cells import Array
from .layers import RowGradient


def arrays(tensors: Iterable[Tensor | None]) -> tuple[Any, ...]:
    """The tensors as arrays that share their memory; None stays None."""
    return tuple(None if tensor is None else tensor.detach().numpy() for tensor in tensors)


def as_tensor(gradient: Array | RowGradient, W: Tensor) -> Tensor:
    """The gradient of a weight, row-sparse if it is."""
    if isinstance(gradient, RowGradient):
        ids, values = torch.from_numpy(gradient.ids)[None], torch.from_numpy(gradient.values)
        return torch.sparse_coo_tensor(ids, values, W.shape, check_invariants=False, is_coalesced=True)
    return torch.from_numpy(np.ascontiguousarray(gradient))  # fused optimizers assume the layout of the weight
