"""runner=delete: a listing first, then folder and store together; and runner.keep=best."""

from mlflow import MlflowClient

from experiments.tracking.folder import RunFolder
from experiments.tracking.record import RunRecord

QUICK = ("epochs=1", "threads=1", "model.hidden_size=4")


def stored_names(uri: str) -> set[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("recurrent")
    return {run.info.run_name for run in client.search_runs([experiment.experiment_id])}


def folders(tmp_path) -> set[str]:
    return {path.name for path in (tmp_path / "runs").iterdir()}


def test_runs_are_listed_first_and_then_deleted_in_folder_and_store(command, store, tmp_path):
    for name in ("one", "other"):
        assert command(f"name={name}", *QUICK).code == 0
    listed = command("runner=delete", "runner.runs=on*")
    assert listed.code == 0, listed.error
    assert "one  train, completed" in listed.out
    assert "other" not in listed.out
    assert folders(tmp_path) == stored_names(store) == {"one", "other"}
    deleted = command("runner=delete", "runner.runs=on*", "runner.yes=true")
    assert "1 runs deleted" in deleted.out
    assert folders(tmp_path) == stored_names(store) == {"other"}
    assert "no run in" in command("runner=delete", "runner.runs=one").error


def test_a_sweep_is_deleted_with_its_jobs(command, tmp_path):
    assert command("-m", "truncation=5,7", *QUICK, "tracker=memory").code == 0
    assert command("name=alone", *QUICK, "tracker=memory").code == 0
    (sweep,) = (name for name in folders(tmp_path) if name.startswith("sweep-"))
    assert command("runner=delete", f"runner.runs=[{sweep}]", "runner.yes=true", "tracker=memory").code == 0
    assert folders(tmp_path) == {"alone"}


def test_runs_in_progress_and_of_other_stores_are_kept(command, store, tmp_path):  # noqa: ARG001
    assert command("name=theirs", *QUICK, "tracker.experiment=theirs").code == 0
    assert command("name=alive", *QUICK).code == 0
    alive = RunFolder(tmp_path / "runs" / "alive")
    try:
        busy = command("runner=delete", "runner.runs=*", "runner.yes=true")
        assert busy.code == 1
        assert "alive  cannot be deleted: the run in" in busy.out
        alive.journal.append({"status": "RUNNING"})
    finally:
        alive.close()
    kept = command("runner=delete", "runner.runs=*", "runner.yes=true")
    assert "alive  kept: it did not end" in kept.out
    assert "theirs  kept: it is a run of sqlite" in kept.out
    assert folders(tmp_path) == {"theirs", "alive"}


def test_a_store_that_cannot_be_reached_keeps_the_folder(command, store, tmp_path):
    assert command("name=one", *QUICK).code == 0
    (tmp_path / "mlflow.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    refused = command("runner=delete", "runner.runs=one", "runner.yes=true", f"tracker.uri={store}")
    assert refused.code == 1
    assert "one  cannot be deleted: the store" in refused.out
    assert folders(tmp_path) == {"one"}


def test_keep_best_leaves_the_best_weights_of_a_completed_run(command, tmp_path):
    run = tmp_path / "runs" / "small"
    assert command("name=small", *QUICK, "runner.keep=best", "tracker=memory").code == 0
    assert {path.name for path in run.glob("*.pt")} == {"best.pt"}
    refused = command("resume=small", "epochs=2", "tracker=memory")
    assert "kept its best weights alone (runner.keep=best): checkpoint=small" in refused.error
    assert RunRecord.of(run).outcome == "completed"
    assert command("checkpoint=small", *QUICK, "tracker=memory").code == 0
