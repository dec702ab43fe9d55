"""What the figures of a comparison show."""

import json
import math
import random

import numpy as np
import pytest

from experiments.comparison.figures import draw
from experiments.comparison.importance import importance
from experiments.comparison.measures import mean
from experiments.comparison.report import Report
from experiments.tracking.record import RunRecord

from .fabricated import a_run, grid

FLOORS = {"torch_lstm": 3.0, "numpy_rnn": 4.0}


def sweep(**axes):
    return grid(axes, 3, lambda point: FLOORS[point["model"]] + 1 / (point["truncation"] or 100))


def search(number: int = 30):
    """Runs whose loss is decided by the learning rate and hardly by anything else; the worst were pruned."""
    draws, runs = random.Random(0), []
    for k in range(number):
        rate, dropout = 10 ** draws.uniform(-4, 0), draws.uniform(0, 0.5)
        floor = 3 + 0.7 * math.log10(rate / 0.01) ** 2
        parameters = {"optimizer.lr": rate, "dropout": dropout, "choice.model": draws.choice("ab")}
        runs.append(a_run(f"t{k:03d}", parameters, floor, "pruned" if floor > 5 else "completed"))
    return runs, ["optimizer.lr", "dropout", "model"]


def axes_of(figure):
    return figure.axes[0]


def legend_of(figure) -> list[str]:
    return [text.get_text() for text in (figure.legends or [axes_of(figure).get_legend()])[0].get_texts()]


def bests(runs, model, truncation):
    chosen = [r for r in runs if (r.parameters["choice.model"], r.parameters["truncation"]) == (model, str(truncation))]
    return [math.exp(min(run.metrics["valid/loss"].values())) for run in chosen]


def test_a_grid_of_two_axes_has_curves_both_axes_and_a_heat_map():
    runs = sweep(model=list(FLOORS), truncation=[1, 5, 35])
    assert set(draw(runs, ["model", "truncation", "seed"], "grid")) == {
        "curves",
        "by_model",
        "by_truncation",
        "heat_map",
    }


def test_a_numeric_axis_has_a_line_of_means_per_level_and_its_band():
    runs = sweep(model=list(FLOORS), truncation=[35, 1, 5])
    plot = axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["by_truncation"])
    lines = {line.get_label(): line for line in plot.lines if not line.get_label().startswith("_")}
    assert set(lines) == set(FLOORS)
    for model, line in lines.items():
        expected = [mean(bests(runs, model, truncation)).value for truncation in (1, 5, 35)]
        assert list(line.get_xdata()) == [1, 5, 35]
        assert list(line.get_ydata()) == pytest.approx(expected)
    band = plot.collections[0].get_paths()[0].vertices
    found = mean(bests(runs, "numpy_rnn", 1))
    at_one = band[band[:, 0] == 1][:, 1]
    assert (at_one.min(), at_one.max()) == pytest.approx(
        (found.value - found.half_width, found.value + found.half_width)
    )
    assert plot.get_xscale() == "log"  # 1 to 35
    assert [tick.get_text() for tick in plot.get_xticklabels()] == ["1", "5", "35"]


def test_an_axis_with_words_has_points_with_bars_side_by_side():
    runs = sweep(model=list(FLOORS), truncation=[1, None])
    plot = axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["by_truncation"])
    assert [tick.get_text() for tick in plot.get_xticklabels()] == ["1", "null"]
    assert [container.get_label() for container in plot.containers] == ["numpy_rnn", "torch_lstm"]
    places = [container.lines[0].get_xdata().tolist() for container in plot.containers]
    assert places[0] != places[1]
    assert np.ravel(places).round().tolist() == [0, 1, 0, 1]


def test_with_many_levels_on_the_other_axis_the_best_at_each_value_is_shown():
    runs = grid({"x": [1, 2, 3], "y": list(range(9))}, 2, lambda point: 3 + point["y"] + point["x"])
    plot = axes_of(draw(runs, ["x", "y", "seed"], "grid")["by_x"])
    (line,) = [line for line in plot.lines if not line.get_label().startswith("_")]
    assert line.get_label() == "the best at each value"
    assert list(line.get_ydata()) == sorted(line.get_ydata())
    assert line.get_ydata()[0] < math.exp(4.6)  # that of y=0


def test_the_heat_map_holds_the_means():
    runs = sweep(model=list(FLOORS), truncation=[1, 5, None])[:-3]  # the last point is not there
    plot = axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["heat_map"])
    heights = plot.images[0].get_array()
    assert heights.shape == (2, 3)
    assert heights[1, 0] == pytest.approx(mean(bests(runs, "torch_lstm", 1)).value)
    assert heights.mask.sum() == 1
    assert [text.get_text() for text in plot.get_yticklabels()] == ["numpy_rnn", "torch_lstm"]
    assert len(plot.texts) == 5


def test_curves_are_means_over_seeds_against_targets_on_a_logarithmic_scale():
    runs = sweep(model=list(FLOORS), truncation=[5])
    figure = draw(runs, ["model", "truncation", "seed"], "grid")["curves"]
    plot = axes_of(figure)
    assert legend_of(figure) == ["numpy_rnn", "torch_lstm"]  # the truncation is the same
    expected = np.mean([list(run.metrics["valid/perplexity"].values()) for run in runs[:3]], axis=0)
    line = next(line for line in plot.lines if line.get_label() == "torch_lstm")
    assert list(line.get_xdata()) == [1000, 2000, 3000, 4000, 5000, 6000]
    assert list(line.get_ydata()) == pytest.approx(list(expected))
    assert (plot.get_yscale(), plot.get_xlabel()) == ("log", "training targets seen")
    assert "perplexity" in plot.get_ylabel()


def with_epochs(runs, **options):
    """The runs as they are recorded with a number for each epoch."""
    for run in runs:
        run.metrics["train/epoch"] = {step: step // 1000 for step in run.metrics["train/loss"]}
        run.parameters |= {f"runner.{key}": value for key, value in options.items()}
    return runs


def test_curves_have_the_axes_that_the_runs_chose():
    def drawn(**options):
        runs = with_epochs(sweep(model=list(FLOORS), truncation=[5]), **options)
        return axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["curves"])

    plot = drawn()
    assert (plot.get_xlabel(), list(plot.lines[0].get_xdata())) == ("epoch", [1, 2, 3, 4, 5, 6])
    assert drawn(curve_x="targets").get_xlabel() == "training targets seen"
    assert [drawn(curve_scale=scale).get_yscale() for scale in ("linear", "log")] == ["linear", "log"]


def test_curves_of_labels_show_the_accuracy_and_those_of_numbers_the_squared_error():
    runs = sweep(model=list(FLOORS), truncation=[5])
    for task, label in (
        ("labels", "valid accuracy (share of targets)"),
        ("numbers", "valid squared error (per target)"),
    ):
        for run in runs:
            run.tags["dataset.task"] = task
        plot = axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["curves"])
        assert (plot.get_ylabel(), plot.get_yscale()) == (label, "linear")


def test_of_few_epochs_training_is_drawn_within_them(tmp_path):
    runs = with_epochs([a_run(f"r{k}", {"x": k}, 3.0, "diverged") for k in range(2)])  # of two epochs
    for run in runs:
        run.folder = tmp_path / run.name
        run.folder.mkdir()
        points = [("interval/perplexity", 100.0 + step, step) for step in (500, 1000, 1500, 2000)]
        lines = [{"key": key, "value": value, "step": step, "timestamp": 0} for key, value, step in points]
        (run.folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plot = axes_of(draw(runs, ["x"], "grid")["curves"])
    assert "within epochs" in plot.get_title()
    within = [line for line in plot.lines if len(line.get_xdata()) == 4]
    assert [list(line.get_xdata()) for line in within] == [[0.5, 1, 1.5, 2]] * 2
    assert list(within[0].get_ydata()) == [600, 1100, 1600, 2100]


def test_of_many_curves_the_best_are_named_and_the_others_grey():
    runs = grid({"x": list(range(12))}, 1, lambda point: 3 + point["x"])
    figure = draw(runs, ["x"], "grid")["curves"]
    assert legend_of(figure) == [str(x) for x in range(7)]
    assert "5 more in grey" in figure.legends[0].get_title().get_text()
    assert len(axes_of(figure).lines) == 12


def test_a_band_that_is_wider_than_everything_does_not_squeeze_the_means():
    runs = [a_run("a", {"x": 1, "seed": 0}, 3.0), a_run("b", {"x": 1, "seed": 1}, 3.5), a_run("c", {"x": 2}, 3.0)]
    plot = axes_of(draw(runs, ["x", "seed"], "grid")["by_x"])
    assert mean([20.0, 33.0]).half_width > 80  # of two seeds
    assert plot.get_ylim()[1] < 60


def test_a_search_shows_every_run_and_marks_what_was_stopped():
    runs, axes = search()
    figures = draw(runs, axes, "tpe")
    assert set(figures) == {"curves", "by_optimizer.lr", "by_dropout", "by_model", "importance"}
    plot = axes_of(figures["by_optimizer.lr"])
    completed, stopped = plot.lines
    assert (completed.get_marker(), stopped.get_marker()) == ("o", "x")
    assert len(stopped.get_xdata()) == sum(run.outcome == "pruned" for run in runs) > 0
    rates = {float(run.parameters["optimizer.lr"]) for run in runs}
    assert {*completed.get_xdata(), *stopped.get_xdata()} == rates
    scales = [axes_of(figures[f"by_{axis}"]).get_xscale() for axis in axes]
    assert scales == ["log", "linear", "linear"]


def test_the_axis_that_decides_is_the_important_one():
    runs, axes = search(60)
    shares = importance(runs, axes)
    assert next(iter(shares)) == "optimizer.lr"
    assert sum(shares.values()) == pytest.approx(1)
    bars = axes_of(draw(runs, axes, "random")["importance"]).patches
    assert [bar.get_width() for bar in bars] == list(shares.values())


def test_importance_is_left_out_with_too_few_runs_or_axes(caplog):
    runs, axes = search(12)
    caplog.set_level("INFO", logger="experiments")
    caplog.handler.setLevel("INFO")
    logger = __import__("logging").getLogger("experiments")
    logger.addHandler(caplog.handler)
    try:
        assert importance(runs[:9], axes) == {}
        assert importance(search()[0], ["optimizer.lr"]) == {}
    finally:
        logger.removeHandler(caplog.handler)
    assert "parameter importance needs 10 completed runs, there are" in caplog.text
    assert "needs two axes that vary, there are 1" in caplog.text


def nothing(name: str) -> RunRecord:
    return RunRecord(name, name, "FAILED", 0.0, {"x": "1"}, {"outcome": "failed"})


@pytest.mark.parametrize("how", ["grid", "random", None])
@pytest.mark.parametrize(
    ("runs", "drawn"),
    [
        ([nothing("a"), nothing("b")], set()),
        ([a_run("a", {"x": 1}, 3.0)], {"curves"}),
        ([a_run("a", {"x": 1}, 3.0, "diverged")], {"curves"}),
        ([a_run("a", {"x": 1}, 3.0), nothing("b"), a_run("c", {}, 3.0, "pruned")], {"curves"}),
    ],
)
def test_a_report_of_incomplete_runs_does_not_fail(runs, drawn, how):
    report = Report(runs, ["x", "seed"], how, "odd")
    assert {name.removesuffix(".png") for name in report.figures if not name.startswith("by_")} == drawn
    assert report.html().count("<img") == len(report.figures)
    assert report.screen()
    assert report.markdown()


def test_a_loss_of_zero_and_equal_values_can_be_drawn():
    flat = [RunRecord(f"r{k}", f"r{k}", parameters={"x": str(k)}, tags={"outcome": "completed"}) for k in (1, 2)]
    for run in flat:
        run.metrics["train/loss"] = {10: 0.0, 20: 0.0}
    assert set(Report(flat, ["x"], "grid", "flat").figures) == {"curves.png", "by_x.png"}
    assert axes_of(draw(flat, ["x"], "grid")["curves"]).get_yscale() == "linear"
