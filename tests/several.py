"""Several processes that train together, with the places that torchrun gives them."""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from experiments.tracking.journal import read_journal

from . import processes

ROOT = Path(__file__).resolve().parents[1]
TIMES = "targets_per_second"  # a metric that may differ


def place(rank: int, size: int, port: int) -> dict[str, str]:
    """The environment of one of `size` processes on this machine."""
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    return {key: str(value) for key, value in place.items()} | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Printed(NamedTuple):
    """How a process ended, and what it printed."""

    code: int
    out: str
    error: str


def run_together(folder: Path, size: int, commands: Sequence[Sequence[str]]) -> list[Printed]:
    """Run commands, one after the other, in so many processes, all in this folder."""
    port = free_port()
    started = [
        processes.context.Process(target=_run, args=(folder, place(rank, size, port), commands)) for rank in range(size)
    ]
    for process in started:
        process.start()
    try:
        codes = [processes.exit_code(process) for process in started]
    finally:
        for process in started:  # where one did not end the others wait for it
            process.kill()
    return [
        Printed(code, *((folder / f"{stream}-{rank}-of-{size}.txt").read_text() for stream in ("out", "error")))
        for rank, code in enumerate(codes)
    ]


def _run(folder: Path, environment: dict[str, str], commands: Sequence[Sequence[str]]) -> None:
    os.environ.update(environment)
    rank, size = environment["RANK"], environment["WORLD_SIZE"]
    with processes.like_an_interpreter(folder, f"out-{rank}-of-{size}.txt", f"error-{rank}-of-{size}.txt"):
        from experiments import cli

        cli.PATIENCE = 0.0
        code = 0
        for arguments in commands:
            sys.argv = ["experiments", *arguments]
            try:
                cli.main()
            except SystemExit as stop:
                code = int(stop.code or 0)
        sys.exit(code)


def recorded(folder: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """All numbers of a run, and all tensors that it left: the last and the best weights, and the carried state."""
    points = {(point.key, point.step): point.value for point in read_journal(folder / "journal.jsonl")}
    points = {key: value for key, value in points.items() if TIMES not in key[0]}
    last, best = (torch.load(folder / name, weights_only=False) for name in ("last.pt", "best.pt"))
    tensors = {f"last {name}": weight for name, weight in last["model"].items()}
    tensors |= {f"best {name}": weight for name, weight in best["model"].items()}
    return points, tensors | {f"state {k}": part for k, part in enumerate(last["loop"]["state"])}


def largest_difference(folder: Path, other: Path) -> float:
    """Between all that two runs recorded and left, of numbers above 1 relative to them.

    AssertionError if they did not record the same metrics at the same steps.
    """
    (points, tensors), (other_points, other_tensors) = recorded(folder), recorded(other)
    assert points.keys() == other_points.keys()
    assert tensors.keys() == other_tensors.keys()
    differences = [abs(points[key] - other_points[key]) / max(1.0, abs(points[key])) for key in points]
    return max([*differences, *(float((tensors[key] - other_tensors[key]).abs().max()) for key in tensors)])
