"""The memory that a computation needs at its highest, counted from what it allocates."""

import tracemalloc
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


def peak_bytes(compute: Callable[[], object], *, in_numpy: bool, known: Iterable[torch.Tensor]) -> int:
    """The most bytes that arrays (or torch's tensors) made by `compute` held at once; `known` tensors do not count."""
    if not in_numpy:
        with LiveTensors(known) as tensors:
            compute()
        return int(tensors.peak)
    tracemalloc.start()
    try:
        compute()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class LiveTensors(TorchDispatchMode):
    """In this context the bytes of all tensors that torch's operations return are counted while they are alive."""

    def __init__(self, known: Iterable[torch.Tensor]):
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = {tensor.untyped_storage()._cdata for tensor in known}
        self._sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else [result]:
            if isinstance(part, torch.Tensor) and part.layout == torch.strided:
                self._count(part.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known and key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.now -= self._sizes.pop(key)
