"""One network on two processes with one thread each, beside one process with two threads."""

import dataclasses
import json
import socket
import subprocess
import sys

from .alternate import Side, alternate, environment, largest_difference
from .machine import ROOT
from .problem import Problem
from .results import Result
from .side import Measured
from .tables import TIMES, times

PROCESSES = 2
UPDATES = {200: 40, 650: 12}  # by hidden size


def processes() -> Result:
    """Two layers of LSTM over 10,000 words, B=20, T=35: on the two threads of one process, and divided between two.

    CPU time and losses are those of both processes together.
    """
    rows, found = [], {}
    for hidden, updates in UPDATES.items():
        problem = Problem(hidden=hidden, updates=updates, threads=PROCESSES)
        sides = {"one process, two threads": Side("ours", problem)}
        sides["two processes, one thread each"] = Side("processes", dataclasses.replace(problem, threads=1))
        found[f"2x{hidden}"] = group = alternate(sides, rounds=5)
        one, two = group.values()
        rows += [[f"2x{hidden}", label, *times(figures, problem)] for label, figures in group.items()]
        rows[-1] += [f"{one.seconds / two.seconds:.2f}", largest_difference(two, one)]
    head = ["network", "side", *TIMES, "faster than one process", "losses differ by"]
    return Result.of("Several processes", processes.__doc__, head, rows, found)


def measure(problem: Problem) -> Measured:
    """Train in two processes, as torchrun starts them; times of the first one, CPU time and memory of both."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    program = [sys.executable, "-m", "benchmarks.side", "ours", json.dumps(dataclasses.asdict(problem))]
    started = [
        subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=_place(rank, port), cwd=ROOT)
        for rank in range(PROCESSES)
    ]
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{' '.join(program)} failed in one of {PROCESSES} processes")
    first, *others = (Measured(**json.loads(output.splitlines()[-1])) for output in outputs)
    cpu, memory = (sum(getattr(one, key) for one in (first, *others)) for key in ("cpu_seconds", "memory"))
    return dataclasses.replace(first, cpu_seconds=cpu, memory=memory)


def _place(rank: int, port: int) -> dict[str, str]:
    """The environment of one of the processes."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": PROCESSES, "LOCAL_WORLD_SIZE": PROCESSES}
    place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return environment() | {key: str(value) for key, value in place.items()}
