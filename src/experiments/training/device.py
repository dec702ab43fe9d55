"""Where and how precisely a run computes. (What is set once in a process: process_setup.py.)"""

import contextlib
from typing import Any, NamedTuple

import numpy as np
import torch

from ..interfaces.data import Window, padding_steps
from ..interfaces.model import Model

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # precision -> parameters


class Device(NamedTuple):
    """Where a model computes, and how precisely."""

    torch_device: torch.device
    precision: str

    def place(self, model: Model) -> Model:
        """The model on the device, its parameters in their dtype (bfloat16 keeps float32 ones)."""
        return model.to(device=self.torch_device, dtype=DTYPES[self.precision])

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """An array as a tensor on the device, real numbers in the dtype of the parameters."""
        tensor = torch.from_numpy(array)
        if array.dtype.kind == "f":
            tensor = tensor.to(DTYPES[self.precision])
        if self.torch_device.type == "cpu":
            return tensor
        if self.torch_device.type == "cuda":  # from pinned memory, or the copy would wait for the GPU
            return tensor.pin_memory().to(self.torch_device, non_blocking=True)
        return tensor.to(self.torch_device)

    def tensors(self, window: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """A window's inputs and targets; both networks read the attribute `padded` of the inputs."""
        inputs, targets = self.tensor(window.inputs), self.tensor(window.targets)
        inputs.padded = padding_steps(window.inputs) is not None  # type: ignore[attr-defined]
        return inputs, targets

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which products are computed in bfloat16, if that is the precision."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.torch_device.type, torch.bfloat16) if enabled else contextlib.nullcontext()
