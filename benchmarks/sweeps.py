"""What a sweep costs beyond its training: 40 jobs of about 5 seconds, one after the other and two side by side.

`python -m benchmarks.sweeps` (six minutes on two idle cores). One thread per job in both; all jobs log to one MLflow
store. Prints the ratio of the two times, and what a serial job takes beyond its updates.
"""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.tracking.mlflow_connection import create_store
from experiments.tracking.record import RunRecord
from experiments.tracking.records import records_in

JOBS = 40
COMMAND = ["-m", "seed=range(40)", "model=torch_lstm", "model.hidden_size=64", "threads=1", "truncation=20"]
PARALLEL = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


def run(folder: Path, arguments: list[str]) -> float:
    """One command in this folder; its seconds."""
    began = time.monotonic()
    program = [sys.executable, "-m", "experiments", *arguments]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return time.monotonic() - began


def training_seconds(run: RunRecord) -> float:
    """The time of a run's updates, from the targets and the rate of every epoch."""
    rates = run.metrics["train/targets_per_second"]
    return sum((after - before) / rates[after] for before, after in zip([0, *rates], rates))


def jobs(folder: Path) -> list[RunRecord]:
    """The jobs in the order in which they began."""
    return [run for run in records_in(folder / "runs") if run.tags["runner"] == "train"]


def main() -> None:
    text = " ".join(f"word{k % 97} and {k % 31}" for k in range(2000))
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: Path(temporary) / name for name in ("first", "serial", "parallel")}
        for folder in folders.values():
            folder.mkdir()
            (folder / "text.txt").write_text(text)
            create_store(folder / "mlflow.db")
        data = ["data=characters", "data.path=text.txt", "batch_size=10"]
        run(folders["first"], [*COMMAND[2:], *data, "epochs=3", "tracker=memory"])
        each = training_seconds(jobs(folders["first"])[0]) / 3
        epochs = max(1, round(5 / each))
        print(f"{epochs} epochs of {each:.2f} s a job, load average {os.getloadavg()[0]:.1f}")
        serial = run(folders["serial"], [*COMMAND, *data, f"epochs={epochs}"])
        parallel = run(folders["parallel"], [*COMMAND, *data, f"epochs={epochs}", *PARALLEL])
        runs = jobs(folders["serial"])
        overheads = [after.started - run.started - training_seconds(run) for run, after in itertools.pairwise(runs)]
    print(f"serial {serial:.1f} s, two side by side {parallel:.1f} s: ratio {parallel / serial:.2f}")
    print(f"a serial job beyond its updates: median {statistics.median(overheads):.2f} s, most {max(overheads):.2f} s")


if __name__ == "__main__":
    main()
