"""evaluate, sample and summary: runners that read what training left."""

import math
import shutil

import pytest
import torch

from experiments.checkpoints.allowed_targets import targets_in
from experiments.runners.sample import Sample
from experiments.tracking.memory import MemoryStore
from experiments.training.sampling import SamplingOptions, draw

from ..conftest import values

SAMPLING = {"prompt": None, "length": 5, "temperature": 1.0, "top_k": None, "top_p": None, "samples": 1}


@pytest.fixture
def trained(train_once):
    """A network that knows the embedded string by heart."""
    return train_once("model=torch_gru", "model.hidden_size=32", "epochs=150", "threads=1", "precision=float64")


def test_evaluate_takes_model_data_and_precision_from_the_run(command, trained):
    outcome = command("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    run = MemoryStore.ended[-1]
    assert outcome.code == 0
    assert "49 targets (exact)" in outcome.out
    assert run.tags["evaluated"] == trained.run_id
    assert run.tags["choice.model"] == "torch_gru"
    assert run.parameters["precision"] == "float64"
    assert values(run, "train/loss")[0] < 0.1


def test_evaluate_is_independent_of_the_training_windows(command, trained):
    """By hand: the whole string in one go."""
    command("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    from experiments.checkpoints import checkpoint
    from experiments.data.string import ALPHABET, EMBEDDED
    from experiments.models.torch.network import TorchNetwork

    content = checkpoint.load(trained.folder / "best.pt")
    options = {key: value for key, value in content["config"]["model"].items() if key != "_target_"}
    model = TorchNetwork(34, 34, **options).double()
    model.load_state_dict(content["model"])
    ids = torch.tensor([ALPHABET.index(c) for c in f"0{EMBEDDED}1"])
    log_probs, _ = model.predict(ids[:-1, None], model.initial_state(1))
    by_hand = -sum(log_probs[t, 0, ids[t + 1]].item() for t in range(49)) / 49
    assert values(MemoryStore.ended[-1], "train/loss") == pytest.approx([by_hand], abs=1e-12)


def test_what_is_typed_wins_over_the_checkpoint(command, trained):
    more = ("model=numpy_gru", "model.hidden_size=32")
    command("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    command("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory", *more)
    theirs, ours = MemoryStore.ended[-2:]
    assert ours.tags["choice.model"] == "numpy_gru"
    assert values(ours, "train/loss") == pytest.approx(values(theirs, "train/loss"), abs=1e-12)
    again = ("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    outcome = command(*again, "model.hidden_size=31")
    assert "are of another network: layers.0.W_ih is (96, 100), the model's is (93, 100)" in outcome.error


def test_weights_are_not_used_with_another_vocabulary(command, trained):
    again = ("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    other = command(*again, "data.alphabet='bacdefghijklmnopqrstuvwxyz ?!.,;01'")  # as many symbols in another order
    assert other.code == 1
    assert "would choose another vocabulary, but the weights in" in other.error


def test_training_from_a_checkpoint_keeps_how_its_data_was_read(train, tmp_path):
    (tmp_path / "text.txt").write_text("abcdefgh" * 100)
    first = train(
        "data=characters", "data.path=text.txt", "batch_size=8", "truncation=5", "epochs=2", "model.hidden_size=8"
    )
    on = train(f"checkpoint={first.name}", "optimizer.lr=0.001")
    for key in ("batch_size", "truncation", "epochs", "model.hidden_size", "data.path"):
        assert on.parameters[key] == first.parameters[key]
    assert on.parameters["optimizer.lr"] == "0.001"


def test_a_recipe_and_a_checkpoint_do_not_go_together(command, trained):
    outcome = command("recipe=onehot_characters", f"checkpoint={trained.name}", "tracker=memory")
    assert "recipe= and checkpoint= do not go together" in outcome.error


def test_the_cache_folder_is_that_of_this_machine_not_of_the_checkpoint(command, train, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text("a b c d\n" * 50)
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(tmp_path / "one"))
    run = train("data=words", "data.path=text.txt", "batch_size=2", "epochs=1", "model.hidden_size=8")
    shutil.rmtree(tmp_path / "one")
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(tmp_path / "two"))
    assert command("runner=evaluate", f"checkpoint={run.name}", "tracker=memory").code == 0
    assert not (tmp_path / "one").exists()


def test_latest_is_recorded_by_its_run_id(command, store):
    assert command("epochs=1", f"tracker.uri={store}").code == 0
    assert command("runner=evaluate", "runner.split=train", "checkpoint=latest", f"tracker.uri={store}").code == 0
    from mlflow import MlflowClient

    evaluation, training = MlflowClient(store).search_runs(["1"], order_by=["attributes.start_time DESC"])
    assert evaluation.data.tags["evaluated"] == training.info.run_id
    assert f"checkpoint={training.info.run_id}" in evaluation.data.tags["command"]


def test_a_folder_without_a_best_checkpoint_is_refused(command, trained):
    (trained.folder / "best.pt").unlink()
    error = command("runner=evaluate", f"checkpoint=runs/{trained.name}", "tracker=memory").error
    assert f"the folder runs/{trained.name} holds no best.pt; give a file of it, such as last.pt" in error


def test_an_evaluation_that_is_not_finite_fails(command, trained):
    from experiments.checkpoints import checkpoint

    content = checkpoint.load(trained.folder / "best.pt")
    content["model"]["output.W"].fill_(float("nan"))
    checkpoint.save(trained.folder / "best.pt", content)
    outcome = command("runner=evaluate", "runner.split=train", f"checkpoint={trained.name}", "tracker=memory")
    assert "the evaluation of train diverged: loss nan" in outcome.error
    assert MemoryStore.ended[-1].tags["outcome"] == "diverged"


def test_a_missing_split_is_refused(command, trained):
    error = command("runner=evaluate", f"checkpoint={trained.name}", "tracker=memory").error
    assert "runner.split=test is not in this dataset; it has train" in error


def test_greedy_sampling_prints_the_string(command, trained):
    again = ("runner=sample", f"checkpoint={trained.name}", "tracker=memory", "runner.temperature=0")
    whole = "0hello pytorch. how long can a rnn cell remember?1"
    assert command(*again, "runner.length=49").out == f"{whole}\n"
    assert command(*again, "runner.length=6", "'runner.prompt=0hello py'").code == 1  # quotes are Hydra's
    assert command(*again, "runner.length=6", "runner.prompt='0hello py'").out == "0hello pytorch.\n"


def test_sampling_is_repeatable_by_seed_and_the_same_in_numpy(command, trained):
    again = ("runner=sample", f"checkpoint={trained.name}", "tracker=memory", "runner.temperature=3", "seed=5")
    first = command(*again, "runner.samples=2").out
    assert command(*again, "runner.samples=2").out == first
    assert command(*again, "runner.samples=2", "model=numpy_gru", "model.hidden_size=32").out == first
    assert command(*again, "runner.samples=2", "seed=6").out != first
    assert len(set(first.splitlines())) == 2


def test_an_unknown_prompt_symbol_is_named(command, trained):
    error = command("runner=sample", f"checkpoint={trained.name}", "tracker=memory", "runner.prompt=HiXY").error
    assert "'H' at position 0 of runner.prompt is not in the vocabulary" in error
    assert "nor are 'X', 'Y'" in error
    assert "did you mean 'h'?" in error


@pytest.mark.parametrize("option", ["length=0", "temperature=-1", "top_k=0", "top_p=0", "top_p=1.5", "samples=0"])
def test_impossible_sampling_is_refused(option):
    name, _, value = option.partition("=")
    with pytest.raises(ValueError, match=f"{name} must be"):
        Sample(**{**SAMPLING, name: float(value) if name in ("temperature", "top_p") else int(value)})


def test_draws_follow_the_model_and_the_sampling_options():
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1], dtype=torch.float64)

    def shares(**options):
        drawing, generator = SamplingOptions(**{"temperature": 1.0, **options}), torch.Generator().manual_seed(0)
        drawn = [draw(probabilities.log(), drawing, generator) for _ in range(4000)]
        return [drawn.count(k) / 4000 for k in range(4)]

    assert shares() == pytest.approx(probabilities.tolist(), abs=0.03)
    assert shares(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_p=0.75) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_p=0.76)[2] > 0.1
    assert shares(temperature=0.0) == [1, 0, 0, 0]
    sharp = [p**2 for p in probabilities.tolist()]
    assert shares(temperature=0.5) == pytest.approx([p / math.fsum(sharp) for p in sharp], abs=0.03)


def test_summary_prints_shapes_and_parameters(command):
    out = command(
        "runner=summary", "model=numpy_rnn", "model.hidden_size=3", "model.bias=single", "model.num_layers=2"
    ).out
    rows = [line.split() for line in out.splitlines()]
    assert rows[2][0] == "embedding"
    assert rows[3] == ["layers.0", "(35,", "1,", "3)", str(3 * 100 + 3 * 3 + 3)]
    assert rows[-2] == ["total", str(34 * 100 + 312 + 21 + 34 * 3 + 34).replace("3869", "3,869")]
    assert " ".join(rows[-1]) == "data: 34 types; train 50 tokens"


@pytest.mark.parametrize(
    "text",
    ["_target_: mine.Model\n", "{_target_: mine.Model, size: 3}\n", 'model:\n  "_target_": "mine.Model"  # ours\n'],
)
def test_a_class_may_be_named_in_every_form_of_yaml(tmp_path, text):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(f"# _target_: other.Model\n{text}")
    assert targets_in("model", [tmp_path]) == {"mine.Model"}
