"""Where and how precisely a run computes: device, precision, determinism. (Its threads: threads.py.)"""

import contextlib
import ctypes
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from ..config.errors import ConfigError
from ..config.settings import Settings
from ..interfaces.data import Window, padding_steps
from ..interfaces.model import Model
from .threads import num_threads, set_threads

log = logging.getLogger("experiments")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h: free bytes that the heap keeps, sizes that bypass the heap
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
        if tensor.is_floating_point():
            tensor = tensor.to(DTYPES[self.precision])
        if self.torch_device.type == "cuda":  # from pinned memory, or the copy would wait for the GPU
            return tensor.pin_memory().to(self.torch_device, non_blocking=True)
        return tensor.to(self.torch_device)

    def tensors(self, window: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """A window's inputs and targets; `is_padded` reads the attribute `padded` of the inputs."""
        inputs, targets = self.tensor(window.inputs), self.tensor(window.targets)
        inputs.padded = padding_steps(window.inputs) is not None  # type: ignore[attr-defined]
        return inputs, targets

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which products are computed in bfloat16, if that is the precision."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.torch_device.type, torch.bfloat16) if enabled else contextlib.nullcontext()


def choose_device(settings: Settings, model: type[Model]) -> Device:
    """The device and precision for a class of models. ConfigError if the class or the machine does not support them."""
    devices, precisions, name = model.devices, model.precisions, model.__name__
    most = 4 * (os.cpu_count() or 1)
    if settings.threads is not None and settings.threads > most:
        raise ConfigError(f"threads must be at most {most} (four times the processors here), got {settings.threads}")
    if settings.precision not in precisions:
        raise ConfigError(
            f"{name} computes in {', '.join(precisions)}: precision={settings.precision} is not supported"
        )
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    here = [device for device, is_available in available.items() if is_available]
    if settings.device == "auto":
        usable = [device for device in here if device in devices]
        if not usable:
            raise ConfigError(f"{name} runs on {', '.join(devices)}, but there is {', '.join(here)} here")
        return Device(torch.device(usable[0]), settings.precision)
    if settings.device not in devices:
        raise ConfigError(f"{name} runs on {', '.join(devices)}: device={settings.device} is not supported")
    if settings.device not in here:
        raise ConfigError(f"device={settings.device} is not available here; there is {', '.join(here)}")
    return Device(torch.device(settings.device), settings.precision)


def set_up_process(settings: Settings, model: type[Model]) -> None:
    """Threads, allocation, determinism and seed of this process, which will compute with this class of models."""
    set_threads(settings.threads, model)
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


class RandomState:
    """The random generators that a run draws from, as a part of its training state."""

    def __init__(self, device: Device):
        self._device = device.torch_device

    def state_dict(self) -> dict[str, Any]:
        """Their states, and the number of threads, on which the last bits of sums depend."""
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return {"generators": states, "threads": num_threads()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Logs a warning if the number of threads differs. A GPU keeps its generator if the state has none for it."""
        states, threads = state["generators"], state["threads"]
        torch.set_rng_state(states["cpu"])
        if self._device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self._device)
        if threads != num_threads():
            change = f"{threads} threads before, {num_threads()} now"
            log.warning("%s: the last bits of sums may differ from those of an uninterrupted run", change)
