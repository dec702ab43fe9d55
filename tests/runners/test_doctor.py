"""Runs whose process died: found by the doctor and by the next start, closed, resumed."""

import time

import pytest
from mlflow import MlflowClient

from ..processes import start

LONG = ("epochs=100000", "threads=1", "runner.checkpoint_targets_interval=500")


@pytest.fixture
def killed(tmp_path, store):
    """A run in the store of this test whose process was killed in its training; its folder and the client."""
    process = start(tmp_path, LONG)
    deadline = time.monotonic() + 300
    while not (snapshots := list(tmp_path.glob("runs/*/previous.pt"))):
        assert process.is_alive(), (tmp_path / "output.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.join()
    return snapshots[0].parent, MlflowClient(store)


def states(client) -> list[tuple[str, str]]:
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], order_by=["start_time ASC"])
    return [(run.info.status, run.data.tags["outcome"]) for run in runs]


def test_the_doctor_closes_a_dead_run_and_prints_the_resume_command(command, killed):
    folder, client = killed
    assert states(client) == [("RUNNING", "running")]
    outcome = command("runner=doctor")
    assert f"{folder.name}  its process died: closed as KILLED" in outcome.out
    assert f"experiments resume={folder.name} resumes it" in outcome.out
    assert states(client) == [("KILLED", "interrupted")]
    assert "its process died" not in command("runner=doctor").out


def test_the_next_start_in_the_same_folder_closes_it_too(command, killed):
    folder, client = killed
    outcome = command("epochs=2")
    assert f"{folder.name}  its process died: closed as KILLED; resume={folder.name} resumes it" in outcome.out
    assert states(client) == [("KILLED", "interrupted"), ("FINISHED", "completed")]


@pytest.mark.parametrize("looking", [("runner=doctor",), ("epochs=1",)])
def test_a_run_of_another_machine_is_closed_when_it_was_silent_for_long(command, store, looking):
    client = MlflowClient(store)
    experiment = client.create_experiment("recurrent")
    lost = client.create_run(experiment, start_time=1, tags={"heartbeat": "1", "outcome": "running"}).info.run_id
    alive = client.create_run(experiment, tags={"outcome": "running"}).info.run_id
    outcome = command(*looking)
    assert f"run {lost}  silent for more than 600 s: closed as KILLED" in outcome.out
    assert [client.get_run(run_id).info.status for run_id in (lost, alive)] == ["KILLED", "RUNNING"]
