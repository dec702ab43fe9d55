"""Runs in a real sqlite store."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.tracking.mlflow_address import checked_uri
from experiments.tracking.mlflow_checkpoints import find_checkpoint
from experiments.tracking.mlflow_connection import open_experiment
from experiments.tracking.mlflow_runs import MlflowRuns
from experiments.tracking.mlflow_store import MlflowStore
from experiments.tracking.run import Run

from . import processes

NUM_POINTS = 100


def all_runs(client):
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def open_store(uri, tmp_path):
    return MlflowStore(uri=uri, experiment="test", folder=str(tmp_path / "runs"), interval=0.0, required=True)


def a_run(uri, tmp_path, name="one", tags=None):
    return Run(open_store(uri, tmp_path), name, tags or {})


def record_a_run(folder: Path, number: int, together: Barrier) -> None:
    """What each of the processes does as soon as all are there."""
    os.chdir(folder)
    store = MlflowStore(uri="sqlite:///mlflow.db", experiment="together", folder="runs", interval=0.0, required=True)
    together.wait()
    with Run(store, str(number), {}) as run:
        run.log_parameters({"number": number})
        for step in range(NUM_POINTS):
            run.log_metrics({"metric": step / 7}, step)


def start_together(folder: Path, number: int) -> None:
    """Let processes begin at once with a store that is not there yet; everything must arrive."""
    folder.mkdir()
    together = processes.context.Barrier(number, timeout=300)
    started = [processes.context.Process(target=record_a_run, args=(folder, k, together)) for k in range(number)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * number
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = all_runs(client)
    assert sorted(run.data.params["number"] for run in runs) == sorted(map(str, range(number)))
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "metric")
        assert sorted((point.step, point.value) for point in history) == [(k, k / 7) for k in range(NUM_POINTS)]


def test_processes_that_start_at_once_on_a_fresh_store_lose_nothing(tmp_path):
    start_together(tmp_path / "store", 3)


@pytest.mark.slow
@pytest.mark.parametrize("again", range(5))
def test_eight_processes_at_once_five_times_over_lose_nothing(tmp_path, again):
    start_together(tmp_path / f"store{again}", 8)


def test_a_run_has_its_parameters_metrics_tags_and_files(store, tmp_path):
    parameters = {f"p{k}": k for k in range(150)}  # more than one request may hold
    with a_run(store, tmp_path, tags={"git_commit": "abc", "command": "experiments"}) as run:
        run.log_parameters(parameters)
        for step in range(1200):
            run.journal.log_metrics({"train/loss": float(step)}, step)
        (run.folder / "note.txt").write_text("kept")
        run.log_file(run.folder / "note.txt")
    client = MlflowClient(store)
    stored = client.get_run(run.run_id)
    assert stored.data.params == {key: str(value) for key, value in parameters.items()}
    assert stored.data.tags["mlflow.source.git.commit"] == "abc"
    assert stored.data.tags["outcome"] == "completed"
    assert stored.info.run_name == "one"
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 1200
    assert {f.path for f in client.list_artifacts(run.run_id)} == {"note.txt", "run.log", "journal.jsonl"}
    assert stored.info.artifact_uri.startswith((tmp_path / "mlartifacts").as_uri())


def test_an_experiment_is_created_once_and_found_again(store):
    assert open_experiment(store, "mine")[1] == open_experiment(store, "mine")[1]


def test_a_relative_store_is_one_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked_uri("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert checked_uri("http://host:5000") == "http://host:5000"


@pytest.mark.parametrize(
    "uri", ["", "sqlite://", "sqlite:///", "sqlite:///.", "ftp://host", "mlruns", "sqlite:///text"]
)
def test_an_address_that_cannot_be_a_store_is_refused(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("no database")
    with pytest.raises(ValueError, match=r"uri must be sqlite:///FILE|is not a file|not an sqlite store"):
        open_store(uri, tmp_path)


def test_looking_at_a_store_that_is_open_does_not_free_its_locks(store, tmp_path):
    """A dashboard that is closed while a sweep runs must not take the sweep's log with it."""
    count = (
        "import sqlite3; c = sqlite3.connect('mlflow.db'); print(*c.execute('SELECT COUNT(*) FROM notes').fetchone())"
    )

    def counted_by_another_process() -> str:
        return subprocess.run(
            [sys.executable, "-c", count], cwd=tmp_path, capture_output=True, text=True
        ).stdout.strip()

    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        checked_uri(store)
        assert counted_by_another_process() == "0"  # it closes its connection, which is not the last one
        connection.execute("INSERT INTO notes VALUES ('kept')")
        assert counted_by_another_process() == "1"


def test_a_server_that_is_down_is_named_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # between which it waits
    uri = "http://127.0.0.1:1"
    with pytest.raises(ConnectionError, match=f"the store {uri} cannot be used"), a_run(uri, tmp_path):
        pass
    with pytest.raises(ConnectionError, match=f"the store {uri} cannot be used"):
        open_store(uri, tmp_path).find_checkpoint("latest", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_latest_is_the_newest_run_that_left_a_checkpoint(store, tmp_path):
    for name, tags in (("old", {"checkpoint": "best.pt"}), ("new", {"checkpoint": "best.pt"}), ("evaluation", {})):
        with a_run(store, tmp_path, name=name, tags=tags) as run:
            (run.folder / "best.pt").write_text(name)
            run.log_file(run.folder / "best.pt")
        time.sleep(0.01)  # start times are in milliseconds
    path, run_id = open_store(store, tmp_path).find_checkpoint("latest", tmp_path)
    assert path.read_text() == "new"
    assert open_store(store, tmp_path).find_checkpoint(run_id, tmp_path)[1] == run_id
    with pytest.raises(ValueError, match="there is no run 'nothing'"):
        open_store(store, tmp_path).find_checkpoint("nothing", tmp_path)


FINDING = """
import sys
from pathlib import Path
from experiments.tracking.mlflow_store import MlflowStore
store = MlflowStore(uri=sys.argv[1], experiment="test", folder="runs", interval=0.0, required=True)
path, run_id = store.find_checkpoint(sys.argv[2], Path())
print(path.read_text(), run_id, "mlflow" in sys.modules)
"""


def test_a_checkpoint_in_an_sqlite_file_is_the_one_that_mlflow_finds(store, tmp_path):
    """Also after runs were deleted, of runs whose folder is not here, and beside another experiment."""
    ids = {}
    for name in ("old", "new", "deleted"):
        with a_run(store, tmp_path, name=name, tags={"checkpoint": "best.pt"}) as run:
            (run.folder / "best.pt").write_text(name)
            run.log_file(run.folder / "best.pt")
        ids[name] = run.run_id
        time.sleep(0.01)
    client = MlflowClient(store)
    client.delete_run(ids["deleted"])
    client.set_tag(client.create_run(client.create_experiment("another")).info.run_id, "checkpoint", "best.pt")
    shutil.rmtree(tmp_path / "runs")
    for which, name in (("latest", "new"), (ids["old"], "old"), (ids["deleted"], "deleted")):
        found = subprocess.run(
            [sys.executable, "-c", FINDING, store, which], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        path, run_id = MlflowRuns(store, "test").find_checkpoint(which, tmp_path)
        assert found.stdout.split() == [path.read_text(), run_id, "False"] == [name, ids[name], "False"]


def test_what_the_tables_do_not_tell_for_sure_mlflow_is_asked(store, tmp_path):
    database = tmp_path / "mlflow.db"
    with a_run(store, tmp_path, tags={"checkpoint": "best.pt"}) as run:
        (run.folder / "best.pt").write_text("weights")
        run.log_file(run.folder / "best.pt")
    path, run_id = find_checkpoint(database, "test", "latest")
    assert path.read_text() == "weights"
    assert find_checkpoint(database, "test", "nothing") is None
    assert find_checkpoint(database, "another", "latest") is None
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = 'mlflow-artifacts:/1/artifacts'")
    assert find_checkpoint(database, "test", run_id) is None
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("ALTER TABLE tags RENAME TO labels")
    assert find_checkpoint(database, "test", "latest") is None
    assert find_checkpoint(tmp_path / "not there.db", "test", "latest") is None
    assert not (tmp_path / "not there.db").exists()


def test_mlflow_is_imported_without_telemetry():
    code = """
import importlib.abc, os, sys
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "mlflow":
            print("at the import of mlflow:", os.environ.get("MLFLOW_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
import experiments.tracking.mlflow_backend
"""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == ["at the import of mlflow: true"]
