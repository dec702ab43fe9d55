"""Where a store is: addresses, what the environment says of it, passwords, and whose runs are touched."""

import os
import shutil
import time
from secrets import token_hex

import pytest
from mlflow import MlflowClient

from experiments.config.secrets import masked, revealed, without_secrets
from experiments.tracking.mlflow_address import checked_uri
from experiments.tracking.mlflow_connection import client_of
from experiments.tracking.mlflow_store import MlflowStore
from experiments.tracking.run import Run

QUICK = ("epochs=1", "model.hidden_size=4")


def test_a_store_is_made_in_the_working_directory_whatever_its_name(tmp_path, command, monkeypatch):
    name = "n#1?a%2Fb 한글@q:r 50%"
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    outcome = command(*QUICK)
    assert outcome.code == 0, outcome.error
    assert {"mlflow.db", "mlartifacts", "runs"} <= set(os.listdir(folder))
    assert os.listdir(tmp_path) == [name]
    assert "perplexity" in command("runner=evaluate", "runner.split=train", "checkpoint=latest").out
    assert "recurrent" in {
        experiment.name for experiment in client_of(checked_uri("sqlite:///mlflow.db")).search_experiments()
    }


def test_one_store_has_one_spelling(tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    spellings = (
        "sqlite:///a.db",
        "sqlite:///./x/../a.db",
        f"sqlite:///{tmp_path}/a.db",
        f"sqlite:///{tmp_path}//x/../a.db",
    )
    assert {checked_uri(uri) for uri in spellings} == {f"sqlite:///{tmp_path}/a.db"}
    assert checked_uri("http://host:5000/") == checked_uri("http://host:5000")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("tracker.experiment=",), "tracker: experiment is empty: tracker.experiment=NAME names it"),
        (("tracker.uri=sqlite:///a?b.db",), "a ? that is a part of the path is typed as %3F"),
        (("tracker.uri=postgresql+nothing://host/db",), "tracker: uri=postgresql+nothing://host/db cannot be used: "),
        (("tracker.uri=http://me:***@host",), "leave user and password out and set MLFLOW_TRACKING_USERNAME and "),
    ],
)
def test_a_store_that_can_never_be_used_is_refused_before_anything_is_written(command, tmp_path, options, message):
    code, _, error = command(*QUICK, *options)
    assert code == 1
    assert message in error
    assert os.listdir(tmp_path) == []


def test_the_environment_of_mlflow_names_store_and_experiment_unless_they_are_typed(
    command, empty_store, tmp_path, monkeypatch
):
    shutil.copy(empty_store, tmp_path / "theirs.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/theirs.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    outcome = command(*QUICK)
    assert outcome.out.count("MLFLOW_TRACKING_URI=") == 1
    client = MlflowClient(f"sqlite:///{tmp_path}/theirs.db")
    (run,) = client.search_runs([client.get_experiment_by_name("named").experiment_id])
    assert run.data.tags["outcome"] == "completed"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/others.db")  # as in a notebook
    assert "MLFLOW_TRACKING_URI=" not in command(*QUICK, "tracker.uri=sqlite:///mine.db").out
    assert (tmp_path / "mine.db").exists()
    assert not (tmp_path / "others.db").exists()
    assert command(*QUICK).code == 0
    assert (tmp_path / "others.db").exists()


def test_a_password_is_written_nowhere(command, tmp_path, monkeypatch):
    """As a user would: two commands, then grep."""
    password = token_hex(8)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    search = ("-m", "optimizer.lr=interval(0.01,0.1)", "hydra.sweeper.search=random", "hydra.sweeper.trials=1")
    for arguments in (
        [f"tracker.uri=http://user:{password}@127.0.0.1:9"],  # nobody listens there
        [*search, "tracker=memory", f"hydra.sweeper.storage=postgresql://user:{password}@127.0.0.1:9/db"],
    ):
        outcome = command(*QUICK, *arguments)
        assert password not in outcome.out + outcome.error
    (folder,) = (tmp_path / "runs").glob("string-lstm*")
    assert "http://user:***@127.0.0.1:9" in (folder / "config.yaml").read_text()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if password.encode() in path.read_bytes()]


def test_a_masked_password_is_used():
    uri = masked("http://user:pass%40word@host:5000")
    assert uri == "http://user:***@host:5000"
    assert revealed(uri) == "http://user:pass%40word@host:5000"
    assert client_of(checked_uri(f"{uri}/")).tracking_uri == revealed(uri)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:pa/ss@host/db", "postgresql://me:***@host/db"),
        ("mysql+pymysql://me:p@ss@host:3306/db", "mysql+pymysql://me:***@host:3306/db"),
        ("postgresql://me:/?#@host/db?password=p/w", "postgresql://me:***@host/db?password=***"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),  # a part of the path
        ("sqlite:////folder:a/b@c.db", "sqlite:////folder:a/b@c.db"),
    ],
)
def test_a_password_is_masked_whatever_is_in_it(address, expected):
    assert masked(address) == expected
    assert revealed(masked(address)) == address


def test_text_with_spaces_is_not_masked():
    config = {"uri": "http://a:b@host", "text": "see http://a:b@host there", "list": ["'http://a:b@host'"]}
    expected = {"uri": "http://a:***@host", "text": "see http://a:b@host there", "list": ["'http://a:***@host'"]}
    assert without_secrets(config) == expected


def test_runs_that_others_record_in_the_store_are_not_touched(command, tmp_path, store):
    assert command(*QUICK, f"tracker.uri={store}").code == 0
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("recurrent").experiment_id
    old = round(1000 * (time.time() - 7200))
    theirs = client.create_run(experiment, old, {"checkpoint": "best.pt"}).info.run_id
    other = client.create_experiment("other")
    client.create_run(other, round(1000 * time.time()), {"checkpoint": "best.pt"})
    assert command("runner=doctor", f"tracker.uri={store}").code == 0
    assert client.get_run(theirs).info.status == "RUNNING"
    silent = MlflowStore(uri=store, experiment="recurrent", folder=str(tmp_path / "runs"), interval=1.0, required=False)
    dead = client.create_run(experiment, old, {"outcome": "running"}).info.run_id
    assert silent.close_silent(600) == [dead]
    outcome = command("runner=evaluate", "runner.split=train", "checkpoint=latest", f"tracker.uri={store}")
    assert outcome.code == 0, outcome.error


def test_a_run_that_is_resumed_is_not_taken_for_dead_by_its_former_heartbeat(tmp_path, store):
    ours = MlflowStore(uri=store, experiment="recurrent", folder=str(tmp_path), interval=3600.0, required=True)
    with pytest.raises(KeyboardInterrupt), Run(ours, "run", {}) as run:
        raise KeyboardInterrupt
    MlflowClient(store).set_tag(run.run_id, "heartbeat", "1")
    with Run(ours, "run", {}):
        assert MlflowClient(store).get_run(run.run_id).info.status == "RUNNING"
        assert ours.close_silent(600) == []


def test_a_run_that_reaches_its_store_long_after_its_start_is_not_taken_for_dead(tmp_path, store):
    ours = MlflowStore(uri=store, experiment="recurrent", folder=str(tmp_path), interval=3600.0, required=False)
    ours.backend("run").begin(time.time() - 7200, may_exist=False)
    assert ours.close_silent(600) == []
