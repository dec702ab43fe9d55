"""Several processes that train together, as torchrun starts them: `python -m tests.several` runs commands one by one.

The commands, lists of overrides, come as JSON. Each process runs all of them, so that torch is imported once.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from experiments.tracking.journal import read_journal

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


def run_together(folder: Path, size: int, commands: Sequence[Sequence[str]]) -> list[subprocess.CompletedProcess]:
    """Run commands in so many processes, all in this folder; what each of them printed."""
    port, path = free_port(), os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.several", json.dumps([list(each) for each in commands])]
    started = [
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment | place(rank, size, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    outputs = [process.communicate(timeout=600) for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(started, outputs)
    ]


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


def main() -> None:
    from experiments import cli

    cli.PATIENCE = 0.0
    code = 0
    for arguments in json.loads(sys.argv[1]):
        sys.argv = ["experiments", *arguments]
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    sys.exit(code)


if __name__ == "__main__":
    main()
