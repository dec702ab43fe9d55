"""What the figures of a comparison show."""

import io
import itertools
import json
import math
import random

import numpy as np
import pytest

from experiments.comparison.columns import Layout
from experiments.comparison.figures import draw
from experiments.comparison.importance import importance
from experiments.comparison.measures import mean
from experiments.comparison.report import Report
from experiments.config.figure import places_of
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


def test_a_numeric_axis_has_a_line_of_means_per_level_and_bars_of_their_intervals():
    runs = sweep(model=list(FLOORS), truncation=[35, 1, 5])
    plot = axes_of(draw(runs, ["model", "truncation", "seed"], "grid")["by_truncation"])
    lines = {line.get_label(): line for line in plot.lines if not line.get_label().startswith("_")}
    assert set(lines) == set(FLOORS)
    for model, line in lines.items():
        expected = [mean(bests(runs, model, truncation)).value for truncation in (1, 5, 35)]
        assert list(line.get_xdata()) == pytest.approx([1, 5, 35], rel=0.05)  # series stand side by side
        assert list(line.get_ydata()) == pytest.approx(expected)
    found = mean(bests(runs, "numpy_rnn", 1))
    bar = plot.collections[0].get_segments()[0][:, 1]
    assert list(bar) == pytest.approx([found.value - found.half_width, found.value + found.half_width])
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


def test_curves_over_seconds_have_the_seconds_that_the_epochs_took():
    runs = with_epochs(sweep(model=["torch_lstm"], truncation=[5]), curve_x="targets")
    for rate, run in zip((100.0, 200.0, 400.0), runs, strict=True):  # an epoch of 1,000 targets takes 10, 5, 2.5 s
        ends = run.metrics["train/epoch"]
        run.metrics["train/targets_per_second"] = {step: rate * (1 + (step > 1000)) for step in ends}
    plot = axes_of(draw(runs, ["model", "seed"], "grid", Layout(curve_x="seconds"))["curves"])
    assert plot.get_xlabel() == "seconds of training"
    first, later = np.mean([10, 5, 2.5]), np.mean([5, 2.5, 1.25])
    assert list(plot.lines[0].get_xdata()) == pytest.approx([first + k * later for k in range(6)])
    assert places_of([500, 1000, 7000], "seconds", runs[0].metrics) == pytest.approx([5, 10, 40])
    del runs[0].metrics["train/targets_per_second"]  # as an n-gram model has none
    plot = axes_of(draw(runs, ["model", "seed"], "grid", Layout(curve_x="seconds"))["curves"])
    assert plot.get_xlabel() == "training targets seen"


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


def test_runs_of_a_store_have_no_journal_not_even_one_that_lies_here(tmp_path, monkeypatch):
    point = {"key": "interval/perplexity", "value": 100.0, "step": 500, "timestamp": 0}
    (tmp_path / "journal.jsonl").write_text(json.dumps(point) + "\n")
    monkeypatch.chdir(tmp_path)
    plot = axes_of(
        draw(with_epochs([a_run(f"r{k}", {"x": k}, 3.0, "diverged") for k in range(2)]), ["x"], "grid")["curves"]
    )
    assert "within epochs" not in plot.get_title()


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


def by_x(seeds, values=(1, 2, 3), floor=lambda _: 3.0, **axes):
    runs = grid({"x": list(values), **axes}, seeds, floor)
    return runs, draw(runs, ["x", *axes, "seed"], "grid")["by_x"]


@pytest.mark.parametrize(
    ("seeds", "title"),
    [
        (1, "valid perplexity against x, one seed"),
        (2, "valid perplexity against x, 2 seeds: each run, mean and range"),
        (3, "valid perplexity against x, 3 seeds: mean and 95 % interval"),
        (10, "valid perplexity against x, 10 seeds: mean and 95 % interval"),
    ],
)
def test_an_interval_is_drawn_from_three_seeds_on_and_of_two_their_range(seeds, title):
    runs, figure = by_x(seeds)
    plot = axes_of(figure)
    assert plot.get_title() == title
    bars = [segment[:, 1] for bar in plot.collections if hasattr(bar, "get_segments") for segment in bar.get_segments()]
    bars = [bar for bar in bars if np.isfinite(bar).all()]
    scores = [math.exp(min(run.metrics["valid/loss"].values())) for run in runs[:seeds]]  # those of x=1
    found = mean(scores)
    expected = {1: [], 2: [min(scores), max(scores)]}.get(
        seeds, [found.value - found.half_width, found.value + found.half_width]
    )
    assert len(bars) == (0 if seeds == 1 else 3)
    assert not bars or any(list(bar) == pytest.approx(expected) for bar in bars)
    curves = draw(runs, ["x", "seed"], "grid")["curves"]
    assert len(axes_of(curves).collections) == (3 if seeds >= 3 else 0)  # bands


def test_what_is_drawn_of_an_accuracy_stays_between_0_and_1():
    runs = grid({"x": [1, 2]}, 3, lambda _: 3.0)
    for k, run in enumerate(runs):
        run.tags["dataset.task"] = "labels"
        run.metrics["valid/accuracy"] = dict.fromkeys(run.metrics["valid/loss"], (0.3, 0.6, 1.0)[k % 3])
    assert mean([0.3, 0.6, 1.0]).half_width > 0.8
    plot = axes_of(draw(runs, ["x", "seed"], "grid")["by_x"])
    ends = [end for bar in plot.collections for segment in bar.get_segments() for end in segment[:, 1]]
    assert (min(ends), max(ends)) == (0.0, 1.0)
    low, high = plot.get_ylim()
    assert 0.1 < low < 0.3
    assert 1.0 < high < 1.05
    assert "valid accuracy" in plot.get_ylabel()


def test_lines_over_each_other_are_dashed_and_lines_apart_are_not():
    equal = grid({"x": [1, 2, 3], "model": ["a", "b"]}, 1, lambda _: 3.0)
    for run in equal:
        run.metrics["valid/perplexity"] = dict.fromkeys(run.metrics["valid/loss"], 5.0 + float(run.parameters["x"]))
    apart = grid({"x": [1, 2, 3], "model": ["a", "b"]}, 1, lambda point: 3.0 + (point["model"] == "b"))

    def styles(runs):
        plot = axes_of(draw(runs, ["x", "model", "seed"], "grid")["by_x"])
        return [line.get_linestyle() for line in plot.lines if not line.get_label().startswith("_")]

    assert styles(equal) == ["-", "--"]
    assert styles(apart) == ["-", "-"]


def test_axes_that_go_along_with_another_one_are_named_with_it():
    runs = grid({"optimizer.lr": [20, 0.003], "truncation": [5, 35]}, 3, lambda point: 3 + 1 / point["truncation"])
    for run in runs:
        run.parameters["choice.optimizer"] = "sgd" if run.parameters["optimizer.lr"] == "20" else "adam"
    figures = draw(runs, ["optimizer", "optimizer.lr", "truncation", "seed"], "grid")
    assert set(figures) == {"curves", "by_optimizer", "by_truncation", "heat_map"}
    plot = axes_of(figures["by_optimizer"])
    assert plot.get_xlabel() == "optimizer (optimizer.lr)"
    assert [tick.get_text() for tick in plot.get_xticklabels()] == ["adam (0.003)", "sgd (20)"]
    assert legend_of(figures["by_truncation"]) == ["adam (0.003)", "sgd (20)"]
    sizes = grid({"hidden": [25, 50, 100]}, 3, lambda point: 3 + 1 / point["hidden"])
    for run in sizes:
        run.parameters["embedding"] = run.parameters["hidden"]
    plot = axes_of(draw(sizes, ["hidden", "embedding", "seed"], "grid")["by_hidden"])
    assert plot.get_xlabel() == "hidden (embedding)"
    assert [tick.get_text() for tick in plot.get_xticklabels()] == ["25", "50", "100"]


def test_a_third_axis_with_few_values_has_panels():
    axes = {"delay": [10, 20, 40, 80], "model": ["a", "b", "c"], "truncation": [10, None]}
    runs = grid(axes, 3, lambda point: 3 + 1 / point["delay"])
    figure = draw(runs, [*axes, "seed"], "grid")["by_delay"]
    assert [plot.get_title() for plot in figure.axes] == ["truncation=10", "truncation=null"]
    assert legend_of(figure) == ["a", "b", "c"]


def test_every_figure_of_a_metric_that_spans_decades_is_logarithmic():
    axes = {"x": [1, 2, 3], "y": ["a", "b"]}
    runs = grid(axes, 3, lambda point: 2 * point["x"])
    figures = draw(runs, [*axes, "seed"], "grid")
    for name in ("curves", "by_x", "by_y"):
        assert axes_of(figures[name]).get_yscale() == "log", name
        assert "(log scale)" in axes_of(figures[name]).get_ylabel()
    assert type(axes_of(figures["heat_map"]).images[0].norm).__name__ == "LogNorm"
    assert axes_of(draw(runs, [*axes, "seed"], "random")["by_x"]).get_yscale() == "log"


def test_labels_of_values_are_left_out_where_they_would_touch():
    _, figure = by_x(1, values=(1, 2, 3, 100, 200), floor=lambda _: 3.0)
    assert axes_of(figure).get_xscale() == "log"
    _, figure = by_x(1, values=(10, 10.5, 11, 60, 100))
    labels = [tick.get_text() for tick in axes_of(figure).get_xticklabels()]
    assert labels == ["10", "60", "100"]


def test_values_of_a_search_have_ticks_that_do_not_touch():
    figure = draw(*search(60), "tpe")["by_optimizer.lr"]
    figure.savefig(io.BytesIO())
    boxes = [tick.get_window_extent() for tick in axes_of(figure).get_xticklabels() if tick.get_text()]
    low, high = axes_of(figure).get_window_extent().intervalx
    boxes = sorted((box.x0, box.x1) for box in boxes if low <= (box.x0 + box.x1) / 2 <= high)
    assert len(boxes) > 2
    assert all(right < left for (_, right), (left, _) in itertools.pairwise(boxes))


def test_no_legend_covers_data():
    runs, _ = by_x(3, y=["a", "b"])
    for how in ("grid", "random"):
        for name, figure in draw(runs, ["x", "y", "seed"], how).items():
            assert all(plot.get_legend() is None for plot in figure.axes), name


def test_figures_of_another_metric_and_of_single_runs():
    runs = sweep(model=list(FLOORS), truncation=[5, 35])
    figures = draw(runs, ["model", "truncation", "seed"], "grid", Layout(metric="test/loss"))
    assert axes_of(figures["by_model"]).get_ylabel() == "best test loss (per target)"
    assert "valid perplexity by training targets" in axes_of(figures["curves"]).get_title()
    single = draw(runs[:2], None, None, Layout(one_by_one=True))
    assert set(single) == {"curves", "by_run"}
    assert legend_of(single["curves"]) == [run.name for run in runs[:2]]
