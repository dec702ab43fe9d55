"""Learning-rate factors against their definitions."""

import math

import pytest
import torch

from experiments.training.schedules import Constant, Cosine, Linear, Plateau, StepDecay


def test_constant_never_changes():
    assert [Constant().factor(e) for e in (0, 0.5, 100)] == [1, 1, 1]


def test_step_decay_is_that_of_zaremba():
    schedule = StepDecay(after=4, every=1, gamma=0.5)  # his: lr * 0.5 ** max(epoch + 1 - 4, 0), epochs from 0
    for epoch in range(13):
        assert schedule.factor(epoch + 0.3) == 0.5 ** max(epoch + 1 - 4, 0)


def test_plateau_agrees_with_torchs_reduce_on_plateau():
    losses = [5.0, 4.0, 4.5, 4.4, 3.9, 3.9, 4.0, 4.1, 4.2, 3.0]
    for patience in (0, 1, 2):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=patience, threshold=0)
        ours = Plateau(divisor=4.0, patience=patience)
        for loss in losses:
            ours.observe(loss)
            theirs.step(loss)
            assert ours.factor(0) == pytest.approx(optimizer.param_groups[0]["lr"])


def test_linear_and_cosine_rise_fall_and_stay():
    line, half = Linear(epochs=10, warmup=2, final=0.1), Cosine(epochs=10, warmup=2, final=0.1)
    for schedule in (line, half):
        assert schedule.factor(0) == 0
        assert schedule.factor(1) == 0.5
        assert schedule.factor(2) == 1
        assert schedule.factor(6) == pytest.approx(0.55)
        assert schedule.factor(10) == schedule.factor(12) == pytest.approx(0.1)
    assert half.factor(4) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize(
    ("kind", "options", "part"),
    [
        (StepDecay, {"after": -1, "every": 1, "gamma": 0.5}, "after must be at least 0"),
        (StepDecay, {"after": 1, "every": 0, "gamma": 0.5}, "every must be at least 1"),
        (StepDecay, {"after": 1, "every": 1, "gamma": 1.5}, "gamma must be above 0 and at most 1"),
        (Plateau, {"divisor": 0.5, "patience": 0}, "divisor must be at least 1"),
        (Linear, {"epochs": 3, "warmup": 3.0, "final": 0.0}, "warmup must be shorter than the 3 epochs"),
    ],
)
def test_impossible_schedules_are_refused(kind, options, part):
    with pytest.raises(ValueError, match=part):
        kind(**options)
