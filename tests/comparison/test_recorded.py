"""The same runs read from their folders, from a store and through a server."""

import dataclasses
import functools
import json

import pytest
from mlflow import MlflowClient

from experiments.tracking.memory import MemoryStore
from experiments.tracking.mlflow_connection import create_store
from experiments.tracking.mlflow_store import MlflowStore
from experiments.tracking.record import RunRecord
from experiments.tracking.run import Run

from ..faults.server import Server
from .fabricated import a_run, a_sweep, grid, journal

AXES = {"model": ["torch_lstm", "numpy_rnn"], "truncation": [5, None]}
RUNS = [*grid(AXES, 2, lambda _: 3.0), a_run("lost", {"truncation": 5, "seed": 9}, 4.0, outcome="pruned")]


class Pruned(Exception):
    outcome = "pruned"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a store that holds two sweeps, recorded as training records them, and the runs' own folders."""
    folder = tmp_path_factory.mktemp("compare")
    create_store(folder / "mlflow.db")
    tags = {"runner": "sweep", "sweep.axes": json.dumps([*AXES, "seed"]), "sweep.search": "grid"}
    with opened(folder, "old-sweep", tags):
        pass
    with opened(folder, "sweep", tags):
        for run in RUNS:
            record(folder, run)
    return folder


def mlflow_store(folder, uri=None):
    uri = uri or f"sqlite:///{folder}/mlflow.db"
    options = {"folder": str(folder / "runs"), "interval": 60.0, "required": True}
    return MlflowStore(uri=uri, experiment="compare", **options)


def in_folders(folder, which=None):
    """What the run folders have, without a store."""
    return MemoryStore(folder=str(folder), interval=1.0, required=False).records(which)


def opened(folder, name, tags):
    return Run(mlflow_store(folder), name, tags)


def record(folder, run):
    """Record a run as the training would."""
    try:
        with opened(folder, run.name, {"runner": "train", "sweep": "sweep", "num_parameters": "54321"}) as recorded:
            recorded.log_parameters(run.parameters | {"tracker.uri": "anything"})
            for step in sorted({step for values in run.metrics.values() for step in values}):
                now = {key: values[step] for key, values in run.metrics.items() if step in values}
                recorded.log_metrics(now | {"interval/loss": 1.0}, step)
            if run.outcome == "pruned":
                raise Pruned
    except Pruned:
        pass


def stored(folder, which=None, uri=None):
    return mlflow_store(folder, uri).records(which)


def unstarted(runs):
    """By name, without the time of the start, which the store rounds and knows from the first delivery only."""
    return {run.name: dataclasses.replace(run, started=0.0) for run in runs}


def test_a_run_is_read_from_its_journal(tmp_path):
    run = a_run("one", {"choice.model": "torch_lstm", "truncation": None, "seed": 0}, 3.0)
    journal(tmp_path, run)
    assert RunRecord.of(tmp_path / "one") == run


def test_points_that_stand_twice_in_a_journal_count_once(tmp_path):
    run = a_run("one", {"seed": 0}, 3.0)
    journal(tmp_path, run, twice=True)
    assert RunRecord.of(tmp_path / "one").metrics == run.metrics


def test_a_run_in_progress_is_running(tmp_path):
    run = dataclasses.replace(a_run("one", {"seed": 0}, 3.0, "running"), status="RUNNING")
    journal(tmp_path, run)
    found = RunRecord.of(tmp_path / "one")
    assert (found.status, found.outcome) == ("RUNNING", "running")


def test_folders_and_store_have_the_same(place):
    sweep, runs = stored(place)
    parent, members = in_folders(place / "runs")
    assert sweep.name == parent.name == "sweep"
    assert unstarted([sweep]) == unstarted([parent])
    assert unstarted(runs) == unstarted(members)
    assert [run.name for run in runs] == [run.name for run in members] == [run.name for run in RUNS]
    for mine, theirs in zip(RUNS, runs):
        assert theirs.metrics == mine.metrics
        assert theirs.parameters == mine.parameters | {"tracker.uri": "anything"}
        assert (theirs.outcome, theirs.tags["num_parameters"]) == (mine.outcome, "54321")
        assert abs(theirs.started - RunRecord.of(place / "runs" / mine.name).started) < 5.0


def test_a_server_has_the_same(place):
    server = Server(place)
    server.start()
    try:
        assert stored(place, uri=server.uri) == stored(place)
        wanted = "params.truncation = '5' and tags.outcome = 'completed'"
        assert stored(place, wanted, server.uri) == stored(place, wanted)
        with pytest.raises(ValueError, match="MLflow cannot read the filter"):
            stored(place, "truncation is 5", server.uri)
        with pytest.raises(ValueError, match="there is no sweep 'nothing' in http"):
            stored(place, "nothing", server.uri)
    finally:
        server.stop()


def test_a_sweep_is_found_by_its_name_and_by_its_id(place):
    sweep, runs = stored(place)
    assert stored(place, "sweep") == stored(place, sweep.run_id) == (sweep, runs)
    old, none = stored(place, "old-sweep")
    assert (old.name, none) == ("old-sweep", [])
    assert in_folders(place / "runs", "old-sweep")[1] == []


def test_a_filter_finds_training_runs_and_no_sweep(place):
    sweep, runs = stored(place, "params.truncation = '5' and tags.outcome = 'completed'")
    assert sweep is None
    assert {run.name for run in runs} == {run.name for run in RUNS[:-1] if run.parameters["truncation"] == "5"}
    assert len(stored(place, "tags.runner != 'nothing'")[1]) == len(RUNS)


def test_many_runs_come_page_by_page(place, monkeypatch):
    whole = stored(place)
    monkeypatch.setattr(MlflowClient, "search_runs", functools.partialmethod(MlflowClient.search_runs, max_results=2))
    assert stored(place) == whole


@pytest.mark.parametrize(
    ("which", "complaint"),
    [
        ("nothing", "there is no sweep 'nothing' in sqlite:///.*: give the name or id"),
        ("run-0-0", "there is no sweep 'run-0-0'"),
        ("metrics.loss < 'x'", "MLflow cannot read the filter"),
        ("params.truncation = '6'", "no training run in .* matches params.truncation = '6'"),
    ],
)
def test_what_is_not_in_the_store_is_an_error(place, which, complaint):
    with pytest.raises(ValueError, match=complaint):
        stored(place, which)


def test_an_empty_store_is_an_error(tmp_path, store):
    with pytest.raises(ValueError, match=r"there is no store sqlite:///.*none.db"):
        stored(tmp_path, uri=f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(ValueError, match="there is no experiment 'compare' in"):
        stored(tmp_path, uri=store)
    MlflowClient(store).create_experiment("compare")
    with pytest.raises(ValueError, match=r"there is no sweep in .* yet: `experiments sweeps=truncation` makes one"):
        stored(tmp_path, uri=store)


def test_folders_have_the_latest_sweep_and_no_filters(tmp_path):
    with pytest.raises(ValueError, match=r"there is no sweep in .* yet"):
        in_folders(tmp_path)
    for name, started in (("new", 60.0), ("old", 50.0)):
        parent, children = a_sweep(name, ["seed"], [a_run(f"of-{name}", {"seed": 0}, 3.0)], started)
        for run in (parent, *children):
            journal(tmp_path, run)
    sweep, runs = in_folders(tmp_path)
    assert (sweep.name, [run.name for run in runs]) == ("new", ["of-new"])
    assert [run.name for run in in_folders(tmp_path, "old")[1]] == ["of-old"]
    with pytest.raises(ValueError, match="only an MLflow store can apply the filter"):
        in_folders(tmp_path, "params.seed = '0'")
