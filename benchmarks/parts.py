"""What is measured: each part runs its sides and returns Markdown, and the figures that are drawn."""

import dataclasses
import inspect
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.tracking.folder import JOURNAL
from experiments.tracking.journal import read_journal
from experiments.tracking.record import RunRecord

from . import threads as threads_by_size
from .alternate import Figures, Side, alternate, environment, largest_difference, run
from .cells import cells
from .floor import operations
from .output import output
from .problem import Problem

MB = 1e6
SIZES = (200, 650, 1500)
TORCH = Problem()
NUMPY = Problem(model="numpy_rnn", layers=1, bias="single", hidden=100, clip=None, lr=0.1)
PTB = ["data=ptb", "data.corpus_size=null", "model.num_layers=2", "model.hidden_size=200", "model.embedding_size=200"]
PTB += ["optimizer=sgd", "optimizer.lr=20", "clip_norm=0.25", "epochs=1", "eval_batch_size=20"]
SMALL = dataclasses.replace(NUMPY, vocabulary=418, batch=10, truncation=5, updates=2000, warm_up=200)


def torch_networks() -> tuple[str, dict]:
    """Two layers of LSTM over 10,000 words, B=20, T=35, by size."""
    rows, drawn = [], {}
    for hidden in SIZES:
        problem = dataclasses.replace(TORCH, hidden=hidden, updates={200: 40, 650: 16, 1500: 8}[hidden], warm_up=4)
        lower = dataclasses.replace(problem, precision="bfloat16")
        sides = {"straightforward": Side("straightforward", problem), "ours": Side("ours", problem)}
        sides |= {"ours in bfloat16": Side("ours", lower), "products alone": Side("floor", problem)}
        found = alternate(sides, rounds=3)
        drawn[f"2x{hidden}"] = {label: problem.batch * problem.truncation / f.seconds for label, f in found.items()}
        peer, floor = found["straightforward"], found["products alone"]
        for label, figures in found.items():
            difference = largest_difference(figures, peer) if figures.losses[0] else None
            faster, share = _ratios(figures, peer, floor)
            share = share if label != "ours in bfloat16" else None  # of products in float32, that is
            rows.append([f"2x{hidden}", label, *_times(figures, problem), faster, share, difference])
        rows[-1][-1] = f"{operations(problem) / floor.seconds / 1e9:.0f} GFLOP/s"
    head = [
        "network",
        "side",
        *TIMES,
        "faster than straightforward",
        "share of the products' speed",
        "losses differ by",
    ]
    return _table("Torch networks", torch_networks.__doc__, head, rows), drawn


def precision() -> tuple[str, dict]:
    """Validation loss after an epoch on the Penn Treebank, 2x200; needs $EXPERIMENTS_DATA."""
    rows = []
    for kind in ("float32", "bfloat16"):
        with tempfile.TemporaryDirectory() as folder:
            _command(folder, *PTB, f"precision={kind}")
            rows.append([kind, _newest(folder)["valid/loss"]])
    rows[1].append(f"{rows[1][1] / rows[0][1] - 1:+.3%}")
    return _table("Precision", precision.__doc__, ["precision", "validation loss", "difference"], rows), {}


def evaluation() -> tuple[str, dict]:
    """That network's validation in one column, which is exact, and in twenty; 73,760 words; needs $EXPERIMENTS_DATA."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        _command(folder, *PTB)
        (trained,) = Path(folder).glob("runs/*/best.pt")
        for columns, warm_up in ((1, 0), (20, 0), (20, 35), (20, 100)):
            how = [f"eval_batch_size={columns}", f"eval_warm_up={warm_up}", "runner=evaluate", "runner.split=valid"]
            _command(folder, f"checkpoint={trained}", *how)
            known = _newest(folder)
            rows.append([columns, warm_up, known["valid/loss"], f"{known['seconds']:.1f}"])
    for row in rows:
        row.append(f"{row[2] / rows[0][2] - 1:+.5%}")
    head = ["columns", "warm-up", "loss", "s", "error"]
    return _table("Evaluation", evaluation.__doc__, head, rows), {}


def numpy_networks() -> tuple[str, dict]:
    """One simple recurrent layer of 100 units, the network of the from-scratch book, in NumPy.

    "One function" is the same small network written for speed alone, with large arrays allocated once and nothing
    general: a framework could hardly be faster.
    """
    rows = []
    for name, problem in {"V=418, B=10, T=5": SMALL, "V=10,000, B=20, T=35": NUMPY}.items():
        names = {"textbook": "textbook", "ours": "ours", "ours, without optimizer and loop": "bridge"}
        names |= {"ours, NumPy's part alone": "maths", "products alone": "floor"}
        names |= {"one function": "lean"} if problem is SMALL else {}
        found = alternate({label: Side(side, problem) for label, side in names.items()}, rounds=7)
        peer, floor = found["textbook"], found["products alone"]
        for label, figures in found.items():
            difference = largest_difference(figures, peer) if figures.losses[0] else None
            faster, _ = _ratios(figures, peer, floor)
            rows.append([name, label, *_times(figures, problem), faster, f"{figures.seconds / floor.seconds:.2f}"])
            rows[-1].append(difference)
    head = ["problem", "side", *TIMES, "faster than the textbook", "times the products", "losses differ by"]
    return _table("NumPy networks", numpy_networks.__doc__, head, rows), {}


def loop() -> tuple[str, dict]:
    """What the loop adds to bare steps (tensors that are there, score, backward, step) in a second epoch, 2x200."""
    problem = dataclasses.replace(TORCH, updates=150, warm_up=150)
    found = alternate({"bare steps": Side("bare", problem), "experiments": Side("whole", problem)}, rounds=5)
    found = {label: figures._replace(seconds=figures.mean) for label, figures in found.items()}
    rows = [[label, *_times(figures, problem)[:2]] for label, figures in found.items()]
    rows[1].append(f"{found['experiments'].seconds / found['bare steps'].seconds - 1:+.1%}")
    return _table("The loop", loop.__doc__, ["side", *TIMES[:2], "more"], rows), {}


def tracking() -> tuple[str, dict]:
    """A run of about a minute with MLflow, into a store that is there, and one that is tracked in memory, 2x200."""
    problem = dataclasses.replace(TORCH, updates=600)
    sides = {kind: Side("whole", dataclasses.replace(problem, tracker=kind)) for kind in ("memory", "mlflow")}
    found = alternate(sides, rounds=5)
    rows = [[label, f"{f.whole:.1f}", f"{1200 * f.cpu_seconds:.1f}"] for label, f in found.items()]
    one, other = found.values()
    rows[1] += [f"{other.whole / one.whole - 1:+.1%}", f"{other.cpu_seconds / one.cpu_seconds - 1:+.1%}"]
    return _table("Tracking", tracking.__doc__, ["tracker", "s", "s of CPU", "more", "more CPU"], rows), {}


def memory() -> tuple[str, dict]:
    """By how much the process grows at most from before the model is built, 2x200 over 100,000 words."""
    problem = dataclasses.replace(TORCH, vocabulary=100_000, updates=4, warm_up=2, given_weights=False)
    found = alternate({side: Side(side, problem) for side in ("straightforward", "ours")}, rounds=3)
    rows = [[label, f"{f.memory / MB:.0f}", *_times(f, problem)] for label, f in found.items()]
    rows[1].append(f"{found['ours'].memory / found['straightforward'].memory:.2f}")
    return _table("Memory", memory.__doc__, ["side", "MB", *TIMES, "share"], rows), {}


def growth() -> tuple[str, dict]:
    """Our network's cost and peak memory as one size grows and the others stay: V=10,000, B=20, T=35, 2x200."""
    base = dataclasses.replace(TORCH, updates=20, warm_up=4, given_weights=False)
    axes = {"truncation": (10, 35, 140), "batch": (5, 20, 80), "vocabulary": (1000, 10_000, 100_000)}
    axes |= {"hidden": (100, 200, 400), "layers": (1, 2, 4), "tokens": (10**5, 10**6, 10**7, 10**8)}
    rows, drawn = [], {}
    for axis, values in axes.items():
        found = {}
        for value in values:
            problem = dataclasses.replace(base, **{axis: value})
            if axis == "tokens" and value == 10**5:
                problem = dataclasses.replace(
                    problem, updates=100_000 // (base.batch * base.truncation) - base.warm_up - 1
                )
            once = [run(Side("ours", problem)) for _ in range(3)]
            seconds, sizes = statistics.median(one["seconds"] for one in once), [one["memory"] / MB for one in once]
            found[value] = 1e6 * seconds / (problem.batch * problem.truncation)
            size = [f"{statistics.median(sizes):.0f}", f"{min(sizes):.0f} to {max(sizes):.0f}"]
            rows.append([f"{axis}={value:,}", f"{found[value]:.1f}", *size])
        drawn[axis] = found
    return _table("Growth", growth.__doc__, ["size", "microseconds per token", "MB", "of three runs"], rows), drawn


def startup() -> tuple[str, dict]:
    """Seconds from the import of `experiments` to the first update of the main job, into a new store."""
    found = alternate({"experiments": Side("startup", TORCH)}, rounds=5)["experiments"]
    rows = [[f"{found.whole:.2f}", f"{found.whole - found.seconds:.2f}", f"{found.seconds:.2f}"]]
    return _table("Start", startup.__doc__, ["all", "importing torch", "the rest"], rows), {}


def comparing() -> tuple[str, dict]:
    """`runner=compare` over the 1,005 runs of a sweep in an sqlite store, 15 epochs and 15 metrics each, as a table.

    A query is one statement that the database is asked; of them one reads the metrics of a thousand runs.
    """
    found = alternate({"compare": Side("comparing", TORCH)}, rounds=3)["compare"]
    row = [f"{found.seconds:.2f}", f"{found.cpu_seconds:.2f}", f"{found.whole:.2f}", f"{found.losses[0]:.0f}"]
    head = ["s beyond imports", "s of CPU", "s with imports", "queries"]
    return _table("Comparing", comparing.__doc__, head, [row]), {}


def threads() -> tuple[str, dict]:
    """An update with one thread and with all; B=20, T=35 unless said. threads=null takes what is chosen."""
    return _table("Threads", threads.__doc__, threads_by_size.HEAD, threads_by_size.rows()), {}


PARTS = {
    "torch": torch_networks,
    "precision": precision,
    "evaluation": evaluation,
    "numpy": numpy_networks,
    "loop": loop,
    "tracking": tracking,
    "memory": memory,
    "startup": startup,
    "threads": threads,
    "growth": growth,
    "comparing": comparing,
    "cells": cells,
    "output": output,
}
OF_PTB = ("precision", "evaluation", "output")
TIMES = ["tokens/s", "ms", "ms of CPU"]


def _command(folder: str, *arguments: str) -> None:
    """`experiments ARGUMENTS` in this folder."""
    program = [sys.executable, "-m", "experiments", *arguments, "tracker=memory"]
    subprocess.run(program, cwd=folder, capture_output=True, check=True, env=environment())


def _newest(folder: str) -> dict[str, float]:
    """The last value of each metric of the newest run in the folder, and its seconds."""
    journal = max(Path(folder).glob(f"runs/*/{JOURNAL}"), key=os.path.getmtime)
    seconds = float(RunRecord.of(journal.parent).tags["seconds"])
    return {point.key: point.value for point in read_journal(journal)} | {"seconds": seconds}


def _times(figures: Figures, problem: Problem) -> list[str]:
    rate = problem.batch * problem.truncation / figures.seconds
    return [f"{rate:,.0f}", _three_digits(1e3 * figures.seconds), _three_digits(1e3 * figures.cpu_seconds)]


def _three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def _ratios(figures: Figures, peer: Figures, floor: Figures) -> list[str]:
    return [f"{peer.seconds / figures.seconds:.2f}", f"{floor.seconds / figures.seconds:.0%}"]


def _table(title: str, about: str, head: list[str], rows: list[list]) -> str:
    cells = [[_cell(value) for value in row] + [""] * (len(head) - len(row)) for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return f"## {title}\n\n{inspect.cleandoc(about)}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value) -> str:
    return "" if value is None else f"{value:.1g}" if isinstance(value, float) and value < 0.01 else str(value)
