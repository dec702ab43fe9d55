"""What is set once in a process that computes: threads, allocation, determinism, the seed."""

import ctypes
import os
import sys

import torch

from ..config.launch import Launch
from ..config.settings import Settings
from ..interfaces.model import Model
from .threads import own_cores, set_threads

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h: free bytes that the heap keeps, sizes that bypass the heap


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


def make_current(device: torch.device) -> None:
    """Of several GPUs let this be the one that is used where none is named."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def keep_memory() -> None:
    """With glibc, keep up to a gigabyte of freed memory: each update frees and allocates the same large buffers.

    The page faults of new memory would cost as much time as the computation.
    """
    allocator = ctypes.CDLL(None) if sys.platform == "linux" else None
    if allocator is not None and hasattr(allocator, "mallopt"):
        allocator.mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the largest value allowed
        allocator.mallopt(M_TRIM_THRESHOLD, 1 << 30)
