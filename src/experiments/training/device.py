"""Where and how precisely a run computes: device, precision, determinism. (Its threads: threads.py.)"""

import contextlib
import ctypes
import os
import sys
from typing import Any, NamedTuple

import numpy as np
import torch

from ..config.launch import Launch
from ..config.settings import Settings
from ..interfaces.data import Window, padding_steps
from ..interfaces.model import Model
from .threads import own_cores, set_threads

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h: free bytes that the heap keeps, sizes that bypass the heap
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # precision -> parameters


class Device(NamedTuple):
    """Where a model computes, and how precisely."""

    torch_device: torch.device
    precision: str

    def place(self, model: Model) -> Model:
        """The model on the device, its parameters in their dtype (bfloat16 keeps float32 ones)."""
        return model.to(device=self.torch_device, dtype=DTYPES[self.precision])

    def make_current(self) -> None:
        """Of several GPUs let this be the one that is used where none is named."""
        if self.torch_device.type == "cuda" and self.torch_device.index is not None:
            torch.cuda.set_device(self.torch_device)

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


def set_up_process(settings: Settings, model: type[Model], launch: Launch = Launch()) -> None:  # noqa: B008 - unchanging
    """Threads, allocation, determinism and seed of this process, which will compute with this class of models."""
    set_threads(settings.threads or own_cores(launch), model)
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is repeatable only with it
    if settings.deterministic != torch.are_deterministic_algorithms_enabled():  # the call imports torch's compiler
        torch.use_deterministic_algorithms(settings.deterministic)
    torch.set_flush_denormal(True)  # products with numbers below 1e-38 are ten times slower
    keep_memory()
    torch.manual_seed(settings.seed)


def keep_memory() -> None:
    """With glibc, keep up to a gigabyte of freed memory: each update frees and allocates the same large buffers.

    The page faults of new memory would cost as much time as the computation.
    """
    allocator = ctypes.CDLL(None) if sys.platform == "linux" else None
    if allocator is not None and hasattr(allocator, "mallopt"):
        allocator.mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the largest value allowed
        allocator.mallopt(M_TRIM_THRESHOLD, 1 << 30)
