"""One side of a comparison, in a process of its own: `python -m benchmarks.side NAME PROBLEM` prints what it measured.

The sides take nothing from each other: who imports torch, sets threads or the allocator does so for itself alone.
"""

import dataclasses
import importlib
import json
import statistics
import sys
import time
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

from .problem import Problem


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one process says of its updates."""

    seconds: float  # median of an update
    mean: float  # of the same
    cpu_seconds: float  # of all threads, mean over the updates
    memory: int  # bytes that the process grew by at most
    losses: list[float | None]  # of every update, the first ones included
    whole: float = 0.0  # seconds of a whole run, where one was made


def measure(updates: Iterator[float | None], problem: Problem) -> Measured:
    """Time updates after some that only warm up; the first item says only that everything but the model is there."""
    next(updates)
    before, losses, seconds = memory("VmRSS"), [], []
    forget_peak()
    for k in range(problem.warm_up + problem.updates):
        if k == problem.warm_up:
            cpu = time.process_time()
        began = time.perf_counter()
        losses.append(next(updates))
        seconds.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) / problem.updates
    median, mean = (average(seconds[problem.warm_up :]) for average in (statistics.median, statistics.fmean))
    return Measured(median, mean, cpu, memory("VmHWM") - before, losses)


def memory(key: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most so far."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def forget_peak() -> None:
    """Let VmHWM count from now on."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main(name: str, problem: Problem) -> None:
    """A side is a module of this package with `updates`, or with a `measure` of its own."""
    side = importlib.import_module(f"benchmarks.{name}")
    threadpool_limits(problem.threads)  # of the libraries that are loaded now; None: as they choose
    measured = side.measure(problem) if hasattr(side, "measure") else measure(side.updates(problem), problem)
    print(json.dumps(dataclasses.asdict(measured)))


if __name__ == "__main__":
    main(sys.argv[1], Problem(**json.loads(sys.argv[2])))
