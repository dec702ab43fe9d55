"""truncation_std: windows of random lengths that are the text, with rates by their lengths, and resumed to the bit."""

import math

import numpy as np
import pytest

from experiments.data.windows import stream_windows, wrapped_windows
from experiments.interfaces.data import IGNORE, PADDING
from experiments.training import tbptt
from experiments.training.random_windows import RandomWindows, random_ends

from ..conftest import values
from .test_resume import TEXT, assert_same, exact

RANDOM = ("truncation=12", "truncation_std=3")


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return (
        *("data=characters", "data.path=text.txt", "data.valid_fraction=0.1", "data.test_fraction=0.1", "batch_size=4"),
        *("epochs=3", "model.hidden_size=8", "threads=1"),
    )


def columns(windows):
    return [np.concatenate([getattr(window, name) for window in windows]) for name in ("inputs", "targets")]


@pytest.mark.parametrize("batch_size", [1, 3, 7])
@pytest.mark.parametrize("cut", [stream_windows, lambda *how: wrapped_windows(*how, epoch=1)])
@pytest.mark.parametrize("epoch", [0, 1])
def test_the_windows_of_an_epoch_put_together_are_the_text(batch_size, cut, epoch):
    equal = cut(np.arange(2000, dtype=np.int32), batch_size, 20)
    windows = [*RandomWindows(equal, 20, 5.0, (0, epoch))]
    for ours, theirs in zip(columns(windows), columns(equal), strict=True):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert [window.starts for window in windows] == [equal[0].starts] + [False] * (len(windows) - 1)
    assert [window.count for window in windows] == [int((window.targets != IGNORE).sum()) for window in windows]
    lengths = [len(window.inputs) for window in windows]
    assert min(lengths[:-1]) >= 5
    assert len(set(lengths)) > 4


def test_padding_and_real_numbers_are_cut_with_the_rest():
    equal = [*stream_windows(np.arange(52), 2, 10)]
    assert (equal[-1].inputs == PADDING).any()
    as_numbers = [each._replace(targets=np.where(each.targets == IGNORE, np.nan, each.targets)) for each in equal]
    for parts in (equal, as_numbers):
        windows = [*RandomWindows(parts, 10, 2.0, (1, 0))]
        assert sum(window.count for window in windows) == 51


def test_lengths_have_the_distribution_of_the_paper():
    """N(T, s) with probability 0.95, else N(T / 2, s), to the nearest step and at least 5."""
    ends = random_ends(70 * 200_000, 70, 5.0, np.random.default_rng(3))
    lengths = np.diff(ends, prepend=0)[:-1]
    assert lengths.min() >= 5
    for length in range(5, 100):
        both = [0.5 * (1 + math.erf((length + 0.5 - mean) / 5 / math.sqrt(2))) for mean in (70, 35)]
        share = 0.95 * both[0] + 0.05 * both[1]
        assert (lengths <= length).mean() == pytest.approx(share, abs=1.6 / math.sqrt(len(lengths)))  # Kolmogorov, 1 %


def test_short_windows_have_five_steps():
    lengths = np.diff(random_ends(6 * 10_000, 6, 5.0, np.random.default_rng(0)), prepend=0)[:-1]
    assert lengths.min() == 5
    assert (lengths == 5).mean() > 0.3


def test_every_epoch_and_seed_is_cut_elsewhere_and_the_same_ones_alike():
    equal = stream_windows(np.arange(3000), 2, 20)

    def ends(*seed):
        return RandomWindows(equal, 20, 5.0, seed)._ends.tolist()

    assert ends(0, 1) == ends(0, 1)
    assert len({tuple(ends(*seed)) for seed in ((0, 0), (0, 1), (1, 0), (1, 1))}) == 4


def test_data_whose_windows_are_others_is_refused():
    equal = [*stream_windows(np.arange(100), 2, 10)]
    for other in (equal[0]._replace(starts=True), equal[0]._replace(inputs=equal[0].inputs[:9])):
        windows = RandomWindows([equal[0], other, *equal[2:]], 10, 2.0, (0, 0))
        with pytest.raises(ValueError, match="give truncation_std=null"):
            list(windows)


@pytest.fixture
def updates(monkeypatch):
    """The rate, the steps and whether it starts of the window of each update."""
    seen, original = [], tbptt.TruncatedBptt.update

    def recording(self, windows, *given, **named):
        (window,) = windows
        seen.append((self.optimizer.param_groups[0]["lr"], len(window.inputs), window.starts))
        return original(self, windows, *given, **named)

    monkeypatch.setattr(tbptt.TruncatedBptt, "update", recording)
    return seen


@pytest.mark.parametrize("model", ["torch_lstm", "numpy_gru"])
def test_the_rate_of_a_window_is_scaled_by_its_length(train, text, updates, model):
    schedule = ("optimizer=sgd", "optimizer.lr=0.5", "schedule=step", "schedule.after=1", "schedule.gamma=0.5")
    run = train(*text, *RANDOM, f"model={model}", *schedule)
    per_epoch = [k for k, (_, _, starts) in enumerate(updates) if starts]
    assert len(per_epoch) == 3
    for k, (rate, steps, _) in enumerate(updates):
        epoch = sum(k >= first for first in per_epoch) - 1
        assert rate == pytest.approx(0.5 * 0.5**epoch * steps / 12, rel=1e-12)
    lengths = [[steps for _, steps, _ in updates[first:last]] for first, last in zip(per_epoch, [*per_epoch[1:], None])]
    assert len({sum(each) for each in lengths}) == 1  # every epoch reads all of the text
    assert len({tuple(each) for each in lengths}) == 3
    plain = train(*text, "truncation=12", f"model={model}", *schedule)
    targets = [{point.step for point in each.points if point.key == "train/loss"} for each in (run, plain)]
    assert targets[0] == targets[1]


@pytest.mark.parametrize("model", ["torch_lstm", "numpy_lstm"])
def test_a_stopped_run_resumes_to_the_same_bits(train, die, text, model):
    options = (*text, *RANDOM, f"model={model}", "model.output_dropout=0.3")
    undisturbed = train(*options)
    die(17, *options, "name=died", "runner.checkpoint_targets_interval=300")
    assert_same(exact(train("resume=died").folder), exact(undisturbed.folder))


def test_both_networks_learn_alike_and_evaluation_has_no_part_in_it(train, text):
    options = (*text, *RANDOM, "precision=float64")
    ours, theirs = (train(*options, f"model={kind}_gru") for kind in ("numpy", "torch"))
    for key in ("train/loss", "valid/loss"):
        assert values(ours, key) == pytest.approx(values(theirs, key), abs=1e-10, rel=0)
    still = ("optimizer=sgd", "optimizer.lr=1e-30", "epochs=1")
    random, plain = (train(*text, *how, *still) for how in (RANDOM, ("truncation=12",)))
    assert values(random, "valid/loss") == values(plain, "valid/loss")
    assert random.tags["identity"] != plain.tags["identity"]


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("truncation=null", "of at least 5 steps around truncation=null: give truncation=70"),
        ("truncation=4", "of at least 5 steps around truncation=4: give truncation=70"),
        ("truncation=10 steps_per_update=20", "but an update adds up 2 windows: leave steps_per_update out"),
        ("truncation=10 data=recall", "this data has labels: give truncation_std=null"),
        ("truncation=10 data=imdb data.path=nowhere", "this data has labels: give truncation_std=null"),
        ("truncation_std=0", "truncation_std must be above 0, got 0"),
    ],
)
def test_what_does_not_go_together_with_it_is_refused(command, typed, part):
    outcome = command("truncation_std=5", *typed.split(), "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
    assert outcome.error.count("\n") == 1
