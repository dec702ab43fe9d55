"""Runs nobody trained: their numbers follow a formula, so that every mean can be computed again."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.tracking.record import RunRecord

EPOCHS = 6


def a_run(
    name: str, parameters: Mapping[str, object], floor: float, outcome: str = "completed", **tags: str
) -> RunRecord:
    """A language model's run whose loss falls towards `floor` and rises again in the last epoch."""
    draw = np.random.default_rng(abs(hash_of(name)))
    epochs = EPOCHS if outcome == "completed" else 2
    losses = [floor + 2.0 / (epoch + 1) + 0.02 * draw.normal() for epoch in range(epochs)]
    losses[-1] += 0.5 * (epochs == EPOCHS)
    steps = [1000 * (epoch + 1) for epoch in range(epochs)]
    columns = {
        "train/loss": [loss - 0.1 for loss in losses],
        "train/targets_per_second": [5000.0 + 10 * epoch for epoch in range(epochs)],
        "train/updates": [50.0 * (epoch + 1) for epoch in range(epochs)],
        "valid/loss": losses,
        "valid/perplexity": [math.exp(loss) for loss in losses],
        "valid/accuracy": [1 / math.exp(loss) for loss in losses],
    }
    metrics = {key: dict(zip(steps, values)) for key, values in columns.items()}
    if outcome == "completed":
        metrics |= {"test/loss": {steps[-2]: losses[-2] + 0.05}}
        metrics |= {"test/perplexity": {steps[-2]: math.exp(losses[-2] + 0.05)}}
    known = {"runner": "train", "outcome": outcome, "seconds": "12.5", "num_parameters": "54321", **tags}
    texts = {key: str(value) for key, value in parameters.items()}
    status = {"completed": "FINISHED", "pruned": "KILLED"}.get(outcome, "FAILED")
    return RunRecord(name, name, status, 100.0 + hash_of(name) % 1000, texts, known, metrics)


def hash_of(name: str) -> int:
    """A number for a name, the same in every process."""
    return int.from_bytes(name.encode()[-6:], "big")


def grid(axes: Mapping[str, Sequence[object]], seeds: int, floor) -> list[RunRecord]:
    """A run for every combination and seed; `floor` says from the values how low its loss can get."""
    runs = []
    for number, values in enumerate(itertools.product(*axes.values())):
        point = dict(zip(axes, values))
        for seed in range(seeds):
            parameters = {("choice.model" if axis == "model" else axis): value for axis, value in point.items()}
            runs.append(a_run(f"run-{number}-{seed}", parameters | {"seed": seed}, floor(point)))
    return runs


def journal(folder: Path, run: RunRecord, twice: bool = False) -> None:
    """Write the run's folder as a run does; with `twice` all its points stand there two times."""
    lines = [{"run": run.name, "started": run.started, "store": "memory", "tags": run.tags | {"outcome": "running"}}]
    lines += [{"parameters": run.parameters}]
    points = [(step, key, value) for key, values in run.metrics.items() for step, value in values.items()]
    for step, key, value in sorted(points) * (1 + twice):
        lines.append({"key": key, "value": value, "step": step, "timestamp": 1000 + step})
        lines.append({"key": f"interval/{key}", "value": 0.0, "step": step, "timestamp": 1000 + step})
    if run.outcome != "running":
        lines += [{"tags": {"outcome": run.outcome}}, {"status": run.status}]
    (folder / run.name).mkdir(parents=True)
    (folder / run.name / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def a_sweep(name: str, axes: Sequence[str], runs: Sequence[RunRecord], started: float = 50.0, search: str = "grid"):
    """The parent of these runs, and the runs as its children."""
    tags = {"runner": "sweep", "sweep.axes": json.dumps(list(axes)), "sweep.search": search, "outcome": "completed"}
    parent = RunRecord(name, name, "FINISHED", started, {}, tags, {})
    return parent, [RunRecord(**(vars(run) | {"tags": run.tags | {"sweep": name}})) for run in runs]
