"""What is measured: every part of `python -m benchmarks` by its name.

A part is a function without arguments that runs its sides and returns a `Result`:

    def layers() -> Result:
        "What was measured: it stands above the table."
        found = {"2x200": alternate({"torch": Side("plain", problem), "ours": Side("ours", problem)}, rounds=3)}
        rows = [[group, label, *times(figures, problem)] for group, sides in found.items() for label, figures in ...]
        return Result.of("Layers", layers.__doc__, ["network", "side", *TIMES], rows, found, peers=("torch",))

`found` has every turn of every side by group; the sides of a group took turns. `python -m benchmarks compare` divides a
side by the "products alone" of its group or, where there are none, by its first side; a group of one side is compared
in its own unit and only on the same machine. `peers` names sides that are not ours. A part may also return
(text, drawn), a Markdown section (`results.section`) and what is drawn of it: its table is kept, but it cannot be
compared. Sides that take turns in one process: `alternate.figures_of([{"cpu_seconds": 0.1}, ...])` makes `Figures`.
"""

import os
from pathlib import Path

from experiments.training.device_choice import has_bfloat16

from . import cells, networks, output, peers, processes, runs, stores, threads

PARTS = {
    "torch": networks.torch_networks,
    "keras": peers.keras_text,
    "labels": peers.keras_labels,
    "precision": runs.precision,
    "evaluation": runs.evaluation,
    "numpy": networks.numpy_networks,
    "loop": runs.loop,
    "tracking": runs.tracking,
    "memory": networks.memory,
    "startup": runs.startup,
    "threads": threads.threads,
    "growth": networks.growth,
    "comparing": runs.comparing,
    "cells": cells.cells,
    "output": output.output,
    "processes": processes.processes,
    "stores": stores.stores,
}
OF_PTB = ("precision", "evaluation", "output")
OF_KERAS = ("keras", "labels")


def missing(name: str) -> str | None:
    """What a part needs and is not there."""
    if name in OF_PTB and "EXPERIMENTS_DATA" not in os.environ:
        return "EXPERIMENTS_DATA names no folder"
    if name == "precision" and not has_bfloat16():
        return "this processor has no instructions for bfloat16"
    if name in OF_KERAS and not Path(peers.PYTHON).exists():
        return f"Keras is not installed: make peers ({peers.PYTHON} is not there)"
    return None
