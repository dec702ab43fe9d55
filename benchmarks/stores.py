"""What long runs and folders of many runs cost: a start beside them, resuming, and the delivery to an sqlite store."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from experiments.checkpoints.resume import newest_of
from experiments.tracking.folder import JOURNAL
from experiments.tracking.memory import MemoryStore
from experiments.tracking.mlflow_store import MlflowStore
from experiments.tracking.records import unfinished_in
from experiments.tracking.run import Run
from experiments.tracking.store import Store

from .alternate import Figures, Side, alternate
from .problem import Problem
from .results import Result
from .side import Measured, forget_peak, memory

METRICS = ("loss", "perplexity", "accuracy", "targets_per_second", "gradient_norm")  # of interval/*
POINTS_OF_A_RUN = 2_000  # of each run beside which one starts: a journal of 200 KB
MANY_RUNS, MANY_POINTS = 2_000, 100_000


def stores() -> Result:
    """A start with `resume=auto` beside finished runs with 200 KB of journal each; a run with many points.

    The start is what tracking does: closing dead runs, looking for an unfinished run, naming the new one. Resuming
    opens the journal; delivering sends it to a new sqlite store and compares all points. Memory is what the process
    grew by, with MLflow where it delivers.
    """
    sides = {
        "start": {f"{runs:,} runs": Problem(model="start", updates=runs) for runs in (0, MANY_RUNS)},
        "resume": {f"{points:,} points": Problem(model="resume", updates=points) for points in (0, MANY_POINTS)},
        "deliver": {f"{points:,} points": Problem(model="deliver", updates=points) for points in (0, MANY_POINTS)},
    }
    found = {
        kind: alternate({of: Side("stores", each) for of, each in some.items()}, 3) for kind, some in sides.items()
    }
    rows = [[kind, label, *cells(figures)] for kind, some in found.items() for label, figures in some.items()]
    head, figures = ["what", "of", "s of CPU", "MB"], ("cpu_seconds",)
    return Result.of("Stores", stores.__doc__, head, rows, found, figures=figures)


def cells(figures: Figures) -> list[str]:
    return [f"{figures.cpu_seconds:.2f}", f"{figures.memory / 1e6:.0f}"]


def measure(problem: Problem) -> Measured:
    """What `problem.model` names, start, resume or deliver, with `problem.updates` runs or points."""
    prepare, act = {"start": (fill, start), "resume": (write, resume), "deliver": (write, deliver)}[problem.model]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder / "runs", problem.updates)
        return measured(lambda: act(folder))


def measured(act: Callable[[], None]) -> Measured:
    before = memory("VmRSS")
    forget_peak()
    began, began_cpu = time.perf_counter(), time.process_time()
    act()
    took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return Measured(took, took, cpu, memory("VmHWM") - before, [], took)


def fill(runs: Path, number: int) -> None:
    """A folder of runs that are over; their journals are links of one file, which is read anew for each."""
    write(runs, POINTS_OF_A_RUN)
    for k in range(number - 1):
        folder = runs / f"long-{k + 2}"
        folder.mkdir()
        os.link(runs / "long" / JOURNAL, folder / JOURNAL)
    if number == 0:
        (runs / "long" / JOURNAL).unlink()


def write(runs: Path, points: int, outcome: str = "completed") -> Path:
    """The folder of a run with so many interval/* points, as its journal has them."""
    folder = runs / "long"
    folder.mkdir(parents=True)
    tags = {"runner": "train", "identity": "0" * 16, "outcome": "running"}
    with (folder / JOURNAL).open("w") as file:
        line = json.JSONEncoder().encode
        file.write(line({"run": "long", "started": 1.0, "store": "memory", "tags": tags}) + "\n")
        for k in range(points):
            key, step = f"interval/{METRICS[k % len(METRICS)]}", k // len(METRICS)
            file.write(line({"key": key, "value": 1 / (1 + step), "step": step, "timestamp": 10**12 + k}) + "\n")
        file.write(line({"tags": {"outcome": outcome, "seconds": "1.0"}, "status": "FINISHED"}) + "\n")
    return folder


def start(folder: Path) -> None:
    """What tracking does before the first update of `experiments resume=auto`."""
    store = MemoryStore(folder=str(folder / "runs"), interval=3600.0, required=False)
    assert newest_of("1" * 16, unfinished_in(store.folder)) is None
    with Run(store, "long", {"runner": "train"}, is_new=True) as run:
        store.close_dead_runs(run.name)


def resume(folder: Path) -> None:
    """Open the run, record a point that it has and one that follows, end it; its store is not there."""
    with Run(Nowhere(folder), "long", {"runner": "train"}) as run:
        assert run.resumed
        run.log_metrics({"interval/loss": 1.0}, 0)
        run.log_metrics({"interval/loss": 1.0}, 10**9)


class Nowhere(MemoryStore):
    """A store that cannot be reached, so that a run keeps only its journal."""

    def __init__(self, folder: Path):
        super().__init__(folder=str(folder / "runs"), interval=3600.0, required=False)

    def backend(self, name: str):
        raise ConnectionError(f"no store for {name}")


def deliver(folder: Path) -> None:
    """Send the journal of a run that ended to a new sqlite store, as the doctor does, which then compares them."""
    options = {"experiment": "recurrent", "folder": str(folder / "runs"), "interval": 3600.0, "required": False}
    store: Store = MlflowStore(uri=f"sqlite:///{folder}/mlflow.db", **options)
    with (folder / "runs" / "long" / JOURNAL).open("a") as file:
        file.write(json.dumps({"store": store.identifier}) + "\n")
    assert store.close_dead_run("long", if_deleted="report") == "delivered"
