"""A real MLflow server that is stopped and started again in the middle of a run."""

import time

import pytest
from mlflow import MlflowClient

from experiments.tracking.journal import read_journal
from experiments.tracking.mlflow_store import MlflowStore
from experiments.tracking.run import Run

from .server import Server

pytestmark = pytest.mark.faults


@pytest.fixture
def server(tmp_path, store):  # noqa: ARG001 - the store lies in the folder
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def test_a_server_that_restarts_gets_every_metric_once(server, tmp_path):
    options = {"experiment": "faults", "folder": str(tmp_path / "runs"), "interval": 0.2, "required": False}
    with Run(MlflowStore(uri=server.uri, **options), "run", {"runner": "train"}) as run:
        run.log_parameters({"a": 1})
        for step in range(30):
            run.log_metrics({"train/loss": step / 7}, step)
            if step == 10:
                server.stop()
            if step == 20:
                run.delivery.deliver()
                assert run.delivery.error is not None  # and the run continues
                server.start()
            time.sleep(0.02)
        run.log_text("note.txt", "kept")
    assert run.num_undelivered == 0
    client = MlflowClient(server.uri)
    stored = client.get_run(run.run_id)
    history = client.get_metric_history(run.run_id, "train/loss")
    assert [(p.step, p.value) for p in history] == [(step, step / 7) for step in range(30)]
    assert (stored.info.status, stored.data.tags["outcome"], stored.data.params) == (
        "FINISHED",
        "completed",
        {"a": "1"},
    )
    assert len(client.search_runs([stored.info.experiment_id])) == 1
    assert "note.txt" in {file.path for file in client.list_artifacts(run.run_id)}


def test_a_run_that_ended_while_the_server_was_down_is_delivered_by_the_doctor(server, command, tmp_path):
    store = (f"tracker.uri={server.uri}", f"tracker.folder={tmp_path}/runs")
    server.stop()
    outcome = command("epochs=3", *store)
    assert outcome.code == 0, outcome.error
    assert "undelivered" in outcome.out
    assert "runner=doctor sends them" in outcome.out
    server.start()
    outcome = command("runner=doctor", *store)
    assert "delivered" in outcome.out
    client = MlflowClient(server.uri)
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    (folder,) = (tmp_path / "runs").iterdir()
    points = {(p.key, p.step, p.value) for p in read_journal(folder / "journal.jsonl")}
    stored = [p for key in run.data.metrics for p in client.get_metric_history(run.info.run_id, key)]
    assert (run.info.status, len(stored)) == ("FINISHED", len(points))
    assert {(p.key, p.step, p.value) for p in stored} == points
    assert "nothing" not in command("runner=doctor", *store).out
