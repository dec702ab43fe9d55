"""Datasets where memory decides: targets, splits and seeds, and what a truncation shorter than the delay costs."""

import itertools

import numpy as np
import pytest
import torch
import yaml

import experiments.data
from experiments.config.paths import HOME
from experiments.training.device import Device
from experiments.training.metrics import Metrics
from experiments.training.tbptt import TruncatedBptt, groups
from experiments.training.timed_metrics import TimedMetrics

from ..models.networks import KINDS, OPTIONS

CPU = Device(torch.device("cpu"), "float64")

TASKS = {"recall": "Recall", "copy_memory": "CopyMemory", "adding": "Adding", "parity": "Parity"}
SIZES = {"num_train": 60, "num_valid": 20, "num_test": 30}
LONG = {  # enough different sequences for these sizes
    "recall": {"delay": 12, "num_symbols": 8, "num_distractors": 8},
    "copy_memory": {"length": 4},
    "adding": {"length": 14},
    "parity": {"length": 13},
}


def build(task: str, **options):
    """A dataset with the options of its YAML file but for those that are given."""
    stated = yaml.safe_load((HOME / "conf" / "data" / f"{task}.yaml").read_text())["data"]
    del stated["_target_"]
    return getattr(experiments.data, TASKS[task])(**{**stated, "seed": 0, **SIZES, **LONG[task], **options})


def rows(dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs (n, length, ...) and targets (n, length) of a split, as one window reads them."""
    (window,) = dataset.windows(split, 100_000, None)
    return window.inputs.swapaxes(0, 1), window.targets.T


def test_recall_asks_at_the_last_step_for_the_first_symbol():
    inputs, targets = rows(build("recall", delay=7, num_symbols=3, num_distractors=5), "train")
    assert inputs.shape == targets.shape == (60, 8)
    for symbols, asked in zip(inputs.tolist(), targets.tolist()):
        assert asked == [-100] * 7 + [symbols[0]]
        assert symbols[0] < 3
        assert all(3 <= symbol < 8 for symbol in symbols[1:])
    assert set(targets[:, -1]) == {0, 1, 2}
    assert set(inputs[:, 1:].ravel()) == {3, 4, 5, 6, 7}


def test_distractors_of_recall_can_be_the_symbols_themselves():
    dataset = build("recall", num_symbols=4, num_distractors=None)
    inputs, targets = rows(dataset, "valid")
    assert dataset.num_inputs == dataset.num_outputs == 4
    assert set(inputs[:, 1:].ravel()) == {0, 1, 2, 3}
    assert (targets[:, -1] == inputs[:, 0]).all()


def test_the_picture_of_copy_memory_is_true_for_every_sequence():
    dataset = build("copy_memory", delay=5, length=3, num_symbols=8)
    blank, go = 8, 9
    assert dataset.vocabulary.decode([3, blank, go]) == "3 _ >"
    for symbols, asked in zip(*(array.tolist() for array in rows(dataset, "test"))):
        assert symbols == symbols[:3] + [blank] * 4 + [go] + [blank] * 3
        assert asked == [-100] * 8 + symbols[:3]
        assert max(symbols[:3]) < 8


@pytest.mark.parametrize("length", [4, 5, 14, 40])
def test_adding_marks_two_numbers_of_the_first_half_and_asks_for_their_sum(length):
    inputs, targets = rows(build("adding", length=length), "train")
    assert inputs.shape == (60, length, 2)
    for sequence, asked in zip(inputs.tolist(), targets.tolist()):
        at = [t for t, (_, mark) in enumerate(sequence) if mark == 1]
        assert len(at) == 2
        assert at[0] < 10
        assert at[1] < length // 2
        assert all(mark in (0, 1) and 0 <= number < 1 for number, mark in sequence)
        assert asked[-1] == pytest.approx(sequence[at[0]][0] + sequence[at[1]][0], abs=1e-12)
        assert np.isnan(asked[:-1]).all()
    assert inputs[:, : length // 2, 1].sum(axis=0).all()  # each of these steps is marked somewhere


def test_the_loss_of_a_blind_guess_is_that_of_the_page():
    _, targets = rows(build("adding", num_test=20_000), "test")
    assert ((targets[:, -1] - 1) ** 2).mean() == pytest.approx(1 / 6, abs=0.005)
    for task, guess in (("recall", 1 / 8), ("copy_memory", 1 / 8), ("parity", 1 / 2)):
        dataset = build(task, num_test=1000)
        _, targets = rows(dataset, "test")
        shares = np.bincount(targets[targets >= 0]) / (targets >= 0).sum()
        assert len(shares) == dataset.num_outputs == len(dataset.labels)
        assert shares == pytest.approx(guess, abs=0.04)


@pytest.mark.parametrize("every_step", [True, False])
def test_parity_counts_the_ones_so_far(every_step):
    for bits, asked in zip(*(array.tolist() for array in rows(build("parity", every_step=every_step), "train"))):
        odd, expected = False, []
        for bit in bits:
            odd ^= bit == 1
            expected.append(int(odd))
        assert asked == (expected if every_step else [-100] * 12 + expected[-1:])


@pytest.mark.parametrize("task", TASKS)
def test_no_sequence_is_in_two_splits_and_none_is_there_twice(task):
    dataset = build(task)
    assert dataset.splits == ("train", "valid", "test")
    found = [sequence.tobytes() for split in dataset.splits for sequence in rows(dataset, split)[0]]
    assert len(found) == len(set(found)) == 110


@pytest.mark.parametrize(
    ("task", "options", "possible"),
    [
        ("recall", {"delay": 2, "num_symbols": 4, "num_distractors": 3}, 36),
        ("recall", {"delay": 2, "num_symbols": 3, "num_distractors": None}, 27),
        ("copy_memory", {"length": 3, "num_symbols": 3}, 27),
        ("parity", {"length": 5}, 32),
    ],
)
def test_every_possible_sequence_can_be_drawn_and_not_one_more(task, options, possible):
    sizes = {"num_train": possible - 15, "num_valid": 5, "num_test": 10}
    dataset = build(task, **options, **sizes)
    found = {sequence.tobytes() for split in dataset.splits for sequence in rows(dataset, split)[0]}
    assert len(found) == possible
    with pytest.raises(ValueError, match=f"must be at most {possible}, .* got {possible + 1}: give fewer"):
        build(task, **options, **{**sizes, "num_test": 11})


@pytest.mark.parametrize("task", TASKS)
def test_the_seed_of_the_draw_decides_the_sequences_and_the_other_one_their_order(task):
    assert build(task).fingerprint == build(task, seed=1).fingerprint
    assert build(task).fingerprint != build(task, draw_seed=1).fingerprint

    def first(**options):
        return build(task, **options).windows("train", 20, None, epoch=0)[0].inputs

    assert np.array_equal(first(), first())
    assert not np.array_equal(first(), first(seed=1))


@pytest.mark.parametrize("task", TASKS)
def test_held_out_sequences_do_not_depend_on_how_many_are_for_training(task):
    few, many = build(task), build(task, num_train=400)
    for split in ("valid", "test"):
        assert np.array_equal(rows(few, split)[0], rows(many, split)[0])
    assert few.fingerprint != many.fingerprint


@pytest.mark.parametrize(
    ("task", "options", "part"),
    [
        ("recall", {"delay": 0}, "delay must be at least 1, got 0"),
        ("recall", {"num_symbols": 1}, "num_symbols must be at least 2, got 1"),
        ("recall", {"num_distractors": 0}, "num_distractors must be at least 1, got 0"),
        ("copy_memory", {"length": 0}, "length must be at least 1, got 0"),
        ("adding", {"length": 3}, "length must be at least 4, got 3"),
        ("parity", {"length": 1}, "length must be at least 2, got 1"),
        ("parity", {"num_valid": 0}, "num_valid must be at least 1, got 0"),
    ],
)
def test_sizes_out_of_range_are_refused(task, options, part):
    with pytest.raises(ValueError, match=part):
        build(task, **options)


@pytest.mark.parametrize(("task", "reach"), [("recall", 12), ("copy_memory", 24), ("adding", 7)])
def test_a_window_with_targets_holds_what_decides_them_only_beyond_the_stated_truncation(task, reach):
    def decides(window) -> bool:
        symbols = window.inputs < 8 if task != "adding" else window.inputs[:, :, 1] == 1
        return bool(symbols.any())

    for truncation in (reach - 3, reach, reach + 1):
        windows = list(build(task).windows("train", 100, truncation, 0))
        assert any(map(decides, windows))  # it is read, and the state is carried from there
        counted = [window for window in windows if window.count]
        assert any(map(decides, counted)) == (truncation > reach)
        assert truncation > reach or not any(window.starts for window in counted)


def network(kind: str, data, **options):
    """A float64 network for this data, with the same weights in NumPy and torch."""
    torch.manual_seed(0)
    kinds = {name: getattr(data, name) for name in ("real_inputs", "real_targets", "labelled_steps")}
    loss = "squared_error" if data.real_targets else "cross_entropy"
    options = {**OPTIONS, "embedding_size": None, "loss": loss, **options}
    return KINDS[kind](data.num_inputs, data.num_outputs, **options, **kinds).double()


def learn(kind: str, data, truncation: int | None, *, epochs: int, lr: float, **options) -> tuple[list[float], Metrics]:
    """Train with Adam in batches of 20; the loss of every epoch, and the metrics of the test split."""
    model = network(kind, data, **options)
    tbptt = TruncatedBptt(model, torch.optim.Adam(model.parameters(), lr=lr), CPU, reduction="mean", clip_norm=1.0)
    losses = []
    for epoch in range(epochs):
        metrics = TimedMetrics()
        for group in groups(data.windows("train", 20, truncation, epoch), 1):
            tbptt.update(group, metrics)
        losses.append(metrics.mean_loss())
    (window,) = data.windows("test", 100_000, None)
    test = Metrics()
    inputs, targets = CPU.tensors(window)
    with torch.no_grad():
        test.update(model(inputs, targets, model.initial_state(inputs.shape[1]))[0], window.count)
    return losses, test


FORMS = itertools.product(TASKS, ["tanh", "gru", "lstm"])


@pytest.mark.parametrize(  # both truncations for every task and for every cell
    ("task", "cell", "truncation"), [(*form, truncation) for form, truncation in zip(FORMS, itertools.cycle([None, 6]))]
)
def test_numpy_and_torch_learn_the_same(task, cell, truncation):
    ours, theirs = (learn(kind, build(task), truncation, epochs=2, lr=0.01, cell=cell) for kind in ("numpy", "torch"))
    assert ours[0] == pytest.approx(theirs[0], abs=1e-10, rel=0)
    assert ours[1].compute() == pytest.approx(theirs[1].compute(), abs=1e-10, rel=0)


ENOUGH = {"num_train": 600, "num_test": 300, "num_symbols": 2, "num_distractors": 4}


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_recall_is_learned_with_a_gradient_as_long_as_the_delay_and_not_with_a_shorter_one(kind):
    data = build("recall", delay=8, **ENOUGH)
    _, long = learn(kind, data, 9, epochs=4, lr=0.02, hidden_size=12)
    _, short = learn(kind, data, 2, epochs=4, lr=0.02, hidden_size=12)
    assert long.compute()["accuracy"] > 0.95
    assert short.compute()["accuracy"] < 0.65
