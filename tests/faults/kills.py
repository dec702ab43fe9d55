"""Stop real training processes by signals at random moments, resume them, and compare with an undisturbed run.

A signal is SIGKILL, SIGTERM or SIGHUP, at any moment from the start of the process to its end. Meanwhile the store is
locked again and again. `python -m tests.faults.kills` runs the whole matrix (network x task x optimizer, at least 100
signals) and prints what it found; the default tests run a small part of it.
"""

import contextlib
import dataclasses
import itertools
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from mlflow import MlflowClient

from experiments.tracking.journal import read_journal
from experiments.tracking.mlflow_connection import create_store

from ..processes import start
from .findings import Findings

NETWORKS = {"numpy": "numpy_lstm", "torch": "torch_gru"}
TASKS = ("text", "labels")
OPTIMIZERS = {
    "sgd": ("optimizer=sgd", "optimizer.momentum=0.9", "schedule=plateau"),
    "rmsprop": ("optimizer=rmsprop", "schedule=step"),
    "adagrad": ("optimizer=adagrad", "schedule=constant", "patience=2"),
    "adam": ("optimizer=adam", "optimizer.lr=0.01", "schedule=linear", "schedule.warmup=0.5"),
    "adamw": ("optimizer=adamw", "schedule=cosine", "clip_norm=0.5"),
}
CASES = list(itertools.product(NETWORKS, TASKS, OPTIMIZERS))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
TIMES = ("targets_per_second",)  # metrics that may differ
SMALL = ("model.hidden_size=8", "model.embedding_size=6", "model.output_dropout=0.2", "epochs=4", "threads=1")


@dataclasses.dataclass(frozen=True)
class Killed(Findings):
    """What differs from the undisturbed run; all but the kills should be 0."""

    kills: int = 0
    differing_numbers: int = 0
    differing_points: int = 0
    doubled_points: int = 0
    missing_points: int = 0
    left_running: int = 0


def command(case: tuple[str, str, str], data: Path) -> list[str]:
    """The overrides of a case: a second of training with dropout, validation, a test and many checkpoints."""
    network, task, optimizer = case
    source = ["data=characters", f"data.path={data}/text.txt", "data.valid_fraction=0.1", "data.test_fraction=0.1"]
    source += ["batch_size=8", "truncation=7"]
    if task == "labels":
        source = ["data=imdb", f"data.path={data}/aclImdb", f"data.cache={data}/cache", "batch_size=8", "truncation=3"]
    often = ["runner.log_interval=3", "runner.checkpoint_targets_interval=60"]
    return [f"model={NETWORKS[network]}", *source, *OPTIMIZERS[optimizer], *SMALL, *often]


def make_folders(work: Path, store: Path) -> tuple[Path, Path, Path]:
    """Folders for the data, the undisturbed and the killed runs; the last two have a store each."""
    data, alone, killed = (work / name for name in ("data", "alone", "killed"))
    for folder in (data, alone, killed):
        folder.mkdir()
        shutil.copy(store, folder / "mlflow.db")
    make_data(data)
    return data, alone, killed


def make_data(folder: Path) -> None:
    """A text and some reviews, the same every time."""
    draw = random.Random(0)
    words = ["river", "boat", "upon", "a", "the", "slow", "green"]
    (folder / "text.txt").write_text(" ".join(draw.choice(words) for _ in range(300)))
    for split, (label, mark) in itertools.product(("train", "test"), (("neg", "dull"), ("pos", "fine"))):
        place = folder / "aclImdb" / split / label
        place.mkdir(parents=True)
        for k in range(40):
            text = " ".join(draw.choice((*words, mark)) for _ in range(draw.randint(2, 12)))
            (place / f"{k}_5.txt").write_text(f"{mark} {text}")


def run(
    folder: Path, arguments: list[str], stop_after: float | None = None, number: int = signal.SIGKILL
) -> tuple[int, float]:
    """Run a process in this folder, with a signal after `stop_after` seconds if given; exit code and seconds."""
    began = time.monotonic()
    process = start(folder, arguments)
    process.join(stop_after)
    if process.exitcode is None and stop_after is not None:
        os.kill(process.pid, number)
        process.join()
    return process.exitcode, time.monotonic() - began


@contextlib.contextmanager
def locked_often(database: Path, draw: random.Random) -> Iterator[None]:
    """In the block, another connection locks the database again and again, for up to a second."""
    over = threading.Event()

    def lock() -> None:
        while not over.wait(draw.uniform(0.0, 1.0)):
            connection = sqlite3.connect(database, isolation_level=None)
            with contextlib.closing(connection), contextlib.suppress(sqlite3.OperationalError):  # if it is in use
                connection.execute(draw.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")))
                over.wait(draw.uniform(0.0, 1.0))
                connection.execute("ROLLBACK")

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def disturb(case: tuple[str, str, str], kills: int, seed: int, store: Path) -> Killed:
    """Run a case undisturbed and again with this many signals, each followed by `resume=auto`; what differs."""
    draw, locks = random.Random(seed), random.Random(-seed)
    with tempfile.TemporaryDirectory() as temporary:
        data, alone, killed = make_folders(Path(temporary), store)
        arguments = command(case, data)
        code, _ = run(alone, arguments)
        _, seconds = run(alone, [*arguments, "seed=1"])  # with a warm cache
        assert code == 0, (alone / "output.txt").read_text()
        done = 0
        while done < kills:
            number, moment = draw.choice(SIGNALS), draw.uniform(0.0, seconds)
            with locked_often(killed / "mlflow.db", locks):
                code, _ = run(killed, [*arguments, "resume=auto"], moment, number)
            assert code in (0, -number, 128 + number), (killed / "output.txt").read_text()
            done += code != 0
            if code == 0:  # it was faster than the signal
                begin_anew(killed, store)
        with locked_often(killed / "mlflow.db", locks):
            code, _ = run(killed, [*arguments, "resume=auto"])
        assert code == 0, (killed / "output.txt").read_text()
        code, _ = run(killed, ["runner=doctor"])
        assert code == 0, (killed / "output.txt").read_text()
        return Killed(kills=done) + compare(alone, killed)


def begin_anew(folder: Path, store: Path) -> None:
    """No runs, and a copy of the store; the log of the former one would not fit it."""
    shutil.rmtree(folder / "runs")
    for file in folder.glob("mlflow.db*"):
        file.unlink()
    shutil.copy(store, folder / "mlflow.db")


def compare(alone: Path, killed: Path) -> Killed:
    """What differs between the first run of one folder and the completed ones of the other.

    There is more than one if a process was killed when its run was over already.
    """
    stored = {run.name: stored_points(killed, run.name) for run in completed_runs(killed)}
    assert stored, "no run completed"
    found = Killed(left_running=num_running(killed))
    for run in completed_runs(killed):
        found += compare_runs(run, completed_runs(alone)[0], *stored[run.name])
    return found


def compare_runs(run: Path, undisturbed: Path, stored: set[tuple[str, int]], doubled: int) -> Killed:
    """What differs between two runs, and between a run and what the store has of it."""
    pairs = zip(*(sorted(torch.load(f / "last.pt", weights_only=True)["model"].items()) for f in (run, undisturbed)))
    one, other = (values(read_journal(folder / "journal.jsonl")) for folder in (run, undisturbed))
    return Killed(
        differing_numbers=sum(int((a != b).sum()) for (_, a), (_, b) in pairs),
        differing_points=sum(one[key] != other[key] for key in one.keys() & other.keys()),
        doubled_points=doubled + len(read_journal(run / "journal.jsonl")) - len(keys(run)),
        missing_points=len(other.keys() ^ one.keys()) + len(keys(run) ^ stored),
    )


def completed_runs(folder: Path) -> list[Path]:
    """The folders of the completed runs, the oldest first."""
    return sorted(
        journal.parent
        for journal in folder.glob("runs/*/journal.jsonl")
        if '"outcome": "completed"' in journal.read_text()
    )


def keys(folder: Path) -> set[tuple[str, int]]:
    return {(point.key, point.step) for point in read_journal(folder / "journal.jsonl")}


def values(points) -> dict[tuple[str, int], float]:
    """Every value that must be the same to the last bit."""
    return {(p.key, p.step): p.value for p in points if not p.key.endswith(TIMES)}


def stored_points(folder: Path, name: str) -> tuple[set[tuple[str, int]], int]:
    """The points that a store has of a run, and how many it has twice."""
    client, runs = stored_runs(folder)
    found, doubled = set(), 0
    for run in runs:
        for key in run.data.metrics if run.info.run_name == name else ():
            steps = [point.step for point in client.get_metric_history(run.info.run_id, key)]
            found |= {(key, step) for step in steps}
            doubled += len(steps) - len(set(steps))
    return found, doubled


def num_running(folder: Path) -> int:
    return sum(run.info.status == "RUNNING" for run in stored_runs(folder)[1])


def stored_runs(folder: Path):
    """A client of the folder's store, and all runs in it."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client, client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def main(kills: int = 5) -> int:
    """The whole matrix; exit code 1 if anything differs."""
    total = Killed()
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary) / "mlflow.db"
        create_store(store)
        for number, case in enumerate(CASES):
            found = disturb(case, kills, seed=number, store=store)
            total += found
            print(f"{' '.join(case):<24} {found}", flush=True)
    print(f"all: {total}")
    return int(not total.faultless)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
