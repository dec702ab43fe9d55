"""How many updates a pruned search needs for what a grid finds, on text of the Penn Treebank.

`EXPERIMENTS_DATA=FOLDER python -m benchmarks.search` takes twenty minutes on two cores: a grid of 54 points, and
within the same ranges TPE with the hyperband pruner and random search without pruning, each about a third of the grid's
updates and five times with other seeds. It prints the updates and the best validation perplexity of each.
"""

import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from experiments.tracking.records import records_in

FIXED = [
    "data=words",
    "data.corpus_size=20000",
    "optimizer=adam",
    "epochs=9",
    "clip_norm=0.25",
    "model=torch_lstm",
]
FIXED += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1"]
GRID = ["optimizer.lr=0.00001,0.0001,0.001,0.01,0.1,1", "model.hidden_size=16,64,256"]
GRID += ["model.input_dropout=0,0.25,0.5"]
SPACE = ["optimizer.lr=tag(log,interval(0.00001,1))", "model.hidden_size=tag(log,int(interval(16,256)))"]
SPACE += ["model.input_dropout=interval(0,0.5)"]
SEEDS = range(5)


class Found(NamedTuple):
    trials: int
    pruned: int
    updates: int
    perplexity: float


def sweep(folder: Path, text: Path, *arguments: str) -> Found:
    """Run a sweep in this folder, and what its journals say."""
    folder.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "experiments", "-m", *FIXED, f"data.path={text}", "tracker=memory", *arguments]
    subprocess.run(program, cwd=folder, check=True)
    jobs = [run for run in records_in(folder / "runs") if run.tags["runner"] == "train"]
    updates = sum(run.last("train/updates") or 0 for run in jobs)
    best = math.exp(min(run.best_loss for run in jobs if run.outcome == "completed"))
    return Found(len(jobs), sum(run.outcome == "pruned" for run in jobs), round(updates), best)


def several(folder: Path, text: Path, *arguments: str) -> list[Found]:
    """The same search with other seeds."""
    return [sweep(folder / str(seed), text, *SPACE, *arguments, f"hydra.sweeper.seed={seed}") for seed in SEEDS]


def main() -> None:
    text = Path(os.environ["EXPERIMENTS_DATA"]) / "ptb" / "ptb.valid.txt"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        pruned = ["hydra.sweeper.search=tpe", "hydra.sweeper.pruner=hyperband", "hydra.sweeper.trials=21"]
        random = ["hydra.sweeper.search=random", "hydra.sweeper.trials=17"]
        rows = {
            "grid": [sweep(work / "grid", text, *GRID)],
            "tpe with hyperband": several(work / "tpe", text, *pruned),
            "random": several(work / "random", text, *random),
        }
    print(
        "| search | trials | of them pruned | updates | best validation perplexity | mean |\n|---|---|---|---|---|---|"
    )
    for name, found in rows.items():
        columns = (
            found[0].trials,
            *(", ".join(f"{getattr(f, key):,}" for f in found) for key in ("pruned", "updates")),
        )
        best = ", ".join(f"{f.perplexity:.2f}" for f in found)
        mean = statistics.mean(f.perplexity for f in found)
        print(f"| {name} | {' | '.join(map(str, columns))} | {best} | {mean:.2f} |")


if __name__ == "__main__":
    main()
