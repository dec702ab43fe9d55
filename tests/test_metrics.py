"""Sums divided once."""

import math
import time

import pytest
import torch

from experiments.interfaces.model import Score
from experiments.training.metrics import Metrics, perplexity
from experiments.training.timed_metrics import TimedMetrics


def score(nats, correct=0, loss=None):
    nats = None if nats is None else torch.tensor(float(nats))
    loss = nats if loss is None else torch.tensor(float(loss))
    return Score(loss, nats, torch.tensor(correct))


def test_unequal_windows_weigh_by_their_targets():
    metrics = Metrics()
    metrics.update(score(10.0, 1), 5)
    metrics.update(score(2.0, 2), 1)
    assert metrics.compute() == pytest.approx(
        {"loss": 2.0, "accuracy": 0.5, "perplexity": math.exp(2.0), "bits_per_symbol": 2.0 / math.log(2.0)}
    )


def test_without_a_likelihood_there_is_no_perplexity():
    metrics = Metrics()
    metrics.update(score(None, loss=3.0), 2)
    assert metrics.compute() == {"loss": 1.5, "accuracy": 0.0}


def test_a_long_sum_of_float32_losses_keeps_its_digits():
    metrics = Metrics()
    one = score(0.1)
    for _ in range(50_000):
        metrics.update(one, 1)
    assert metrics.mean_loss() == pytest.approx(float(torch.tensor(0.1)), abs=1e-12)


def test_a_perplexity_that_overflows_is_infinite():
    assert perplexity(1e4) == math.inf


def test_paused_time_does_not_count():
    metrics = TimedMetrics()
    metrics._began -= 10.0
    metrics.update(score(1.0), 100)
    with metrics.paused():
        time.sleep(0.5)
    assert metrics.rate() == pytest.approx(10.0, rel=0.02)  # 100 targets in 10 seconds, not in 10.5


def test_correct_targets_are_counted_beyond_what_float32_can():
    metrics = Metrics()
    metrics.update(score(1.0, 2**24), 2**24)
    for _ in range(10):
        metrics.update(score(1.0, 1), 1)
    assert int(metrics.correct) == 2**24 + 10
