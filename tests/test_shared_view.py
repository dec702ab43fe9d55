"""What the first page of the dashboard shows: a view of the experiment, the dataset, the best values."""

import json

import pytest
from mlflow import MlflowClient

from experiments.config.paths import HOME
from experiments.tracking.memory import MemoryStore
from experiments.tracking.mlflow_connection import open_experiment
from experiments.tracking.mlflow_view import KEY, VIEW_TAG, view_of

from .conftest import values


def test_an_experiment_has_the_view_from_its_beginning(store):
    client, experiment_id = open_experiment(store, "mine")
    state = json.loads(client.get_experiment(experiment_id).tags[VIEW_TAG])
    assert {"metrics.`best/perplexity`", "params.`truncation`", "attributes.`Dataset`"} <= set(state["selectedColumns"])
    assert [section["name"] for section in state["compareRunSections"]][:3] == ["best", "valid", "test"]


def test_an_experiment_of_before_gets_the_view_once(store, monkeypatch):
    client = MlflowClient(store)
    experiment_id = client.create_experiment("older")
    open_experiment(store, "older")
    assert VIEW_TAG in client.get_experiment(experiment_id).tags
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", lambda *_: pytest.fail("it was there"))
    open_experiment(store, "older")


def test_a_store_that_takes_no_view_does_without(store, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    experiment_id = MlflowClient(store).create_experiment("older")
    assert open_experiment(store, "older")[1] == experiment_id


def test_the_link_to_the_view_is_printed(command, store):  # noqa: ARG001 - where the runs go
    done = command("epochs=1")
    assert f"then http://127.0.0.1:5000{view_of('1')}" in done.out
    assert view_of("1").endswith(f"viewStateShareKey={KEY}")
    assert view_of("1") in (HOME / "README.md").read_text()


def test_the_dashboards_command_repeats_only_where_the_store_is(command, store):
    done = command("epochs=1", f"tracker.uri={store}", "tracker.interval=1", "tracker.required=true")
    assert f"runner=dashboard tracker.uri={store}\n" in done.out


def test_a_run_has_its_dataset_as_an_input(command, store, tmp_path):
    (tmp_path / "book.txt").write_text("the cat sat on the mat\n" * 200)
    done = command("data=characters", "data.path=book.txt", "epochs=1", "model.hidden_size=8")
    assert done.code == 0, done.error
    (run,) = MlflowClient(store).search_runs(["1"])
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset.name == "characters book.txt"
    assert run.data.tags["dataset_fingerprint"].startswith(logged.dataset.digest)
    sizes = json.loads(logged.dataset.profile)
    assert sizes["dataset.train.tokens"] == run.data.params["dataset.train.tokens"]


def test_a_dataset_that_the_store_lost_is_sent_again(command, store, tmp_path):
    assert command("epochs=1", "name=mine").code == 0
    import sqlite3

    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("DELETE FROM inputs").rowcount
    database.close()
    assert "the store lacks its dataset of the run mine" in command("runner=doctor").out
    (run,) = MlflowClient(store).search_runs(["1"])
    assert len(run.inputs.dataset_inputs) == 1


def test_the_newest_best_is_that_of_the_best_epoch(train, tmp_path):
    (tmp_path / "book.txt").write_text("the cat sat on the mat\n" * 100)
    run = train("data=characters", "data.path=book.txt", "optimizer.lr=0.1", "epochs=6", "model.hidden_size=8")
    losses, best = values(run, "valid/loss"), values(run, "best/loss")
    assert best[-1] == min(losses)
    assert best == sorted(best, reverse=True)
    assert values(run, "best/perplexity")[-1] == min(values(run, "valid/perplexity"))


def test_a_sweeps_best_is_that_of_its_table(command, tmp_path):
    import pandas as pd

    assert command("-m", "truncation=5,9", "seed=0,1", "epochs=2", "threads=1", "tracker=memory").code == 0
    parent = next(run for run in MemoryStore.ended if run.tags["runner"] == "sweep")
    table = pd.read_csv(tmp_path / "runs" / parent.name / "comparison.csv").sort_values("train/loss best")
    assert values(parent, "best/loss")[-1] == pytest.approx(table["train/loss best"].iloc[0], rel=1e-12)
    assert values(parent, "best/perplexity")[-1] == pytest.approx(table["train/perplexity best"].iloc[0], rel=1e-12)
