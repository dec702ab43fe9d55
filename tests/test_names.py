"""Names, notes and tags of runs and sweeps."""

import pytest
from mlflow import MlflowClient

from experiments.config.settings import check_tags
from experiments.tracking.description import NOTE
from experiments.tracking.memory import MemoryStore
from experiments.tracking.naming import name_of_run
from experiments.tracking.record import DIED
from experiments.tracking.records import records_in

QUICK = ("epochs=1", "threads=1", "tracker=memory")
PTB = {"runner": "train", "data": "ptb", "model": "torch_lstm"}


@pytest.mark.parametrize(
    ("choices", "typed", "name"),
    [
        ({}, {}, "ptb-lstm"),
        ({}, {"truncation": "10", "optimizer.lr": "0.1"}, "ptb-lstm-T10-lr0.1"),
        ({"model": "numpy_gru"}, {"model": "numpy_gru", "device": "cpu", "tracker": "memory"}, "ptb-numpy_gru"),
        ({}, {"optimizer": "sgd", "model.tied": "true", "schedule": "cosine"}, "ptb-lstm-sgd-tied_true-cosine"),
        ({"recipe": "char_lstm"}, {"recipe": "char_lstm", "seed": "1"}, "char_lstm-seed1"),
        ({"data": "words"}, {"data.path": "/some/where/a book.txt"}, "words-lstm-a_book"),
        ({"runner": "evaluate"}, {"checkpoint": "x/best.pt", "runner.split": "test"}, "evaluate-ptb-lstm-best"),
        ({}, {"data.labels": "[../a,b]"}, "ptb-lstm-labels_.._a_b"),
        ({}, {"model.one": "x" * 90, "seed": "3"}, "ptb-lstm-seed3"),
        ({}, {"model.one": "\U00020000" * 60, "seed": "3"}, "ptb-lstm-seed3"),  # of four bytes each
    ],
)
def test_a_name_says_what_was_typed(choices, typed, name):
    assert name_of_run(PTB | choices, typed) == name


def test_runs_of_one_command_have_names_of_their_own(train, tmp_path):
    names = [train("epochs=1", "truncation=5").name for _ in range(3)]
    assert names == ["string-lstm-epochs1-T5" + end for end in ("", "-2", "-3")]
    assert {path.name for path in (tmp_path / "runs").iterdir()} == set(names)
    assert [train("epochs=1", "name=mine").name for _ in range(2)] == ["mine", "mine-2"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("name=a/b", "type name=a_b"),
        ("name=..", "type name=NAME"),
        ("name=a b", "type name=a_b"),
        (f"name={'a' * 101}", "at most 100"),
        (f"name={'가' * 81}", f"240 bytes, the first a letter or digit), got '{'가' * 81}': type name={'가' * 80}\n"),
        ("name=latest", "type name=my_latest"),
        ("name=auto", "type name=my_auto"),
        ("tags.outcome=mine", "type another, as in tags.my_outcome=VALUE"),
        ("tags.mlflow.user=me", "tags.my_mlflow.user=VALUE"),
        ("tags.embedding_digest=x", "tags.my_embedding_digest=VALUE"),
        ("tags.layers_digest=x", "tags.my_layers_digest=VALUE"),
        ("tags=text", "tags must be"),
    ],
)
def test_what_cannot_be_a_name_or_tag_is_refused(command, tmp_path, typed, message):
    refused = command(typed, *QUICK)
    assert refused.code == 1
    assert message in refused.error
    assert not (tmp_path / "runs").exists()


def test_no_tag_that_a_run_has_of_its_own_can_be_typed_and_every_other_can(command, tmp_path):
    evaluated = ("checkpoint=one", "runner.split=train", "tracker=memory")
    for line in (
        ("name=one", *QUICK),
        ("resume=one", "epochs=2", "tracker=memory"),
        ("name=two", "runner.max_targets=20", *QUICK),
        *((f"runner={runner}", *evaluated) for runner in ("evaluate", "gradients", "states", "trace")),
        ("-m", "truncation=5,7", *QUICK),
    ):
        done = command(*line)
        assert done.code == 0, done.error
    written = {tag for record in records_in(tmp_path / "runs") for tag in record.tags}
    assert {"evaluated", "evaluation", "ended_by", "sweep", "seconds", "processes"} <= written
    for tag in sorted(written | {DIED, "embedding_digest", "layers_digest", "git_diff", NOTE}):
        with pytest.raises(ValueError, match="runs have such a tag already"):
            check_tags([tag])
    check_tags(["username", "error_type", "hostname", "commander", "datasets", "sweeping", "git_branch"])


def test_a_name_as_long_as_it_may_be_is_the_name_of_a_folder(train):
    assert train(f"name={'가' * 80}", "epochs=1").folder.is_dir()


def test_the_store_shows_name_note_and_tags(command, store):
    done = command("name=mine", "note=first try, with (few) epochs", "tags.paper=baseline", "epochs=1")
    assert done.code == 0, done.error
    client = MlflowClient(store)
    (run,) = client.search_runs(["1"], "tags.paper = 'baseline'")
    assert run.info.run_name == "mine"
    assert run.data.tags["mlflow.note.content"].startswith("first try, with (few) epochs\n\nRepeat with\n")
    assert not {"name", "note", "tags.paper"} & run.data.params.keys()


def test_they_are_no_part_of_what_is_computed(train):
    plain, named = train("epochs=1"), train("epochs=1", "name=x", "note=y", "tags.z=1")
    assert named.tags["identity"] == plain.tags["identity"]


def test_a_resumed_run_keeps_its_name_and_takes_another_note(train, command):
    train("name=mine", "note=first", "tags.a=1", "epochs=1")
    refused = command("resume=mine", "name=other", "epochs=2", "tracker=memory")
    assert "the run mine keeps its name when it is resumed" in refused.error
    resumed = train("resume=mine", "note=second", "tags.b=2", "epochs=2")
    assert (resumed.name, resumed.tags["a"], resumed.tags["b"]) == ("mine", "1", "2")
    assert resumed.tags["mlflow.note.content"].startswith("second\n")
    again = train("resume=mine", "epochs=3")
    assert again.tags["mlflow.note.content"].startswith("second\n")


def test_a_sweep_has_name_and_note_and_its_jobs_the_tags(command):
    swept = command("-m", "truncation=5,7", "name=lengths", "note=how far", "tags.paper=x", *QUICK)
    assert swept.code == 0, swept.error
    (parent,) = (run for run in MemoryStore.ended if run.tags["runner"] == "sweep")
    jobs = [run for run in MemoryStore.ended if run is not parent]
    assert parent.name.startswith("sweep-lengths-")
    assert parent.tags["mlflow.note.content"].startswith("how far\n\n")
    assert {run.tags["paper"] for run in (parent, *jobs)} == {"x"}
    assert {run.name.partition("-")[0] for run in jobs} == {"truncation_5", "truncation_7"}
    assert all(run.tags["mlflow.note.content"].startswith("Repeat with\n") for run in jobs)
