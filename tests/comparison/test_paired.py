"""Two runs compared target by target: the interval against theory and scipy, the runner against exact evaluation."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.comparison.paired import block_sums, difference


def autoregressive(draws, number, phi):
    """A stationary series with variance 1 and the correlation phi ** lag."""
    values, noise = np.empty(number), draws.normal(size=number) * math.sqrt(1 - phi**2)
    values[0] = draws.normal()
    for k in range(1, number):
        values[k] = phi * values[k - 1] + noise[k]
    return values


def test_block_sums_are_those_of_every_place_the_first_after_the_last():
    values = np.arange(7.0)
    expected = [sum(values[(k + j) % 7] for j in range(3)) for k in range(7)]
    assert block_sums(values, 3).tolist() == expected
    assert block_sums(values, 1).tolist() == values.tolist()


def test_blocks_of_one_target_are_the_usual_bootstrap():
    values = np.random.default_rng(0).exponential(size=400)
    found = difference(values, None, block=1, resamples=20_000)
    other = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(other), abs=0.005)


def test_the_interval_of_a_dependent_series_is_that_of_its_true_variance():
    phi, number = 0.8, 20_000
    values = autoregressive(np.random.default_rng(3), number, phi)
    true = 1.96 * math.sqrt((1 + phi) / (1 - phi) / number)  # the variance of the mean of such a series
    found = difference(values, None, None, 5000)
    assert found.block == 142  # the square root
    assert (found.high - found.low) / 2 == pytest.approx(true, rel=0.2)
    naive = difference(values, None, 1, 5000)
    assert (naive.high - naive.low) / 2 < true / 2


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(5)
    covered = []
    for seed in range(300):
        found = difference(autoregressive(draws, 2000, 0.7), None, 60, 300, seed)
        covered.append(found.low <= 0.0 <= found.high)
    assert 0.89 < np.mean(covered) < 0.98


def test_sequences_are_resampled_whole():
    draws = np.random.default_rng(1)
    lengths = draws.integers(1, 20, size=500)
    sequences = np.repeat(np.arange(500), lengths)
    values = np.repeat(draws.normal(size=500), lengths)  # equal within a sequence
    found = difference(values, sequences, None, 4000)
    assert (found.block, found.num_units) == (None, 500)
    sums = np.bincount(sequences, values)
    deviations = sums - found.mean * lengths  # of a ratio of sums, by the delta method
    theory = 1.96 * math.sqrt((deviations**2).sum()) / lengths.sum()
    assert (found.high - found.low) / 2 == pytest.approx(theory, rel=0.06)
    assert "500 whole sequences" in found.method


@pytest.fixture
def train_on_text(train, tmp_path):
    """Train a language model over one text."""
    (tmp_path / "text.txt").write_text("the cat sat on the mat. " * 60)
    data = ("data=characters", "data.path=text.txt", "model.hidden_size=6", "epochs=2")
    return lambda truncation: train(*data, f"truncation={truncation}")


PAIR = ("runner=compare", "runner.runs=latest:2", "runner.paired=test", "tracker=memory")


def test_two_language_models_are_compared_over_the_same_targets(command, train_on_text, tmp_path):
    for truncation in (2, 9):
        train_on_text(truncation)
    outcome = command(*PAIR, "runner.to=csv", "runner.resamples=500")
    assert outcome.code == 0, outcome.error
    table = pd.read_csv(io.StringIO(outcome.out)).set_index("run")
    exact = []
    for name in table.index[:2]:
        scored = command(
            "runner=evaluate", f"checkpoint=runs/{name}/best.pt", "eval_batch_size=1", "tracker=memory"
        ).out
        exact.append(float(scored.split("loss ")[2].split()[0]))
    assert list(table["nats per target"][:2]) == pytest.approx(exact, rel=1e-6)
    row = table.loc["difference"]
    assert row["nats per target"] == pytest.approx(exact[1] - exact[0], abs=1e-6)
    assert row["95 % low"] < row["nats per target"] < row["95 % high"]
    screen = command(*PAIR, "runner.block=5").out
    assert "circular blocks of 5 consecutive targets, 10,000 resamples" in screen
    written = command(*PAIR, "runner.to=pdf", "runner.output=out").out.split()
    assert (tmp_path / written[0]).read_bytes().startswith(b"%PDF")


def test_labels_are_compared_sequence_by_sequence(command):
    data = ("data=parity", "data.num_train=100", "model.hidden_size=4", "epochs=1", "tracker=memory")
    for size in (4, 6):
        assert command(*data, f"model.hidden_size={size}").code == 0
    outcome = command(*PAIR)
    assert outcome.code == 0, outcome.error
    assert "whole sequences" in outcome.out
    assert "perplexity" not in outcome.out


def test_mistakes_are_one_sentence(command, train_on_text):
    train_on_text(9)
    assert (
        "runner.paired=test compares two runs, got 1: give runner.runs=[A,B]"
        in command("runner=compare", "runner.runs=latest", "runner.paired=test", "tracker=memory").error
    )
    assert "got 0" in command("runner=compare", "runner.paired=test", "tracker=memory").error
    assert command("data=string", "model.hidden_size=4", "epochs=1", "tracker=memory").code == 0
    error = command("runner=compare", "runner.runs=latest:2", "runner.paired=train", "tracker=memory").error
    assert "were trained with another vocabulary" in error
