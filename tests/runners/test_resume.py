"""Going on with a run as if it had never been stopped, and when that is refused."""

import json
import os
import re
import shutil
import signal

import pytest
import torch
from mlflow import MlflowClient

from experiments.checkpoints import checkpoint
from experiments.tracking.journal import read_journal
from experiments.tracking.memory import MemoryStore
from experiments.training import loop, tbptt, updates

from ..conftest import values

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps. " * 12
SMALL = ("batch_size=4", "epochs=3", "truncation=7", "model.hidden_size=8", "threads=1")
OFTEN = ("runner.checkpoint_targets_interval=100", "runner.log_interval=2")  # after every fourth update


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    split = ("data.valid_fraction=0.1", "data.test_fraction=0.1")
    return (
        "data=characters",
        "data.path=text.txt",
        *split,
        *SMALL,
        *OFTEN,
    )


@pytest.fixture
def stopped(command, text, monkeypatch):
    """Train, and stop by a signal at the n-th call of a method; returns the run's folder."""

    def run(owner, method: str, at: int, *arguments: str):
        original, calls = getattr(owner, method), []

        def interrupting(*given, **named):
            calls.append(1)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGINT)
            return original(*given, **named)

        monkeypatch.setattr(owner, method, interrupting)
        outcome = command(*text, *arguments, "tracker=memory")
        monkeypatch.setattr(owner, method, original)
        assert outcome.code == 130, outcome
        return MemoryStore.ended[-1].folder

    return run


def exact(folder):
    """All that must not depend on whether a run was stopped."""
    return (
        exact_points(folder),
        checkpoint.load(folder / "last.pt")["model"],
        checkpoint.load(folder / "best.pt")["model"],
    )


def assert_same(one, other):
    assert one[0] == other[0]
    for ours, theirs in zip(one[1:], other[1:]):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("method", "at"),
    [("update", 3), ("update", 40), ("_validate", 2), ("_log_interval", 5), ("test", 1)],
)
def test_a_run_stopped_anywhere_resumes_to_the_same_bits(train, train_once, text, stopped, method, at):
    owner = tbptt.TruncatedBptt if method == "update" else updates.GradientTraining
    undisturbed = train_once(*text, "model.output_dropout=0.3")
    folder = stopped(owner, method, at, "model.output_dropout=0.3")
    again = train(*text, "model.output_dropout=0.3", "resume=auto")
    assert (again.folder, again.status, again.tags["outcome"]) == (folder, "FINISHED", "completed")
    assert_same(exact(folder), exact(undisturbed.folder))
    keys = [(p.key, p.step) for p in read_journal(folder / "journal.jsonl")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("output", ["model.output=adaptive", "model.output=sampled model.num_samples=5"])
def test_a_resumed_run_with_a_cheaper_output_has_every_bit(train, stopped, text, output):
    options = output.split()
    undisturbed = train(*text, *options)
    stopped(updates.GradientTraining, "_save_if_due", 9, *options)
    assert_same(exact(train(*text, *options, "resume=auto").folder), exact(undisturbed.folder))


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_a_numpy_network_stopped_within_an_epoch_resumes_to_the_same_bits(train, text, stopped, loss):
    options = ("model=numpy_lstm", f"model.loss={loss}")
    undisturbed = train(*text, *options)
    folder = stopped(tbptt.TruncatedBptt, "update", 5, *options)
    assert train(*text, *options, "resume=auto").folder == folder
    assert_same(exact(folder), exact(undisturbed.folder))


def test_auto_starts_a_new_run_if_none_is_unfinished(train, text, stopped):
    first = train(*text, "resume=auto")
    second = train(*text, "resume=auto")
    assert second.folder != first.folder
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    assert train(*text, "seed=1", "resume=auto").folder != folder  # another run


def test_resume_takes_the_run_alone_or_with_its_whole_command(train, text, stopped):
    for repeated in ((), text):
        folder = stopped(tbptt.TruncatedBptt, "update", 5)
        again = train(*repeated, f"resume={folder.name}")
        assert (again.folder, again.status) == (folder, "FINISHED")


def test_more_epochs_are_a_longer_run(train, text):
    long = train(*text, "epochs=5")
    short = train(*text, "epochs=3")
    on = train(f"resume={short.name}", "epochs=5")
    assert on.folder == short.folder
    points, *weights = exact(on.folder)
    expected, *others = exact(long.folder)
    assert {key: value for key, value in points.items() if not key[0].startswith("test/")}.items() >= {
        key: value for key, value in expected.items() if not key[0].startswith("test/")
    }.items()
    assert_same(({}, *weights), ({}, *others))
    assert values(on, "test/loss")[-1] == values(long, "test/loss")[-1]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("model.hidden_size=9", r"model.hidden_size \(8, now 9\)"),
        ("optimizer.lr=0.5", r"optimizer.lr \(0.01, now 0.5\)"),
        ("epochs=2", r"epochs \(3, now 2\)"),
        ("seed=4", r"seed \(0, now 4\)"),
    ],
)
def test_a_changed_config_is_refused_with_the_keys(command, stopped, change, part):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    outcome = command(f"resume={folder.name}", change, "tracker=memory")
    assert outcome.code == 1
    assert re.search(f"cannot be resumed with another config: .*{part}", outcome.error)


def test_more_epochs_are_refused_where_the_schedule_depends_on_them(command, train, text):
    run = train(*text, "schedule=linear")
    whole = [option for option in text if not option.startswith("epochs")]
    outcome = command(*whole, "schedule=linear", "epochs=5", f"resume={run.name}", "tracker=memory")
    assert "schedule.epochs (3, now 5)" in outcome.error
    outcome = command(f"resume={run.name}", "epochs=5", "tracker=memory")
    assert "cannot have more epochs: its schedule ends after schedule.epochs=3" in outcome.error


def test_intervals_device_and_tracker_may_change(train, stopped):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    again = train(f"resume={folder.name}", "runner.checkpoint_interval=5", "device=cpu", "tracker.interval=1")
    assert again.folder == folder


def test_other_data_is_refused(command, stopped, tmp_path):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    (tmp_path / "text.txt").write_text(TEXT[::-1])
    outcome = command(f"resume={folder.name}", "tracker=memory")
    assert "cannot be resumed with other data than it began with" in outcome.error


def test_another_number_of_threads_logs_a_warning(command, stopped):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    outcome = command(f"resume={folder.name}", "threads=2", "tracker=memory")
    assert "1 threads before, 2 now: the last bits" in outcome.out
    torch.set_num_threads(1)


def test_a_checkpoint_cut_at_any_length_falls_back_to_the_one_before(command, train, text, stopped):
    undisturbed = exact(train(*text).folder)
    folder = stopped(tbptt.TruncatedBptt, "update", 19)
    kept = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "lock"}
    whole = kept["last.pt"]

    def cut(part: int) -> None:
        for name, content in kept.items():
            (folder / name).write_bytes(content)
        (folder / "last.pt").write_bytes(whole[: len(whole) * part // 20])

    for part in range(20):
        cut(part)
        newest = checkpoint.load_newest([folder / "last.pt", folder / "previous.pt"])
        assert newest["loop"]["updates"] == 16  # and not 19
    for part in range(0, 20, 4):
        cut(part)
        outcome = command(f"resume={folder.name}", "tracker=memory")
        assert outcome.code == 0, outcome.error
        assert "trying the previous checkpoint" in outcome.out
        assert_same(exact(folder), undisturbed)


def test_if_all_checkpoints_are_damaged_or_foreign_resume_is_refused_and_deletes_nothing(command, stopped, tmp_path):
    folder = stopped(tbptt.TruncatedBptt, "update", 20)
    torch.save({"weights": torch.ones(3)}, tmp_path / "foreign.pt")
    foreign = (tmp_path / "foreign.pt").read_bytes()
    journal = (folder / "journal.jsonl").read_bytes()
    for last, previous, part in ((b"", b"", "cannot be read"), (foreign, b"", "is not a checkpoint of this framework")):
        (folder / "last.pt").write_bytes(last)
        (folder / "previous.pt").write_bytes(previous)
        outcome = command(f"resume={folder.name}", "tracker=memory")
        assert (outcome.code, outcome.error.count("\n")) == (1, 1)
        assert part in outcome.error
        assert (folder / "journal.jsonl").read_bytes() == journal


def test_the_training_state_of_another_run_is_refused(command, stopped, tmp_path):
    one = stopped(tbptt.TruncatedBptt, "update", 20)
    other = tmp_path / "runs" / "other"
    shutil.copytree(one, other)  # as if its folder had been copied or renamed
    entries = (other / "journal.jsonl").read_text().splitlines()
    entries[0] = json.dumps(json.loads(entries[0]) | {"run": "other"})
    (other / "journal.jsonl").write_text("\n".join(entries) + "\n")
    outcome = command("resume=other", "tracker=memory")
    assert outcome.code == 1
    assert f"last.pt is of the run {one.name}, not of other; if there is no better copy of it, delete " in outcome.error
    renamed = one.rename(tmp_path / "runs" / "renamed")  # it is still the run that its journal names
    assert command(f"resume={renamed.name}", "tracker=memory").code == 0
    assert command(f"resume={renamed.name}", "tracker=memory").code == 0


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_poisoned_checkpoint_executes_nothing(command, stopped, tmp_path):
    folder = stopped(tbptt.TruncatedBptt, "update", 20)
    torch.save({"format": checkpoint.FORMAT, "bomb": Bomb()}, folder / "last.pt")
    (folder / "previous.pt").unlink()
    for arguments in ((f"resume={folder.name}",), ("runner=evaluate", f"checkpoint={folder}/last.pt")):
        outcome = command(*arguments, "tracker=memory")
        assert (outcome.code, "cannot be read as a checkpoint" in outcome.error) == (1, True)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("section", "target", "part"),
    [
        (
            "model",
            "os.system",
            "which is not run: it is not in experiments.models.* and no file of conf/model names it",
        ),
        ("optimizer", "subprocess.Popen", "which is not run"),
        ("data", "experiments.data.files.fetching.fetch", "is not a data class"),
        ("runner", "experiments.runners.doctor.at_least", "is not a runner class"),
    ],
)
def test_a_stored_config_cannot_name_arbitrary_classes(command, stopped, section, target, part):
    folder = stopped(tbptt.TruncatedBptt, "update", 20)
    config = folder / "config.yaml"
    there = re.search(rf"^{section}:\n  _target_: (\S+)", config.read_text(), re.MULTILINE)[1]
    config.write_text(config.read_text().replace(there, target))
    outcome = command(f"resume={folder.name}", "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
    content = (
        checkpoint.load(folder / "best.pt") if (folder / "best.pt").exists() else checkpoint.load(folder / "last.pt")
    )
    content["config"][section]["_target_"] = target
    torch.save(content, folder / "changed.pt")
    outcome = command("runner=evaluate", f"checkpoint={folder}/changed.pt", "tracker=memory")
    assert part in outcome.error


def test_a_missing_run_is_named_in_the_error(command):
    assert "resume=nothing: no run of this name or id" in command("resume=nothing", "tracker=memory").error


def test_a_resumed_run_keeps_the_checkpoint_it_started_from(train, command, text, stopped):
    first = train(*text)
    folder = stopped(tbptt.TruncatedBptt, "update", 7, f"checkpoint={first.name}", "batch_size=2")
    other = command(f"resume={folder.name}", "checkpoint=null", "tracker=memory")
    assert "cannot be resumed with another config: checkpoint" in other.error
    assert train(f"resume={folder.name}").status == "FINISHED"


def test_a_damaged_run_does_not_disturb_others_in_the_folder(train, text, stopped, tmp_path):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    for name in ("torn", "strange"):
        (tmp_path / "runs" / name).mkdir()
    (tmp_path / "runs" / "torn" / "journal.jsonl").write_bytes(b"\0\0\n")
    (tmp_path / "runs" / "torn" / "delivered.json").write_bytes(b"")
    (tmp_path / "runs" / "strange" / "journal.jsonl").mkdir()
    (tmp_path / "runs" / "strange" / "lock").touch()
    assert train(*text, "resume=auto").folder == folder


@pytest.mark.parametrize("form", [("windows_per_update=2",), ("precision=float64", "data.wrap=true")])
def test_other_models_and_options_resume_too(train, text, stopped, form):
    undisturbed = train(*text, *form)
    folder = stopped(tbptt.TruncatedBptt, "update", 9, *form)
    assert train(*text, *form, "resume=auto").folder == folder
    assert exact_points(folder) == exact_points(undisturbed.folder)


def test_a_model_without_gradients_counts_again_in_the_same_run(train, text, tmp_path):
    counting = [option for option in text if not option.startswith("model.")]
    undisturbed = train(*counting, "model=ngram")
    other = tmp_path / "runs" / "other"
    shutil.copytree(undisturbed.folder, other)
    journal = other / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:5]))  # killed in its validation
    (other / "delivered.json").unlink()
    again = train(*counting, "model=ngram", "resume=other")
    assert again.folder == other
    assert exact_points(other) == exact_points(undisturbed.folder)


def exact_points(folder):
    return {(p.key, p.step): p.value for p in read_journal(folder / "journal.jsonl") if "per_second" not in p.key}


def test_a_run_moves_from_one_store_to_another(command, stopped, store):
    folder = stopped(tbptt.TruncatedBptt, "update", 20)
    assert command(f"resume={folder.name}").code == 0
    client = MlflowClient(store)
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    stored = {(key, p.step) for key in run.data.metrics for p in client.get_metric_history(run.info.run_id, key)}
    assert (run.info.status, stored) == ("FINISHED", {(p.key, p.step) for p in read_journal(folder / "journal.jsonl")})


def test_an_evaluation_cannot_be_resumed(train, command, text):
    run = train(*text)
    command("runner=evaluate", f"checkpoint={run.name}", "tracker=memory")
    evaluation = MemoryStore.ended[-1].name
    assert "is not a training run" in command(f"resume={evaluation}", "tracker=memory").error


def test_a_config_that_would_fill_the_memory_is_refused(command, stopped):
    folder = stopped(tbptt.TruncatedBptt, "update", 5)
    (folder / "config.yaml").write_text("a: &a [1, 2]\nb: *a\n")
    assert "it holds aliases" in command(f"resume={folder.name}", "tracker=memory").error


def test_a_second_signal_stops_in_the_middle_of_an_update_and_costs_no_more_than_the_interval(train, text, stopped):
    undisturbed = exact(train(*text).folder)
    original = torch.optim.Adam.step

    def impatient(self, *arguments):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments)

    calls = []

    def step(self, *arguments):
        calls.append(1)
        return (impatient if len(calls) == 11 else original)(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        folder = stopped(loop.Training, "description", 10**9, "runner.checkpoint_targets_interval=1")
    assert checkpoint.load(folder / "last.pt")["loop"]["updates"] == 9  # one call was the rehearsal's
    assert train(*text, "resume=auto").folder == folder
    assert_same(exact(folder), undisturbed)
