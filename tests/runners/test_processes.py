"""Several processes train one network, and what they record is what one process records."""

import random

import pytest
import torch

from ..several import largest_difference, place, run_together

SMALL = ("threads=1", "precision=float64", "tracker=memory", "runner.log_interval=2", "model.hidden_size=6")
TEXT = ("data=characters", "data.path=text.txt", "data.valid_fraction=0.2", "data.test_fraction=0.1", "truncation=7")
DROPOUTS = ("model.input_dropout=0.1", "model.output_dropout=0.2", "model.word_dropout=0.1", "model.embedding_size=5")
TWO_LAYERS = ("model.num_layers=2", "model.dropout=0.3")
COMMANDS = {  # what is trained twice, by one process and by several
    "lstm": (
        *("model=torch_lstm", *TEXT, *DROPOUTS, *TWO_LAYERS, "batch_size=5", "epochs=3", "steps_per_update=14"),
        *("clip_norm=0.2", "optimizer=adam", "schedule=plateau", "patience=1", "eval_batch_size=3"),
    ),
    "labels": (
        *("model=torch_lstm", "data=imdb", "data.path=aclImdb", "data.valid_fraction=0.2", "truncation=4"),
        *("batch_size=9", "epochs=2", *DROPOUTS, "clip_norm=0.2"),  # 64 = 7 * 9 + 1: a batch of one column, too
    ),
}
MORE = {
    "gru": ("model=torch_gru", *TEXT, *DROPOUTS, "batch_size=4", "epochs=2", "optimizer=sgd", "clip_norm=0.2"),
    "numpy": (
        *("model=numpy_lstm", *TEXT, *DROPOUTS, *TWO_LAYERS, "batch_size=4", "epochs=1", "optimizer=sgd"),
        *("optimizer.momentum=0.9", "reduction=sum_over_time"),
    ),
    "numpy labels": ("model=numpy_gru", *COMMANDS["labels"][1:], "model.pooling=mean_max", "truncation=null"),
    "classes with weights": (*COMMANDS["labels"], "class_weights=balanced"),
    "row-sparse": ("model=torch_gru", *TEXT, "batch_size=4", "epochs=1", "optimizer=sgd", "model.embedding_size=13200"),
    "numbers": ("data=adding", "model=torch_rnn", "data.length=9", "data.num_train=30", "batch_size=7", "epochs=2"),
    "limited": ("model=torch_gru", *TEXT, "batch_size=4", "epochs=9", "schedule=linear", "runner.max_targets=500"),
    "random lengths": ("model=torch_lstm", *TEXT, "batch_size=4", "epochs=2", "truncation_std=2"),
    "one column each": ("model=torch_lstm", *TEXT, *DROPOUTS, "batch_size=3", "epochs=1"),
}


@pytest.fixture
def data(tmp_path, reviews):  # noqa: ARG001 - they are in the same folder
    """A text of 20 types and short reviews."""
    draw = random.Random(0)
    words = ("river", "boat", "upon", "a", "the", "slow", "green", "fish", "swims", "under")
    (tmp_path / "text.txt").write_text(" ".join(draw.choice(words) for _ in range(70)))
    return tmp_path


def named(commands, folder):
    return [
        (*command, *SMALL, f"name={name.replace(' ', '_')}", f"tracker.folder={folder}") for name, command in commands
    ]


def train_alone(train, commands):
    """With one process, here."""
    for command in named(commands.items(), "one"):
        train(*command)


def differences(data, size, commands):
    """Train with several processes; the largest difference of each run to that of one process."""
    for rank, printed in enumerate(run_together(data, size, named(commands.items(), f"by_{size}"))):
        assert (printed.code, printed.error) == (0, ""), printed
        assert bool(printed.out) == (rank == 0)  # the others are silent
    names = [name.replace(" ", "_") for name in commands]
    return {name: largest_difference(data / "one" / name, data / f"by_{size}" / name) for name in names}


def test_two_processes_record_what_one_records(data, train):
    train_alone(train, COMMANDS)
    found = differences(data, 2, COMMANDS)
    assert max(found.values()) < 1e-10, found


@pytest.mark.slow
def test_so_do_they_and_three_with_unequal_shares_for_other_networks_and_data(data, train):
    train_alone(train, COMMANDS | MORE)
    for size, commands in ((2, MORE), (3, COMMANDS | MORE)):
        found = differences(data, size, commands)
        assert max(found.values()) < 1e-10, (size, found)


@pytest.mark.slow
def test_two_processes_end_after_the_same_update_when_their_time_is_over(data):
    limited = (*MORE["limited"], "epochs=10000", "runner.max_targets=null", "runner.max_seconds=0.5")
    measured = ("runner.gradients_interval=4", "runner.gradients_lags=3", "runner.checkpoint_interval=0.1")
    for printed in run_together(data, 2, named([("in time", (*limited, *measured))], "several")):  # else one would hang
        assert (printed.code, printed.error) == (0, ""), printed
    last = torch.load(data / "several" / "in_time" / "last.pt", weights_only=False)
    assert last["budget"]["max_seconds"] >= 0.5
    assert last["loop"]["epoch"] < 10000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["batch_size=1"], "batch_size=1 has fewer columns than there are processes, 2: give batch_size=2 or more"),
        (["model=ngram", "data=words", "data.path=x"], "Ngram counts, so it has no gradients to be added up"),
        (["model=cbow"], "does not say that its columns can be divided"),
        (["runner=dashboard"], "works in one process, and torchrun started 2"),
        (["-m", "seed=0,1"], "a sweep is started once, and torchrun started 2 processes"),
    ],
)
def test_what_cannot_be_divided_is_refused_before_a_run_exists(command, monkeypatch, tmp_path, arguments, sentence):
    for variable, value in place(0, 2, 1).items():
        monkeypatch.setenv(variable, value)
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code == 1
    assert sentence in outcome.error, outcome.error
    assert outcome.error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_an_environment_that_names_no_place_is_refused(command, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    outcome = command("tracker=memory")
    assert outcome.code == 1
    assert "RANK is missing or no number: type torchrun --nproc-per-node=2 -m experiments" in outcome.error
