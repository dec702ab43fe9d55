"""Training as a person starts it, with everything it leaves behind."""

import errno
import json
import math
import os
import shutil
import signal

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.config import atomic
from experiments.tracking.memory import MemoryBackend, MemoryStore
from experiments.training import evaluation, loop

from ..conftest import values

TINY = ("model.hidden_size=16", "epochs=3", "threads=1")
TEXT = "the quick brown fox jumps over the lazy dog. " * 40


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return (
        "data=characters",
        "data.path=text.txt",
        "data.valid_fraction=0.1",
        "data.test_fraction=0.1",
        "batch_size=8",
        *TINY,
    )


@pytest.mark.all_files
def test_the_default_run_memorizes_the_string(train):
    run = train("threads=1")
    assert run.status == "FINISHED"
    assert values(run, "train/perplexity")[0] > 20
    assert values(run, "train/perplexity")[-1] < 1.01
    assert values(run, "train/accuracy")[-1] == 1.0
    kept = {"best.pt", "learning_curve.png", "run.log", "journal.jsonl", "config.yaml", "layers.txt", "sample.txt"}
    assert kept <= set(run.files)
    greedy, _ = (run.folder / "sample.txt").read_text().split("\n\n")
    assert greedy.startswith("temperature 0\n0hello pytorch. how long can a rnn cell remember?1")
    assert (run.folder / "layers.txt").read_text().splitlines()[-1].startswith("total")


def test_every_metric_is_there_at_the_number_of_targets_seen(train, text):
    run = train(*text, "runner.log_interval=5")
    splits = {"train": 3, "valid": 3, "test": 1}
    for split, times in splits.items():
        for metric in ("loss", "perplexity", "bits_per_symbol", "accuracy"):
            assert len(values(run, f"{split}/{metric}")) == times, (split, metric)
    transitions = len(TEXT) - 2 * round(len(TEXT) * 0.1) - 1
    steps = {key: [p.step for p in run.points if p.key == key] for key in ("train/loss", "valid/loss", "test/loss")}
    assert steps["train/loss"] == steps["valid/loss"] == [transitions, 2 * transitions, 3 * transitions]
    assert steps["test/loss"] == [3 * transitions]
    for metric in ("loss", "perplexity", "grad_norm", "learning_rate", "targets_per_second"):
        updates = -(-(transitions // 8 + 1) // 35) * 3
        assert len(values(run, f"interval/{metric}")) == updates // 5
    for loss, ppl, bits in zip(*(values(run, f"valid/{m}") for m in ("loss", "perplexity", "bits_per_symbol"))):
        assert ppl == pytest.approx(math.exp(loss))
        assert bits == pytest.approx(loss / math.log(2))


def test_parameters_choices_and_provenance_are_recorded(train, text):
    run = train(*text, "model=torch_gru", "seed=3")
    assert run.parameters["choice.model"] == "torch_gru"
    assert run.parameters["model.hidden_size"] == "16"
    assert run.parameters["seed"] == "3"
    assert run.tags["command"].startswith("experiments data=characters data.path=text.txt")
    assert run.tags["command"] in run.tags["mlflow.note.content"]
    expected = {"identity", "dataset_fingerprint", "host", "pid", "threads", "device", "version.torch", "runner"}
    assert expected <= set(run.tags)


def test_the_identity_changes_with_what_is_computed_and_not_with_where(train, text):
    def identity(*more):
        return train(*text, "epochs=1", *more).tags["identity"]

    same = identity()
    assert identity("threads=2", "tracker.interval=0", "runner.log_interval=7", "device=cpu") == same
    assert identity("seed=1") != same
    shutil.copy("text.txt", "copy.txt")
    assert identity("data.path=copy.txt") == same  # the data counts by its content
    with open("copy.txt", "a") as file:
        file.write("more")
    assert identity("data.path=copy.txt") != same
    assert identity("optimizer.lr=0.02") != same


@pytest.fixture
def contrary(tmp_path):
    """A text whose validation split runs backwards: the better training, the worse validation."""
    (tmp_path / "contrary.txt").write_text("abcd" * 200 + "dcba" * 20)
    return (
        "data=characters",
        "data.path=contrary.txt",
        "data.valid_fraction=0.09",
        "data.test_fraction=0",
        *TINY,
        "epochs=4",
    )


def test_the_best_weights_are_those_of_the_best_validation_loss(train, contrary, command):
    run = train(*contrary)
    losses = values(run, "valid/loss")
    assert losses == sorted(losses)
    last, best = (checkpoint.load(run.folder / name) for name in ("last.pt", "best.pt"))
    assert best["best"] == {"epoch": 1, "loss": losses[0], "stale": 3, "targets": run.points[0].step}
    assert last["loop"]["epoch"] == 4
    assert not torch.equal(last["model"]["output.W"], best["model"]["output.W"])
    command("runner=evaluate", "runner.split=valid", f"checkpoint={run.name}", "tracker=memory")
    assert values(MemoryStore.ended[-1], "valid/loss") == pytest.approx([losses[0]], rel=1e-6)


def test_patience_stops_a_run_that_no_longer_improves(train, text):
    run = train(*text, "optimizer.lr=0.0", "epochs=50", "patience=2")
    assert len(values(run, "valid/loss")) == 3


def test_divergence_is_failed_with_what_to_lower_and_keeps_the_best(command, text):
    code, _, error = command(*text, "optimizer=sgd", "optimizer.lr=1e12", "tracker=memory", "epochs=20")
    run = MemoryStore.ended[-1]
    assert code == 1
    assert "training diverged" in error
    assert "lower optimizer.lr (now 1000000000000.0) or clip_norm (now null)" in error
    assert (run.status, run.tags["outcome"]) == ("FAILED", "diverged")
    assert all(math.isfinite(point.value) for point in run.points)
    assert "traceback.txt" in run.files


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 10**6])
def test_evaluation_does_not_depend_on_the_window_length(train, train_once, text, monkeypatch, rows):
    options = ("precision=float64", "data.valid_fraction=0.05", "epochs=1")
    reference = train_once(*text, *options)
    monkeypatch.setattr(evaluation, "ROWS", rows)
    run = train(*text, *options)
    for key in ("valid/loss", "test/loss"):
        assert values(run, key) == pytest.approx(values(reference, key), abs=1e-9, rel=0)


@pytest.mark.parametrize(("batch_size", "truncation"), [(1, 35), (4, 7), (9, "null"), (30, 1)])
def test_training_counts_every_transition_once(train, text, batch_size, truncation):
    run = train(*text, f"batch_size={batch_size}", f"truncation={truncation}", "epochs=1")
    transitions = len(TEXT) - 2 * round(len(TEXT) * 0.1) - 1
    assert [p.step for p in run.points if p.key == "train/loss"] == [transitions]


def test_windows_per_update_changes_the_number_of_updates_and_not_the_targets(train, text):
    one = train(*text, "truncation=5", "runner.log_interval=1", "epochs=1")
    seven = train(*text, "truncation=5", "runner.log_interval=1", "epochs=1", "windows_per_update=7")
    number = len(values(one, "interval/loss"))
    assert len(values(seven, "interval/loss")) == -(-number // 7)
    assert one.points[-1].step == seven.points[-1].step


def test_the_reductions_agree_where_their_divisors_do(train):
    # one window of 49 steps and 1 column: sum over time is 49 times the mean, so 1/49 of the rate is the same step
    options = ("optimizer=sgd", "truncation=null", "epochs=5", "precision=float64", "model.hidden_size=8")
    mean = train(*options, "optimizer.lr=0.49")
    total = train(*options, "optimizer.lr=0.01", "reduction=sum_over_time")
    assert values(mean, "train/loss") == pytest.approx(values(total, "train/loss"), abs=1e-12)


OPTIMIZERS, SCHEDULES = ("sgd", "rmsprop", "adagrad", "adamw"), ("constant", "step", "plateau", "linear", "cosine")


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [*((optimizer, "constant") for optimizer in OPTIMIZERS), *(("adam", schedule) for schedule in SCHEDULES)],
)
def test_every_optimizer_and_every_schedule_learns(train, optimizer, schedule):
    run = train(f"optimizer={optimizer}", f"schedule={schedule}", "epochs=4", "model.hidden_size=16")
    losses = values(run, "train/loss")
    assert losses[-1] < losses[0]


def test_the_schedule_reaches_the_optimizer(train, text):
    run = train(*text, "schedule=step", "schedule.after=1", "schedule.gamma=0.1", "runner.log_interval=1", "epochs=2")
    rates = values(run, "interval/learning_rate")
    assert rates == [0.01] * (len(rates) // 2) + [0.001] * (len(rates) // 2)


@pytest.mark.parametrize("model", ["numpy_rnn", "numpy_lstm", "numpy_gru"])
def test_the_same_command_with_torch_gives_the_same_curve(train, text, model):
    options = (*text, "precision=float64", "clip_norm=0.5", "model.num_layers=2", "model.dropout=0.2", "epochs=2")
    ours = train(*options, f"model={model}")
    theirs = train(*options, f"model={model.replace('numpy', 'torch')}")
    for key in ("train/loss", "valid/loss", "test/loss"):
        assert values(ours, key) == pytest.approx(values(theirs, key), abs=1e-10, rel=0)


def test_reruns_are_bit_identical(train, text):
    one, other = train(*text, "deterministic=true"), train(*text, "deterministic=true")
    assert values(one, "valid/loss") == values(other, "valid/loss")


def test_bfloat16_trains_close_to_float32(train, text):
    half, single = train(*text, "precision=bfloat16"), train(*text)
    assert values(half, "valid/loss") == pytest.approx(values(single, "valid/loss"), rel=0.02)


def test_a_wrapped_stream_carries_its_state_across_epochs(train):
    options = ("optimizer=sgd", "optimizer.lr=0.0", "model.hidden_size=8", "precision=float64", "epochs=3")
    wrapped = train(*options, "data.wrap=true", "batch_size=1", "truncation=7")
    assert [p.step for p in wrapped.points if p.key == "train/loss"] == [49, 98, 147]
    first, second, _ = values(wrapped, "train/loss")
    fresh = train(*options, "truncation=7")
    assert values(fresh, "train/loss") == pytest.approx([first] * 3, abs=1e-12)  # every epoch from the initial state
    assert abs(second - first) > 1e-6  # whereas here the same weights meet the string in another state


def test_validation_is_without_dropout(train, text):
    still = ("optimizer=sgd", "optimizer.lr=0.0", "precision=float64", "epochs=1")
    dropped = train(*text, *still, "model.output_dropout=0.9")
    assert values(dropped, "valid/loss") == pytest.approx(values(train(*text, *still), "valid/loss"), abs=1e-12)


def test_a_plateau_in_the_validation_loss_lowers_the_rate(train, text):
    still = ("optimizer=sgd", "optimizer.lr=1e-30", "schedule=plateau", "runner.log_interval=1", "epochs=4")
    rates = sorted(set(values(train(*text, *still), "interval/learning_rate")), reverse=True)
    assert rates == pytest.approx([1e-30, 0.25e-30, 0.0625e-30])


def test_more_evaluation_columns_are_named_approximate(command, text):
    out = command(*text, "eval_batch_size=4", "tracker=memory").out
    assert "approximate: 4 columns begin cold" in out
    assert "with the best weights, exact" in out


def test_evaluation_columns_with_warm_up_come_closer_to_the_exact_loss(train, text):
    exact, cold, warm = (
        values(train(*text, f"eval_batch_size={size}", f"eval_warm_up={steps}"), "valid/loss")[-1]
        for size, steps in ((1, 0), (4, 0), (4, 12))
    )
    assert 0 < abs(warm - exact) < 0.2 * abs(cold - exact)


def test_a_new_run_can_start_from_old_weights(train, text):
    first = train(*text, "epochs=4")
    on = train(*text, f"checkpoint={first.name}", "epochs=1")
    assert on.tags["started_from"] == first.run_id
    assert values(on, "train/loss")[0] < values(first, "train/loss")[1]


def test_checkpoints_are_written_at_intervals(train, text, monkeypatch):
    written = []
    monkeypatch.setattr(loop.checkpoint, "save", lambda path, _, **__: written.append(path.name))
    train(*text, "runner.checkpoint_interval=0")
    longest = math.ceil((len(TEXT) - 2 * round(len(TEXT) * 0.1) - 1) / 8)
    updates = math.ceil(longest / 35)
    first = ["last.pt"] * updates  # within the first epoch no weights are the best yet
    assert written[: len(first)] == first
    assert written[len(first) :] == ["last.pt", "best.pt"] * (1 + 2 * (updates + 1) + 1) + ["best.pt"]


@pytest.mark.parametrize("moment", ["log_parameters", "upload", "set_tags", "log_points", "end"])
def test_a_signal_at_any_moment_leaves_no_run_running(command, text, monkeypatch, moment):
    original = getattr(MemoryBackend, moment)

    def interrupted(self, content):
        monkeypatch.setattr(MemoryBackend, moment, original)  # one signal: a second would stop at once
        os.kill(os.getpid(), signal.SIGTERM)
        return original(self, content)

    monkeypatch.setattr(MemoryBackend, moment, interrupted)
    longer = () if moment == "end" else ("epochs=1000",)  # than what is delivered meanwhile takes
    code = command(*text, *longer, "tracker=memory", "tracker.interval=0").code
    (run,) = MemoryStore.ended
    assert code == 128 + signal.SIGTERM  # also when nothing was left to stop but what comes next
    if moment == "end":
        assert (run.status, run.tags["outcome"]) == ("FINISHED", "completed")
    else:
        assert (run.status, run.tags["outcome"]) == ("KILLED", "interrupted")
        assert (run.folder / "last.pt").exists()


def test_a_signal_while_a_job_is_closed_stops_the_sweep(command, text, monkeypatch):
    end = MemoryBackend.end

    def interrupted(self, status):
        end(self, status)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(MemoryBackend, "end", interrupted)
    assert command("-m", "seed=0,1,2", *text, "tracker=memory").code == 128 + signal.SIGTERM
    assert [run.tags["runner"] for run in MemoryStore.ended] == ["train", "sweep"]


def test_a_full_disk_is_one_sentence_and_a_failed_run(command, text, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    code, _, error = command(*text, "tracker=memory", "runner.checkpoint_interval=0")
    assert (code, error) == (1, "experiments: [Errno 28] No space left on device\n")
    run = MemoryStore.ended[-1]
    assert run.status == "FAILED"
    assert not list(run.folder.glob("*.building"))


def test_a_model_that_cannot_be_described_is_still_trained_and_tested(train, text, monkeypatch):
    monkeypatch.setattr("experiments.models.torch.network.TorchNetwork.predict", None)
    run = train(*text)
    assert run.status == "FINISHED"
    assert values(run, "test/loss")
    assert "sample.txt" not in run.files


def test_weights_that_are_not_finite_are_never_the_best(command):
    options = ("optimizer=sgd", "optimizer.lr=1e38", "truncation=null", "epochs=1", "reduction=sum_over_time")
    code, _, error = command(*options, "tracker=memory", "optimizer.weight_decay=1e38")
    run = MemoryStore.ended[-1]
    assert (code, run.tags["outcome"]) == (1, "diverged"), error
    assert not (run.folder / "best.pt").exists()


def test_whole_numbers_and_floats_are_the_same_setting(train, text):
    one, other = train(*text, "optimizer.lr=1"), train(*text, "optimizer.lr=1.0")
    assert one.tags["identity"] == other.tags["identity"]


def test_the_stored_config_is_the_resolved_one(train, text):
    run = train(*text)
    stored = checkpoint.load(run.folder / "last.pt")["config"]
    assert stored["model"]["hidden_size"] == 16
    assert json.dumps(stored)  # plain values only
