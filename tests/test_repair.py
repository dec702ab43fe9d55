"""What counts as delivered is what the store has: the end of a run and the doctor compare it with the journal."""

import shutil
import sqlite3
import subprocess
import sys

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from experiments.tracking.journal import read_journal
from experiments.tracking.record import RunRecord

RUN = ("epochs=3", "model.hidden_size=4", "runner.log_interval=1")


@pytest.fixture
def recorded(command, store, tmp_path):
    """A completed run: its folder, and functions that say what the store has of it and whether that is everything."""
    backup = tmp_path / "backup.db"
    shutil.copy(tmp_path / "mlflow.db", backup)
    assert command(*RUN, f"tracker.uri={store}").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    client = MlflowClient(store)

    def stored():
        experiment = client.get_experiment_by_name("recurrent").experiment_id
        return client.search_runs([experiment])

    def is_complete():
        (run,) = stored()
        histories = [client.get_metric_history(run.info.run_id, key) for key in run.data.metrics]
        theirs = sorted((p.key, p.step, p.value) for history in histories for p in history)
        ours = sorted((p.key, p.step, p.value) for p in read_journal(folder / "journal.jsonl"))
        return theirs == ours and run.info.status == "FINISHED" and run.data.params["epochs"] == "3"

    assert is_complete()
    return folder, stored, is_complete


def sabotage(database, script):
    with sqlite3.connect(database) as connection:
        connection.executescript(script)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM metrics WHERE step = 98",  # in the middle of a history
        "DELETE FROM params",
        "DELETE FROM tags WHERE key = 'identity'",
        "UPDATE runs SET status = 'RUNNING'",
    ],
)
def test_what_a_store_lost_is_found_and_sent_again(command, store, tmp_path, recorded, statement):
    _, _, is_complete = recorded
    sabotage(tmp_path / "mlflow.db", statement)
    assert "everything is sent again" in command("runner=doctor", f"tracker.uri={store}").out
    assert is_complete()
    assert "sent again" not in command("runner=doctor", f"tracker.uri={store}").out


def test_a_store_that_was_copied_back_from_a_backup_gets_everything_again(tmp_path, recorded):  # noqa: ARG001
    for name in ("mlflow.db-wal", "mlflow.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", tmp_path / "mlflow.db")
    for is_sent in (True, False):  # in other processes: this one has the former file open
        doctor = [sys.executable, "-m", "experiments", "runner=doctor"]
        done = subprocess.run(doctor, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert ("everything is sent again" in done.stdout) == is_sent


@pytest.mark.faults
def test_a_store_whose_log_files_are_deleted_while_a_run_writes_ends_complete(store, tmp_path):
    often = ["epochs=300", "model.hidden_size=4", "runner.log_interval=1", "tracker.interval=0.1", "threads=1"]
    training = [sys.executable, "-m", "experiments", *often, f"tracker.uri={store}"]
    deleted = []
    with subprocess.Popen(training, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for _ in process.stdout:
            logs = [file for file in tmp_path.glob("mlflow.db-*") if not deleted]
            deleted += [file.unlink(missing_ok=True) for file in logs]
    assert deleted
    assert process.returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    doctor = [sys.executable, "-m", "experiments", "runner=doctor", f"tracker.uri={store}"]
    subprocess.run(doctor, cwd=tmp_path, check=True)
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        theirs = connection.execute("SELECT key, step, value FROM metrics").fetchall()
        status = connection.execute("SELECT status FROM runs").fetchall()
    assert sorted(theirs) == sorted((p.key, p.step, p.value) for p in read_journal(folder / "journal.jsonl"))
    assert status == [("FINISHED",)]


def test_a_run_notices_at_its_end_what_the_store_lost_meanwhile(command, store, tmp_path, monkeypatch):
    from experiments.tracking.mlflow_backend import MlflowBackend

    end = MlflowBackend.end

    def lossy(self, status):
        end(self, status)
        if status == "FINISHED":
            sabotage(tmp_path / "mlflow.db", "DELETE FROM metrics; DELETE FROM latest_metrics")
            monkeypatch.setattr(MlflowBackend, "end", end)

    monkeypatch.setattr(MlflowBackend, "end", lossy)
    outcome = command(*RUN, f"tracker.uri={store}")
    assert "the store lacks points of the run" in outcome.out
    client = MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("recurrent").experiment_id])
    assert "train/loss" in run.data.metrics


def test_a_deleted_run_is_reported_restored_forgotten_or_sent_as_a_new_one(command, store, recorded):
    _, stored, is_complete = recorded
    client, doctor = MlflowClient(store), ("runner=doctor", f"tracker.uri={store}")
    (run,) = stored()
    client.delete_run(run.info.run_id)
    assert "was deleted in the store: runner=doctor runner.deleted=restore, forget or resend" in command(*doctor).out
    assert stored() == []
    command(*doctor, "runner.deleted=restore")
    assert is_complete()
    client.delete_run(run.info.run_id)
    command(*doctor, "runner.deleted=resend")
    assert is_complete()
    assert stored()[0].info.run_id != run.info.run_id
    client.delete_run(stored()[0].info.run_id)
    assert "is not sent again" in command(*doctor, "runner.deleted=forget").out
    assert "was deleted" not in command(*doctor).out
    assert stored() == []
    assert len(client.search_runs([run.info.experiment_id], run_view_type=ViewType.DELETED_ONLY)) == 2


def test_a_deleted_experiment_is_said_with_what_to_do(command, store):
    client = MlflowClient(store)
    client.delete_experiment(client.create_experiment("recurrent"))
    outcome = command(*RUN, f"tracker.uri={store}")
    assert outcome.code == 0  # the run is in its journal
    assert "the experiment was deleted in the store: tracker.experiment=NAME chooses another" in outcome.out


def test_points_that_the_store_refuses_do_not_hold_up_the_others(command, store, monkeypatch):
    from experiments.tracking.backend import Refused
    from experiments.tracking.mlflow_backend import MlflowBackend

    log_points = MlflowBackend.log_points

    def picky(self, points):
        if any(point.key == "train/accuracy" for point in points):
            raise Refused("no accuracy here")
        log_points(self, points)

    monkeypatch.setattr(MlflowBackend, "log_points", picky)
    outcome = command(*RUN, f"tracker.uri={store}")
    assert outcome.code == 0
    assert "the store refused train/accuracy at step 49: no accuracy here" in outcome.out
    client = MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("recurrent").experiment_id])
    assert run.info.status == "FINISHED"
    assert "train/loss" in run.data.metrics
    assert "train/accuracy" not in run.data.metrics


def test_a_run_that_cannot_be_resumed_stays_what_it_was(command, recorded, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # between which it waits
    folder, *_ = recorded
    away = ("tracker.uri=http://127.0.0.1:9", "tracker.required=true")
    before = RunRecord.of(folder)
    assert command(f"resume={folder.name}", "epochs=4", *away).code == 1
    record = RunRecord.of(folder)
    assert (record.status, record.outcome, record.store) == ("FINISHED", "completed", before.store)
    assert record.tags["command"] == before.tags["command"]
    assert "1 runs deleted" in command("runner=delete", f"runner.runs={folder.name}", "runner.yes=true").out


def test_a_required_store_that_goes_away_at_the_end_fails_the_command(command, store, monkeypatch):
    from experiments.tracking.mlflow_backend import MlflowBackend

    def away(*_):
        raise ConnectionError("gone")

    monkeypatch.setattr(MlflowBackend, "end", away)
    outcome = command(*RUN, f"tracker.uri={store}", "tracker.required=true")
    assert outcome.code == 1
    assert "tracker.required=true, but the store could not be updated: gone" in outcome.error


def test_what_follows_a_damaged_line_of_a_journal_is_kept_beside_it(command, store, recorded):
    folder, *_ = recorded
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:4], b"{broken}\n", *lines[4:]]))
    damaged = journal.read_bytes()
    outcome = command("runner=doctor", f"tracker.uri={store}")
    assert "journal.jsonl is damaged: what follows the damaged line is removed and kept in " in outcome.out
    assert (folder / "journal.jsonl.damaged").read_bytes() == damaged
