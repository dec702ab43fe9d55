"""Disturb the requests of runs to an MLflow server one by one, and compare what journal and store have.

`python -m tests.faults.requests` disturbs every request of a run and of a sweep in every way, and prints what it found.
"""

import collections
import contextlib
import dataclasses
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

os.environ |= {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}  # before mlflow is imported

# isort: split
import pytest
from mlflow import MlflowClient

from experiments import cli
from experiments.tracking import delivery
from experiments.tracking.journal import read_journal
from experiments.tracking.mlflow_connection import create_store
from experiments.tracking.record import RunRecord
from experiments.tracking.records import records_in

from .. import shortcuts
from .findings import Findings
from .proxy import FAULTS, Fault, Proxy
from .server import Server

DELAY = 1.5  # seconds, above the timeout
SMALL = ("model.hidden_size=4", "epochs=3", "runner.log_interval=2", "threads=1", "tracker.interval=0.05")
RUNS = {"run": SMALL, "sweep": ("-m", "seed=0,1", *SMALL)}


@dataclasses.dataclass(frozen=True)
class Differences(Findings):
    """What differs between the journals and the store; all but the trials should be 0."""

    trials: int = 0
    foreign_points: int = 0
    missing_points: int = 0
    doubled_points: int = 0
    other_parameters: int = 0
    other_tags: int = 0
    doubled_runs: int = 0
    missing_runs: int = 0
    left_running: int = 0


@contextlib.contextmanager
def disturbed_server(folder: Path) -> Iterator[tuple[Server, Proxy]]:
    """A server with a proxy before it."""
    create_store(folder / "mlflow.db")
    server = Server(folder)
    server.start()
    proxy = Proxy(server.port, DELAY)
    try:
        yield server, proxy
    finally:
        proxy.close()
        server.stop()


def experiments(*arguments: str) -> int:
    """Run `experiments ...` in this process; its exit code."""
    sys.argv = ["experiments", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def trial(name: str, what: str, server: Server, proxy: Proxy, fault: "dict[int, Fault]") -> tuple[Differences, int]:
    """Run it while requests of these numbers are disturbed, then let the doctor repair; what differs, and how many
    requests there were."""
    folder = Path(f"runs-{name}")
    place = (f"tracker.uri={proxy.uri}", f"tracker.experiment={name}", f"tracker.folder={folder}")
    proxy.disturb(fault.get)
    assert experiments(*RUNS[what], *place) == 0
    requests = proxy.count
    proxy.disturb(lambda _: None)
    assert experiments("runner=doctor", *place) == 0
    found = compare(folder, MlflowClient(server.uri), name)
    shutil.rmtree(folder)
    return found, requests


def compare(folder: Path, client: MlflowClient, experiment: str) -> Differences:
    """What differs between the runs of a folder and those of an experiment."""
    found = client.get_experiment_by_name(experiment)
    stored = [] if found is None else client.search_runs([found.experiment_id], max_results=1000)
    names = collections.Counter(run.info.run_name for run in stored)
    records = {record.name: record for record in records_in(folder)}
    total = Differences(
        trials=1,
        doubled_runs=sum(names.values()) - len(names),
        missing_runs=len(records.keys() - names.keys()),
        left_running=sum(run.info.status == "RUNNING" for run in stored),
        foreign_points=sum(len(run.data.metrics) for run in stored if run.info.run_name not in records),
    )
    for run in stored:
        if run.info.run_name in records:
            total += compare_run(records[run.info.run_name], client, run)
    return total


def compare_run(record: RunRecord, client: MlflowClient, run) -> Differences:
    """What differs between the journal of a run and what the store has of it."""
    ours = {(p.key, p.step, p.value) for p in read_journal(record.folder / "journal.jsonl")}
    histories = [client.get_metric_history(run.info.run_id, key) for key in run.data.metrics]
    theirs = [(point.key, point.step, point.value) for history in histories for point in history]
    tags = {key: text for key, text in record.tags.items() if key != "heartbeat"}
    return Differences(
        foreign_points=len(set(theirs) - ours),
        missing_points=len(ours - set(theirs)),
        doubled_points=len(theirs) - len(set(theirs)),
        other_parameters=len(record.parameters.items() ^ run.data.params.items()),
        other_tags=sum(run.data.tags.get(key) != text for key, text in tags.items()),
    )


def quiet(path: Path) -> TextIO:
    """Send what is printed to a file; the screen as it was."""
    screen = os.fdopen(os.dup(1), "w")
    with path.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    return screen


def chosen(requests: int, draw: random.Random) -> list[tuple[Fault, int]]:
    """Every fault of every request in an order in which the faults take turns, each with requests drawn at random."""
    orders = [draw.sample(range(requests), requests) for _ in FAULTS]
    return [case for numbers in zip(*orders) for case in zip(FAULTS, numbers)]


def main(trials: int | None = None) -> int:
    """All faults of all requests, or so many of them; exit code 1 if anything differs."""
    total = Differences()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivery, "MAX_PAUSE", 1.0)
        shortcuts.take_all(patched)
        shortcuts.end_runs_in_brief(patched)
        os.chdir(temporary)
        screen = quiet(Path("output.txt"))
        with disturbed_server(Path(temporary)) as (server, proxy):
            for what in RUNS:
                found, requests = trial(f"undisturbed-{what}", what, server, proxy, {})
                assert found.faultless, found
                cases = chosen(requests, draw)[:trials]
                for fault, number in cases:
                    found, _ = trial(f"{what}-{fault}-{number}", what, server, proxy, {number: fault})
                    total += found
                    if not found.faultless:
                        print(f"{what} {fault} {number}: {found}", file=screen, flush=True)
                print(f"{what}: {len(cases)} trials of {requests} requests", file=screen, flush=True)
    print(f"all: {total}", file=screen)
    return int(not total.faultless)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(*map(int, sys.argv[1:])))
