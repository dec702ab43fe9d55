"""Sequences with a target at any step: every target once, in windows that end together."""

import numpy as np
import pytest

from experiments.data.step_targets import Steps, StepTargets
from experiments.interfaces.vocabulary import Vocabulary

LENGTHS = (5, 9, 0, 2, 7, 1, 7, 4, 3)
STARTS = np.concatenate([[0], np.cumsum(LENGTHS)])
N = int(STARTS[-1])


class Tags(StepTargets):
    """Ids and classes: step k of all has the input k and the class k."""

    def __init__(self, **changes):
        arrays = {"inputs": np.arange(N), "targets": np.arange(N), "starts": STARTS, **changes}
        names = [f"s{k}" for k in range(N)]
        super().__init__(
            {"train": Steps(**arrays)}, labels=tuple(names), vocabulary=Vocabulary(names, separator=" "), seed=0
        )


class Signal(StepTargets):
    """Vectors (k, k + 1/2), numbers k + 1/4."""

    real_inputs = real_targets = True

    def __init__(self, **changes):
        k = np.arange(N)
        arrays = {"inputs": np.stack([k, k + 0.5], axis=1), "targets": k + 0.25, "starts": STARTS, **changes}
        super().__init__({"train": Steps(**arrays)}, seed=0)


@pytest.mark.parametrize("truncation", [1, 2, 4, 8, 9, 10, None])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 9, 20])
@pytest.mark.parametrize("epoch", [None, 0])
def test_every_step_is_read_once_with_its_target_and_windows_say_how_many(batch_size, truncation, epoch):
    read = []
    for window in Tags().windows("train", batch_size, truncation, epoch):
        assert len(window.inputs) <= (truncation or max(LENGTHS))
        assert window.count == (window.targets != -100).sum()
        assert ((window.inputs == -1) == (window.targets == -100)).all()
        read += [(int(i), int(t)) for i, t in zip(window.inputs.ravel(), window.targets.ravel()) if i >= 0]
    assert sorted(read) == [(k, k) for k in range(N)]


@pytest.mark.parametrize("truncation", [2, 4, None])
def test_vectors_are_read_as_ids_are_and_padding_is_nan(truncation):
    for tags, signal in zip(Tags().windows("train", 3, truncation, 0), Signal().windows("train", 3, truncation, 0)):
        live = tags.inputs >= 0
        assert (np.isnan(signal.inputs).all(axis=2) == ~live).all()
        assert (signal.inputs[live] == np.stack([tags.inputs, tags.inputs + 0.5], axis=2)[live]).all()
        assert (signal.targets[live] == tags.targets[live] + 0.25).all()
        assert (tags.starts, tags.count) == (signal.starts, signal.count)


def test_columns_read_on_from_window_to_window_and_end_together():
    windows = Tags().windows("train", 20, 4)
    assert [len(window.inputs) for window in windows] == [1, 4, 4]
    assert [window.starts for window in windows] == [True, False, False]
    whole = np.concatenate([window.inputs for window in windows])
    by_length = np.argsort(LENGTHS, kind="stable")
    for column, k in zip(whole.T, by_length):
        assert column.tolist() == [-1] * (9 - LENGTHS[k]) + list(range(STARTS[k], STARTS[k + 1]))


def test_the_picture_in_the_docstring_is_true():
    class Three(Signal):
        def __init__(self):
            super().__init__(inputs=np.ones((10, 1)), targets=np.ones(10), starts=np.array([0, 5, 8, 10]))

    first, second = Three().windows("train", 3, 3)
    assert np.isfinite(first.targets).astype(int)[:, ::-1].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert np.isfinite(second.targets).astype(int)[:, ::-1].tolist() == [[1, 1, 0], [1, 1, 1], [1, 1, 1]]


def test_sizes_and_the_fingerprint_follow_from_the_arrays():
    assert (Tags().num_inputs, Tags().num_outputs) == (N, N)
    assert (Signal().num_inputs, Signal().num_outputs, len(Signal().vocabulary)) == (2, 1, 0)
    assert Signal().fingerprint == Signal().fingerprint != Signal(targets=np.zeros(N)).fingerprint


@pytest.mark.parametrize(
    ("kind", "changes", "part"),
    [
        (Signal, {"targets": np.zeros(N - 1)}, f"has {N} steps but {N - 1} targets"),
        (Signal, {"starts": STARTS[:-1]}, f"must rise from 0 to its {N} steps"),
        (
            Signal,
            {"inputs": np.zeros(N)},
            r"must be \(N, V\) floats, as the class says real_inputs = True",
        ),
        (Tags, {"inputs": np.zeros((N, 2))}, r"must be \(N,\) integers, as the class says real_inputs = False"),
        (Tags, {"targets": np.zeros(N)}, r"must be \(N,\) integers, as the class says real_targets = False"),
        (Signal, {"inputs": np.full((N, 2), np.nan)}, "only padding is NaN: replace missing values"),
        (
            Tags,
            {"targets": np.full(N, N)},
            f"{N} is no class of the train split: classes are 0 to {N - 1}, and -100",
        ),
        (Tags, {"targets": np.full(N, -1)}, "-1 is no class of the train split"),
        (Tags, {"inputs": np.full(N, -1)}, "-1 is no input of the train split: the vocabulary has the ids 0 to"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_sentence(kind, changes, part):
    with pytest.raises(ValueError, match=part):
        kind(**changes)


def test_a_split_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no split 'test' in this dataset; it has train"):
        Tags().windows("test", 1, None)
