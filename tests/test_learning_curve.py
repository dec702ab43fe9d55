"""The picture of a run: which metrics, which axes, which points."""

import math

import pytest

from experiments.interfaces.task import LABELS, NUMBERS, SYMBOLS
from experiments.tracking.journal import Point
from experiments.training.learning_curve import draw_learning_curve, learning_curve

SIZE = 1000  # targets of an epoch


def recorded(num_epochs: int, *, within: int = 0, highest: float = 3.0, likelihood: bool = True) -> list[Point]:
    """The points of a run whose validation loss is lowest in the epoch before the last one."""
    points = []

    def log(kind: str, step: int, loss: float) -> None:
        metrics = {"loss": loss, "accuracy": 1 / (1 + loss)} | ({"perplexity": math.exp(loss)} if likelihood else {})
        points.extend(Point(f"{kind}/{key}", value, step, 0) for key, value in metrics.items())

    for epoch in range(num_epochs):
        for k in range(within):
            log("interval", epoch * SIZE + (k + 1) * SIZE // within, highest - 0.01 * (epoch * within + k))
        end = (epoch + 1) * SIZE
        log("train", end, highest - 0.1 * epoch)
        points.append(Point("train/epoch", epoch + 1, end, 0))
        log("valid", end, highest - 0.1 * epoch + 0.5 * (epoch == num_epochs - 1))
    return points


def panels(points, task, x="epochs", scale="auto"):
    return learning_curve(points, "a run", task, x, scale).axes


def lines(axes) -> dict:
    return {line.get_label(): line for line in axes.lines}


@pytest.mark.parametrize(
    ("task", "likelihood", "labels"),
    [
        (SYMBOLS, True, ["perplexity"]),
        (SYMBOLS, False, ["loss (per target)"]),
        (LABELS, True, ["accuracy (share of targets)", "loss (per target)"]),
        (NUMBERS, False, ["squared error (per target)"]),
    ],
)
def test_each_task_has_the_metrics_that_describe_it(task, likelihood, labels):
    points = recorded(5, likelihood=likelihood)
    if task is NUMBERS:
        points = [point for point in points if not point.key.endswith("accuracy")]
    assert [axes.get_ylabel() for axes in panels(points, task)] == labels


def test_training_and_validation_differ_without_colours():
    train, valid = (lines(panels(recorded(5), SYMBOLS)[0])[split] for split in ("train", "valid"))
    assert train.get_linestyle() != valid.get_linestyle()
    assert train.get_marker() != valid.get_marker()


def test_below_are_epochs_or_training_targets():
    for x, places, label in (("epochs", [1, 2, 3, 4, 5], "epoch"), ("targets", None, "training targets seen")):
        (axes,) = panels(recorded(5), SYMBOLS, x)
        assert list(lines(axes)["valid"].get_xdata()) == (places or [SIZE * k for k in range(1, 6)])
        assert axes.get_xlabel() == label


def test_the_best_epoch_is_that_of_the_lowest_validation_loss():
    for axes, name in zip(panels(recorded(6), LABELS), (f"{1 / 3.6:.4g}", "2.6")):
        marked = lines(axes)[f"best: epoch 5, valid {name}"]
        assert list(marked.get_xdata()) == [5, 5]


def test_of_few_epochs_training_is_drawn_within_them_and_validation_at_their_ends():
    (axes,) = panels(recorded(2, within=10), SYMBOLS)
    within = lines(axes)["train, within epochs"]
    assert list(within.get_xdata()) == pytest.approx([k / 10 for k in range(1, 21)])
    assert within.get_ydata()[0] == pytest.approx(math.exp(3))
    assert list(lines(axes)["valid"].get_xdata()) == [1, 2]
    assert "train" in lines(panels(recorded(4, within=10), SYMBOLS)[0])
    assert "train" in lines(panels(recorded(2, within=1), SYMBOLS)[0])  # no more points than epochs


def test_points_after_the_last_whole_epoch_are_placed_by_the_size_of_the_epochs_before():
    points = [*recorded(1, within=2), Point("interval/loss", 2.0, 1250, 0), Point("interval/perplexity", 7.0, 1250, 0)]
    (axes,) = panels(points, SYMBOLS)
    assert list(lines(axes)["train, within epochs"].get_xdata()) == pytest.approx([0.5, 1, 1.25])


@pytest.mark.parametrize(
    ("highest", "scale", "drawn"),
    [
        (3.0, "auto", "linear"),
        (3.0, "log", "log"),
        (12.0, "linear", "linear"),
    ],
)
def test_the_scale_can_be_chosen(highest, scale, drawn):
    assert panels(recorded(5, highest=highest), SYMBOLS, scale=scale)[0].get_yscale() == drawn


def test_a_decade_or_more_makes_the_scale_logarithmic_but_never_that_of_an_accuracy():
    spread = [
        Point(f"train/{key}", value, step, 0) for key in ("loss", "accuracy") for step, value in ((1, 0.9), (2, 0.09))
    ]
    accuracy, loss = panels(spread, LABELS)
    assert (accuracy.get_yscale(), loss.get_yscale()) == ("linear", "log")
    assert panels(spread, LABELS, scale="log")[0].get_yscale() == "linear"
    assert [axes.get_yscale() for axes in panels(spread, LABELS, scale="linear")] == ["linear", "linear"]


def test_a_run_that_ended_within_its_first_epoch_is_drawn_against_targets(tmp_path):
    points = [Point("interval/loss", 4.0, 100, 0), Point("interval/perplexity", math.exp(4), 100, 0)]
    (axes,) = panels(points, SYMBOLS)
    assert (axes.get_xlabel(), list(lines(axes)["train, within epochs"].get_xdata())) == (
        "training targets seen",
        [100],
    )
    assert learning_curve([Point("interval/grad_norm", 1.0, 1, 0)], "a run", SYMBOLS, "epochs", "auto") is None
    draw_learning_curve([], tmp_path / "none.png", "a run", SYMBOLS, "epochs", "auto")
    assert not (tmp_path / "none.png").exists()


def test_a_single_epoch_and_a_loss_of_zero_can_be_drawn():
    (axes,) = panels(recorded(1), SYMBOLS)
    assert set(lines(axes)) == {"train", "valid"}  # the only epoch needs no mark
    flat = [Point("train/loss", 0.0, step, 0) for step in (1, 2)]
    assert [axes.get_yscale() for axes in panels(flat, NUMBERS, scale="log")] == ["linear"]
