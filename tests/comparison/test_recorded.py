"""The same runs read from their folders, from a store and through a server."""

import dataclasses
import functools
import json
import shutil

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from experiments.tracking import mlflow_database, mlflow_source
from experiments.tracking.memory import MemoryStore
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
def place(tmp_path_factory, empty_store):
    """A folder with a store that holds two sweeps, recorded as training records them, and the runs' own folders."""
    folder = tmp_path_factory.mktemp("compare")
    shutil.copy(empty_store, folder / "mlflow.db")
    tags = {"runner": "sweep", "sweep.axes": json.dumps([*AXES, "seed"]), "sweep.search": "grid"}
    with opened(folder, "old-sweep", tags):
        pass
    with opened(folder, "sweep", tags):
        for run in RUNS:
            record(folder, run)
    return folder


@pytest.fixture(scope="module")
def server(place):
    server = Server(place)
    server.start()
    yield server
    server.stop()


def mlflow_store(folder, uri=None):
    uri = uri or f"sqlite:///{folder}/mlflow.db"
    options = {"folder": str(folder / "runs"), "interval": 60.0, "required": True}
    return MlflowStore(uri=uri, experiment="compare", **options)


def in_folders(folder, which=None):
    """What the run folders have, without a store."""
    return MemoryStore(folder=str(folder), interval=1.0, required=False).select(as_list(which))


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
    return mlflow_store(folder, uri).select(as_list(which))


def as_list(which):
    return [] if which is None else [which] if isinstance(which, str) else which


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
    _, sweeps, runs, _ = stored(place)
    _, parents, members, _ = in_folders(place / "runs")
    assert [sweep.name for sweep in sweeps] == [parent.name for parent in parents] == ["sweep"]
    assert {key: sweeps[0].tags[key] for key in parents[0].tags} == parents[0].tags
    assert unstarted(runs) == unstarted(members)
    assert [run.name for run in runs] == [run.name for run in members] == [run.name for run in RUNS]
    for mine, theirs in zip(RUNS, runs):
        assert theirs.metrics == mine.metrics
        assert theirs.parameters == mine.parameters | {"tracker.uri": "anything"}
        assert (theirs.outcome, theirs.tags["num_parameters"]) == (mine.outcome, "54321")
        assert abs(theirs.started - RunRecord.of(place / "runs" / mine.name).started) < 5.0


EXPRESSION = "params.truncation = '5' and tags.outcome = 'completed'"


def test_a_server_has_the_same(place, server):
    for which in (None, EXPRESSION, "latest:3", ["run-0-1", "run-2-0"], ["sweep", "old-sweep"]):
        assert described(stored(place, which, server.uri)) == described(stored(place, which))
    with pytest.raises(ValueError, match="MLflow cannot read the filter"):
        stored(place, "truncation is 5", server.uri)
    with pytest.raises(ValueError, match="there is no sweep or run 'nothing' in http"):
        stored(place, "nothing", server.uri)


def described(selection):
    return selection.title, [sweep.name for sweep in selection.sweeps], selection.runs, selection.one_by_one


def test_a_server_that_has_no_request_for_many_runs_is_asked_for_each(place, server, monkeypatch):
    monkeypatch.setattr(mlflow_source, "HISTORIES", "/ajax-api/2.0/mlflow/metrics/nothing")
    assert stored(place, "latest:3", server.uri) == stored(place, "latest:3")
    monkeypatch.undo()
    monkeypatch.setattr(mlflow_source, "MOST_POINTS", 2)  # an answer that was cut off
    assert stored(place, "latest:3", server.uri) == stored(place, "latest:3")


def names_of(selection):
    return [run.name for run in selection.runs]


def test_sweeps_and_runs_are_found_by_name_and_by_id(place):
    found = stored(place)
    sweep, run = found.sweeps[0], found.runs[1]
    assert described(stored(place, "sweep")) == described(stored(place, sweep.run_id)) == described(found)
    old = stored(place, "old-sweep")
    assert ([sweep.name for sweep in old.sweeps], old.runs) == (["old-sweep"], [])
    assert in_folders(place / "runs", "old-sweep").runs == []
    assert names_of(stored(place, ["old-sweep", "sweep"])) == names_of(found)
    for selection in (stored(place, [run.run_id, "run-0-0"]), in_folders(place / "runs", [run.name, "run-0-0"])):
        assert names_of(selection) == [run.name, "run-0-0"]
        assert (selection.sweeps, selection.one_by_one) == ([], True)
    assert names_of(stored(place, ["run-0-0", "sweep"]))[0] == "run-0-0"
    assert len(stored(place, ["run-0-0", "sweep"]).runs) == len(RUNS)  # each once


def test_the_latest_runs_are_those_that_began_last(place):
    for found in (stored(place, "latest:3"), in_folders(place / "runs", "latest:3")):
        assert names_of(found) == [run.name for run in RUNS[-3:]]
    assert names_of(stored(place, "latest")) == [RUNS[-1].name]
    assert len(stored(place, "latest:500").runs) == len(RUNS)


def test_a_filter_finds_training_runs_and_no_sweep(place):
    found = stored(place, EXPRESSION)
    assert (found.sweeps, found.one_by_one) == ([], False)
    assert {*names_of(found)} == {run.name for run in RUNS[:-1] if run.parameters["truncation"] == "5"}
    assert len(stored(place, "tags.runner != 'nothing'").runs) == len(RUNS)


def test_many_runs_come_page_by_page_and_not_one_by_one(place, monkeypatch):
    whole, queries = described(stored(place)), []
    event.listen(Engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
    stored(place)
    of_metrics = [query for query in queries if "FROM metrics" in query]
    assert len(of_metrics) == 1
    monkeypatch.setattr(mlflow_database, "PAGE", 2)
    assert described(stored(place)) == whole
    monkeypatch.setattr(MlflowClient, "search_runs", functools.partialmethod(MlflowClient.search_runs, max_results=2))
    assert {*names_of(stored(place, "tags.runner != 'nothing'"))} == {run.name for run in RUNS}


@pytest.mark.parametrize(
    ("which", "complaint"),
    [
        ("nothing", "there is no sweep or run 'nothing' in sqlite:///.*: give the name or id"),
        (["sweep", "it's"], 'there is no sweep or run "it\'s"'),
        ("latest:0", "runner.runs=latest:0 selects no run: give latest:10"),
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
    found = in_folders(tmp_path)
    assert (found.title, names_of(found)) == ("sweep new", ["of-new"])
    assert names_of(in_folders(tmp_path, "old")) == ["of-old"]
    with pytest.raises(ValueError, match="there is no sweep or run 'neither' in"):
        in_folders(tmp_path, "neither")
    with pytest.raises(ValueError, match="only an MLflow store can apply the filter"):
        in_folders(tmp_path, "params.seed = '0'")
