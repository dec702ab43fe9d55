"""A training that time or data ends: after which update, what it leaves, and that it resumes to the same bits."""

import time

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.training import loop, processes, tbptt, updates
from experiments.training.budget import Budget
from experiments.training.processes import Processes
from experiments.training.schedules import Cosine, Linear

from ..conftest import values
from .test_resume import TEXT

SECONDS = 0.25  # that an update takes on the tests' clock


class Clock:
    """Stands in for the time: an update takes SECONDS, validation a minute, a checkpoint an hour."""

    def __init__(self):
        self.now = 1000.0

    def advancing(self, method, seconds):
        def slow(*given, **named):
            result = method(*given, **named)
            self.now += seconds
            return result

        return slow


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(processes.Processes, "now", lambda _: clock.now)
    for owner, method, seconds in [
        (tbptt.TruncatedBptt, "update", SECONDS),
        (updates.GradientTraining, "_validate", 60.0),
        (loop.Training, "save", 3600.0),
    ]:
        monkeypatch.setattr(owner, method, clock.advancing(getattr(owner, method), seconds))
    return clock


@pytest.fixture
def options(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return (
        *("data=characters", "data.path=text.txt", "data.valid_fraction=0.1", "data.test_fraction=0.1", "batch_size=4"),
        *("epochs=50", "truncation=7", "model.hidden_size=8", "threads=1", "runner.log_interval=1"),
    )


@pytest.mark.usefixtures("clock")
def test_seconds_of_training_end_it_in_the_middle_of_an_epoch_and_no_others_count(train, options):
    run = train(*options, "runner.max_seconds=10.1", "schedule=linear", "runner.checkpoint_targets_interval=200")
    assert (run.status, run.tags["outcome"], run.tags["ended_by"]) == ("FINISHED", "completed", "max_seconds")
    last = checkpoint.load(run.folder / "last.pt")
    assert last["loop"]["updates"] == 41  # the first after which 10.1 s are over
    assert last["budget"]["max_seconds"] == 41 * SECONDS
    assert len(values(run, "valid/loss")) == last["loop"]["epoch"] == 2  # the last epoch was not a whole one
    assert len(values(run, "test/loss")) == 1
    rates = [rate / 0.01 for rate in values(run, "interval/learning_rate")]  # adam's
    assert rates == pytest.approx([1 - k * SECONDS / 10.1 for k in range(41)], abs=1e-12)


def test_targets_end_it_and_are_the_step_of_the_last_metrics(train, options):
    run = train(*options, "runner.max_targets=500", "schedule=cosine")
    assert run.tags["ended_by"] == "max_targets"
    steps = {point.key: point.step for point in run.points}
    assert 500 <= steps["train/loss"] < 500 + 28
    assert steps["train/loss"] == steps["valid/loss"] == steps["test/loss"]
    seen = [0, *[point.step for point in run.points if point.key == "interval/learning_rate"]]
    expected = 0.5 * (1 + torch.cos(torch.pi * torch.tensor(seen[:-1], dtype=torch.float64) / 500))
    assert values(run, "interval/learning_rate") == pytest.approx((0.01 * expected).tolist(), abs=1e-12)


def test_a_limit_beyond_the_epochs_changes_no_number(train, options):
    epochs = ("epochs=2", "schedule=linear", "schedule.warmup=0.5")
    one = train(*options, *epochs)
    other = train(*options, *epochs, "runner.max_targets=100000", "runner.max_seconds=100000")
    of_runs = [[(p.key, p.value) for p in run.points if "per_second" not in p.key] for run in (one, other)]
    assert of_runs[0] == of_runs[1]
    assert other.tags["ended_by"] == "epochs"
    assert "ended_by" not in one.tags
    assert one.tags["identity"] != other.tags["identity"]


def test_a_resumed_run_goes_on_counting(train, die, options, clock):
    limited = (*options, "runner.max_seconds=7.5", "schedule=linear")
    undisturbed = checkpoint.load(train(*limited).folder / "last.pt")
    for at in (5, 25):
        stopped = (*limited, f"name=stopped_{at}")
        die(at, *stopped, "runner.checkpoint_targets_interval=100")
        clock.now += 1e6
        again = train(*stopped, "resume=auto")
        assert again.tags["ended_by"] == "max_seconds"
        last = checkpoint.load(again.folder / "last.pt")
        assert last["budget"] == undisturbed["budget"]
        assert all(torch.equal(last["model"][name], weight) for name, weight in undisturbed["model"].items())


def test_a_whole_end_that_was_saved_is_not_trained_on(train, options):
    done = train(*options, "runner.max_targets=300", "name=done")
    again = train("resume=done")
    assert values(again, "train/loss") == values(done, "train/loss")
    assert checkpoint.load(again.folder / "last.pt")["loop"]["updates"] == 11


def test_patience_ends_it_before_a_limit(train, options):
    still = ("optimizer=sgd", "optimizer.lr=1e-30", "patience=2")
    assert train(*options, *still, "runner.max_targets=100000").tags["ended_by"] == "patience"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("runner.max_seconds=0",), "max_seconds must be above 0, got 0"),
        (("runner.max_targets=0",), "max_targets must be at least 1, got 0"),
        (
            ("model=ngram", "runner.max_targets=9"),
            "runner.max_targets=9 ends a training between two updates, but Ngram",
        ),
    ],
)
def test_impossible_limits_are_refused(command, arguments, part):
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error


def test_the_share_is_the_epochs_that_the_limits_leave_and_a_schedule_never_rises():
    budget = Budget(10, 8.0, 1000, Processes())
    line, half = Linear(epochs=10, warmup=0.5, final=0.0), Cosine(epochs=10, warmup=0.5, final=0.1)
    factors, epochs, seconds = [], 0.0, 0.0
    for rate in (3.0, 0.5, 9.0, 1.0, 2.0, 5.0) * 40:  # epochs per second, times 0.02
        epochs, seconds = epochs + 0.02 * rate, seconds + 0.2
        budget.used = {"max_seconds": seconds, "max_targets": int(100 * epochs)}
        line.share = half.share = budget.share(epochs)
        if budget.reached:
            break
        if epochs > 0.5:
            factors.append((line.factor(epochs), half.factor(epochs)))
    assert budget.reached == "max_seconds"
    assert line.factor(epochs) == 0.0
    assert half.factor(epochs) == pytest.approx(0.1)
    for each in zip(*factors):
        assert list(each) == sorted(each, reverse=True)


def test_the_default_clock_is_read_and_time_while_paused_does_not_count(monkeypatch):
    seconds = iter([5.0, 6.0, 100.0, 101.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    budget = Budget(10, 8.0, None, Processes())
    budget.start()
    budget.lap(1)
    with budget.paused():
        pass
    budget.lap(2)
    assert budget.used == {"max_seconds": 2.5, "max_targets": 2}
