"""Every transition once, or the textbook's endless mini-batches."""

import numpy as np
import pytest

from experiments.data.windows import stream_windows, wrapped_windows
from experiments.interfaces.data import IGNORE, PADDING

STREAM = np.arange(50, dtype=np.int32)  # symbol k is at position k, so a pair tells which transition it is


def transitions(windows):
    return sorted((int(i), int(t)) for w in windows for i, t in zip(w.inputs.ravel(), w.targets.ravel()) if t != IGNORE)


@pytest.mark.parametrize("truncation", [1, 2, 7, 48, 49, 50, None])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 10, 48, 49])
def test_a_stream_counts_every_transition_exactly_once(batch_size, truncation):
    windows = list(stream_windows(STREAM, batch_size, truncation))
    assert transitions(windows) == [(k, k + 1) for k in range(49)]
    assert sum(w.count for w in windows) == 49
    assert [w.starts for w in windows] == [True] + [False] * (len(windows) - 1)
    assert all(w.inputs.dtype == w.targets.dtype == np.int64 for w in windows)


def test_columns_read_on_from_window_to_window():
    columns = [
        np.concatenate(parts, axis=0) for parts in zip(*((w.inputs, w.targets) for w in stream_windows(STREAM, 4, 5)))
    ]
    inputs, targets = columns
    assert inputs[:, 0].tolist() == list(range(13))  # 49 = 4 * 12 + 1: the first column is a step longer
    assert inputs[:, 1].tolist() == [*range(13, 25), PADDING]
    assert targets[:, 3].tolist() == [*range(38, 50), IGNORE]


def test_the_picture_in_the_docstring_is_true():
    first, second = stream_windows(np.arange(11), 3, 2)
    assert first.inputs.tolist() == [[0, 4, 7], [1, 5, 8]]
    assert second.inputs.tolist() == [[2, 6, 9], [3, PADDING, PADDING]]
    assert second.targets.tolist() == [[3, 7, 10], [4, IGNORE, IGNORE]]


def test_a_window_can_be_had_without_those_before_it():
    windows = stream_windows(STREAM, 3, 4)
    assert np.array_equal(windows[2].inputs, list(windows)[2].inputs)
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_a_stream_shorter_than_the_batch_is_refused():
    with pytest.raises(ValueError, match=r"49 transitions .* cannot fill batch_size=50"):
        stream_windows(STREAM, 50, 5)


@pytest.mark.parametrize(("batch_size", "truncation"), [(9, 5), (3, 4), (7, None), (1, 49)])
def test_wrapped_windows_are_the_textbooks_mini_batches(batch_size, truncation):
    xs, ts = STREAM[:-1], STREAM[1:]
    size = len(xs)
    jump = size // batch_size
    steps = truncation or jump
    expected, time = [], 0  # written as the book's trainer does, one index at a time
    for _ in range(3 * (size // (batch_size * steps))):
        x, t = np.empty((steps, batch_size)), np.empty((steps, batch_size))
        for step in range(steps):
            for column in range(batch_size):
                x[step, column] = xs[(column * jump + time) % size]
                t[step, column] = ts[(column * jump + time) % size]
            time += 1
        expected.append((x, t))
    ours = [w for epoch in range(3) for w in wrapped_windows(STREAM, batch_size, truncation, epoch)]
    assert len(ours) == len(expected)
    for window, (x, t) in zip(ours, expected):
        assert np.array_equal(window.inputs, x)
        assert np.array_equal(window.targets, t)
    assert [w.starts for w in ours] == [True] + [False] * (len(ours) - 1)


def test_a_wrapped_stream_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="49 for 10 \\* 5"):
        wrapped_windows(STREAM, 10, 5, 0)


@pytest.mark.parametrize("warm_up", [0, 1, 3, 100])
@pytest.mark.parametrize(("number", "batch_size", "truncation"), [(24, 3, 2), (24, 4, 5), (25, 3, None), (26, 5, 3)])
def test_with_a_warm_up_every_transition_counts_once_and_has_its_past(number, batch_size, truncation, warm_up):
    windows = list(stream_windows(np.arange(number), batch_size, truncation, warm_up))
    inputs, targets = (np.concatenate([getattr(w, name) for w in windows]) for name in ("inputs", "targets"))
    counts = targets != IGNORE
    assert sorted(targets[counts]) == list(range(1, number))
    assert (inputs[counts] == targets[counts] - 1).all()
    assert sum(window.count for window in windows) == number - 1
    past = min(warm_up, (number - 1) // batch_size)
    assert (counts.argmax(axis=0) == [0] + [past] * (batch_size - 1)).all()
    for column in inputs.T:
        read = column[column != PADDING]
        assert (np.diff(read) == 1).all()
