"""Averaged weights against a plain computation in float64 from the weights after every update."""

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.training import tbptt

from ..conftest import values
from .test_resume import TEXT, assert_same, exact

DECAY = 0.7


@pytest.fixture
def options(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return (
        *("data=characters", "data.path=text.txt", "data.valid_fraction=0.1", "data.test_fraction=0.1", "batch_size=4"),
        *("epochs=3", "truncation=7", "model.hidden_size=6", "threads=1", "precision=float64", "optimizer.lr=0.05"),
    )


@pytest.fixture
def trajectory(monkeypatch):
    """The weights of every training of this test after each of its updates."""
    seen, original = [], tbptt.TruncatedBptt.update

    def recording(self, *given, **named):
        norm = original(self, *given, **named)
        seen.append({name: weight.detach().numpy().copy() for name, weight in self.model.named_parameters()})
        return norm

    monkeypatch.setattr(tbptt.TruncatedBptt, "update", recording)
    return seen


def uniform(weights):
    return sum(weights) / len(weights)


def exponential(weights):
    average = weights[0]
    for each in weights[1:]:
        average = DECAY * average + (1 - DECAY) * each
    return average


def assert_is(average, weights, best, kind):
    for name, weight in best.items():
        expected = kind([each[name] for each in weights])
        assert average[name].numpy() == pytest.approx(expected, abs=1e-12)
        assert not torch.equal(average[name], weight)


@pytest.mark.parametrize(("kind", "model"), [(uniform, "torch_lstm"), (exponential, "numpy_lstm")])
def test_the_kept_weights_are_the_average_and_training_goes_on_with_the_plain_ones(
    train, options, trajectory, model, kind
):
    averaged = (f"averaging={kind.__name__}", f"averaging_decay={DECAY}", "averaging_start=1.5")
    plain = train(*options, f"model={model}")
    of_plain = trajectory.copy()
    trajectory.clear()
    run = train(*options, f"model={model}", *averaged)
    for ours, theirs in zip(trajectory, of_plain, strict=True):
        assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert values(run, "train/loss") == values(plain, "train/loss")
    assert values(run, "valid/loss")[0] == values(plain, "valid/loss")[0]  # before it began
    assert values(run, "valid/loss")[1:] != values(plain, "valid/loss")[1:]
    begins = -(-3 * len(trajectory) // 6)  # the first update with 1.5 of 3 epochs done
    last = checkpoint.load(run.folder / "last.pt")
    assert last["averaging"]["count"] == len(trajectory) - begins
    assert_is(last["averaging"]["average"], trajectory[begins:], last["model"], kind)
    best = checkpoint.load(run.folder / "best.pt")
    assert best["best"]["epoch"] == 3
    assert all(torch.equal(best["model"][name], weight) for name, weight in last["averaging"]["average"].items())


def test_it_begins_when_the_loss_is_above_the_best_but_for_the_last_checks(train, options, trajectory):
    options = (*options, "epochs=8", "optimizer.lr=1")  # too high a rate, so that the loss rises soon
    run = train(*options, "averaging=uniform", "averaging_start=null", "averaging_checks=2")
    losses, per_epoch = values(run, "valid/loss"), len(trajectory) // 8
    began = next(k for k in range(3, 8) if losses[k] > min(losses[: k - 2]))
    last = checkpoint.load(run.folder / "last.pt")
    assert last["averaging"]["count"] == per_epoch * (7 - began) > 0
    assert_is(last["averaging"]["average"], trajectory[per_epoch * (began + 1) :], last["model"], uniform)


@pytest.mark.parametrize("start", ["0.5", "null"])
def test_a_resumed_run_goes_on_averaging(train, die, options, start):
    options = (*options, "averaging=uniform", f"averaging_start={start}", "averaging_checks=1", "optimizer.lr=1")
    options = (*options, "epochs=6", "runner.checkpoint_targets_interval=250", "model=torch_lstm")
    undisturbed = train(*options)
    die(90, *options, "name=died")
    again = train("resume=died")
    assert checkpoint.load(again.folder / "last.pt")["averaging"]["count"] > 0
    assert_same(exact(again.folder), exact(undisturbed.folder))


def test_both_networks_average_alike(train, options):
    averaged = ("averaging=exponential", "averaging_decay=0.9")
    losses = [values(train(*options, f"model={kind}_gru", *averaged), "valid/loss") for kind in ("torch", "numpy")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-10)


@pytest.mark.parametrize(
    ("argument", "part"),
    [
        ("averaging_decay=1.0", "averaging_decay must be a probability from 0 to below 1, got 1.0"),
        ("averaging_start=-1", "averaging_start must be at least 0, got -1"),
        ("averaging_checks=0", "averaging_checks must be at least 1, got 0"),
    ],
)
def test_impossible_averages_are_refused(command, argument, part):
    outcome = command("averaging=uniform", argument, "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
