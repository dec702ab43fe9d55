"""How many threads of the CPU compute: as many as are typed, else all, or one where more would only wait."""

import os
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from ..config.launch import Launch
from ..config.settings import Settings
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..tracking.record import RunRecord

# Operations of the largest product of an update from which on several threads are worth their price. Every product is
# shared out and waited for anew; one of 5 million operations takes a core less than a tenth of a millisecond. Below it
# two threads take at most a tenth off an update, and one and a half to two times its processor time, for every cell, in
# torch and in NumPy (python -m benchmarks threads).
MANY_OPERATIONS = 5.5e6
THREADS = torch.get_num_threads()  # torch's choice
_pools = ThreadpoolController()  # those of torch and NumPy; libraries that are imported later have their own
_limited: threadpool_limits | None = None  # the threads of NumPy's products, if this process has set them


def set_threads(number: int | None, model: type[Model]) -> None:
    """The threads of torch's and NumPy's products for this class of models; None: the libraries' choice."""
    global _limited
    if _limited is not None:
        _limited.restore_original_limits()  # an earlier job of this process set them
    _limited = threadpool_limits(number)  # None: as they are
    torch.set_num_threads(1 if model.computes_without_torch else number or THREADS)


def own_cores(launch: Launch) -> int | None:
    """One process's part of the machine's cores where there are several; None for torch's and NumPy's own choice.

    torchrun sets OMP_NUM_THREADS=1 unless it is set, so that a 1 says nothing.
    """
    if launch.size == 1:
        return None
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return THREADS if THREADS > 1 else max(1, usable // launch.local_size)


def num_threads() -> int:
    """The number of threads of products, torch's or NumPy's."""
    return max([torch.get_num_threads(), *(int(pool["num_threads"]) for pool in _pools.info())])


def fit_threads(settings: Settings, model: Model, dataset: Dataset, resumed: Path | None, launch: Launch) -> None:
    """Set the threads of a training for which no number is typed: those that it began with, or what its sizes need.

    The last bits of sums depend on them, so a run that is `resumed`, the one in this folder, keeps its number; not
    where several processes share the cores, which may be more or fewer than before.
    """
    if settings.threads is not None:
        return
    number = recorded_threads(resumed) if resumed is not None and launch.size == 1 else None
    if number is None and largest_product(settings, model, dataset) / launch.size < MANY_OPERATIONS:
        number = 1
    if number is not None:
        set_threads(number, type(model))


def recorded_threads(folder: Path) -> int | None:
    """The threads of the run in this folder; None if it has recorded none, or more than this machine has."""
    text = RunRecord.of(folder).tags.get("threads", "")
    return int(text) if text.isdecimal() and 1 <= int(text) <= (os.cpu_count() or 1) else None


def largest_product(settings: Settings, model: Model, dataset: Dataset) -> float:
    """The operations of the largest product of an update: 2 M N for each of the T B columns of a window.

    The weights (M, N) are those of any layer: what multiplies the B columns of a step has its gradient from all T B.
    Of an embedding only rows are read, unless it is the output's weights, too. Infinite where none is known.
    """
    read = None if getattr(model, "tied", False) else model.input_vectors
    address = None if read is None else read.data_ptr()
    weights = [weight for weight in model.parameters() if weight.dim() > 1 and weight.data_ptr() != address]
    if not weights or any(weight.device.type != "cpu" for weight in weights):  # a GPU's have nothing to share out here
        return float("inf")
    windows = dataset.windows("train", settings.batch_size, settings.truncation, 0)
    shapes = [windows[k].inputs.shape for k in {0, len(windows) // 2, len(windows) - 1}]
    columns = max(int(T * B) for T, B, *_ in shapes)
    return 2.0 * columns * max(weight.numel() for weight in weights)
