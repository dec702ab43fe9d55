"""The parts that measure whole runs of `experiments`: loop, tracking, evaluation, start, comparison."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.tracking.folder import JOURNAL
from experiments.tracking.journal import read_journal
from experiments.tracking.record import RunRecord

from .alternate import Side, alternate, environment
from .networks import TORCH
from .results import Result
from .tables import TIMES, times

PTB = ["data=ptb", "data.corpus_size=null", "model.num_layers=2", "model.hidden_size=200", "model.embedding_size=200"]
PTB += ["optimizer=sgd", "optimizer.lr=20", "clip_norm=0.25", "epochs=1", "eval_batch_size=20"]


def precision() -> Result:
    """Validation loss after an epoch on the Penn Treebank, 2x200; needs $EXPERIMENTS_DATA."""
    rows = []
    for kind in ("float32", "bfloat16"):
        with tempfile.TemporaryDirectory() as folder:
            command(folder, *PTB, f"precision={kind}")
            rows.append([kind, newest(folder)["valid/loss"]])
    rows[1].append(f"{rows[1][1] / rows[0][1] - 1:+.3%}")
    return Result.of("Precision", precision.__doc__, ["precision", "validation loss", "difference"], rows)


def evaluation() -> Result:
    """That network's validation in one column, which is exact, and in twenty; 73,760 words; needs $EXPERIMENTS_DATA."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command(folder, *PTB)
        (trained,) = Path(folder).glob("runs/*/best.pt")
        for columns, warm_up in ((1, 0), (20, 0), (20, 35), (20, 100)):
            how = [f"eval_batch_size={columns}", f"eval_warm_up={warm_up}", "runner=evaluate", "runner.split=valid"]
            command(folder, f"checkpoint={trained}", *how)
            known = newest(folder)
            rows.append([columns, warm_up, known["valid/loss"], f"{known['seconds']:.1f}"])
    for row in rows:
        row.append(f"{row[2] / rows[0][2] - 1:+.5%}")
    return Result.of("Evaluation", evaluation.__doc__, ["columns", "warm-up", "loss", "s", "error"], rows)


def loop() -> Result:
    """What the loop adds to bare steps (tensors that are there, score, backward, step) in a second epoch, 2x200."""
    problem = dataclasses.replace(TORCH, updates=150, warm_up=150)
    found = alternate({"bare steps": Side("bare", problem), "experiments": Side("whole", problem)}, rounds=5)
    means = {label: figures._replace(seconds=figures.mean) for label, figures in found.items()}
    rows = [[label, *times(figures, problem)[:2]] for label, figures in means.items()]
    rows[1].append(f"{means['experiments'].seconds / means['bare steps'].seconds - 1:+.1%}")
    head = ["side", *TIMES[:2], "more"]
    return Result.of("The loop", loop.__doc__, head, rows, {"2x200": found}, figures=("mean",))


def tracking() -> Result:
    """A run of half a minute with MLflow, into a store that is there, and one that is tracked in memory, 2x200."""
    problem = dataclasses.replace(TORCH, updates=300)
    sides = {kind: Side("whole", dataclasses.replace(problem, tracker=kind)) for kind in ("memory", "mlflow")}
    found = alternate(sides, rounds=3)
    rows = [[label, f"{f.whole:.1f}", f"{2 * problem.updates * f.cpu_seconds:.1f}"] for label, f in found.items()]
    one, other = found.values()
    rows[1] += [f"{other.whole / one.whole - 1:+.1%}", f"{other.cpu_seconds / one.cpu_seconds - 1:+.1%}"]
    head = ["tracker", "s", "s of CPU", "more", "more CPU"]
    figures = ("whole", "cpu_seconds")
    return Result.of("Tracking", tracking.__doc__, head, rows, {"2x200": found}, figures=figures)


def startup() -> Result:
    """Seconds from the import of `experiments` to the first update of the main job, into a new store."""
    found = alternate({"experiments": Side("startup", TORCH)}, rounds=5)
    (one,) = found.values()
    rows = [[f"{one.whole:.2f}", f"{one.whole - one.seconds:.2f}", f"{one.seconds:.2f}"]]
    head, figures = ["all", "importing torch", "the rest"], ("seconds", "whole")
    return Result.of("Start", startup.__doc__, head, rows, {"main job": found}, figures=figures)


def comparing() -> Result:
    """`runner=compare` over the 1,005 runs of a sweep in an sqlite store, 15 epochs and 15 metrics each, as a table.

    A query is one statement that the database is asked; of them one reads the metrics of a thousand runs.
    """
    found = alternate({"compare": Side("comparing", TORCH)}, rounds=3)
    (one,) = found.values()
    row = [f"{one.seconds:.2f}", f"{one.cpu_seconds:.2f}", f"{one.whole:.2f}", f"{one.losses[0]:.0f}"]
    head = ["s beyond imports", "s of CPU", "s with imports", "queries"]
    figures = ("seconds", "cpu_seconds")
    return Result.of("Comparing", comparing.__doc__, head, [row], {"1,005 runs": found}, figures=figures)


def command(folder: str, *arguments: str) -> None:
    """`experiments ARGUMENTS` in this folder."""
    program = [sys.executable, "-m", "experiments", *arguments, "tracker=memory"]
    subprocess.run(program, cwd=folder, capture_output=True, check=True, env=environment())


def newest(folder: str) -> dict[str, float]:
    """The last value of each metric of the newest run in the folder, and its seconds."""
    journal = max(Path(folder).glob(f"runs/*/{JOURNAL}"), key=os.path.getmtime)
    seconds = float(RunRecord.of(journal.parent).tags["seconds"])
    return {point.key: point.value for point in read_journal(journal)} | {"seconds": seconds}
