"""The numbers of a comparison against the same computed with pandas and scipy."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.comparison.columns import Layout
from experiments.comparison.grouping import NOT_COMPARED, differing
from experiments.comparison.rendering import Section, to_html, to_markdown
from experiments.comparison.report import Report
from experiments.comparison.screen import to_screen
from experiments.comparison.table import Table, compare
from experiments.config.errors import ConfigError
from experiments.config.recorded_form import NOT_IDENTITY
from experiments.tracking.record import RunRecord

from .fabricated import a_run, grid

FLOORS = {"torch_lstm": 3.0, "numpy_rnn": 4.0}


def sweep(seeds: int = 3):
    axes = {"model": ["torch_lstm", "numpy_rnn"], "truncation": [10, 1, None, 35, 5]}
    return grid(axes, seeds, lambda point: FLOORS[point["model"]] + 1 / (point["truncation"] or 100))


def independently(runs) -> pd.DataFrame:
    """The scores of completed runs, another way: one long table of all points, grouped by pandas."""
    rows = [
        {"run": run.name, "model": run.parameters["choice.model"], "truncation": run.parameters["truncation"]}
        | {"key": key, "step": step, "value": value}
        for run in runs
        if run.outcome == "completed"
        for key, points in run.metrics.items()
        for step, value in points.items()
    ]
    wide = pd.DataFrame(rows).pivot_table(index=["model", "truncation", "run", "step"], columns="key", values="value")
    at_best = wide.loc[wide.groupby("run")["valid/loss"].idxmin()]
    last = wide[wide["valid/loss"].notna()].groupby(["model", "truncation", "run"])["valid/perplexity"].last()
    by_point = at_best.groupby(["model", "truncation"])
    found = pd.DataFrame({"loss": by_point["valid/loss"].mean(), "perplexity": by_point["valid/perplexity"].mean()})
    found["last"] = last.groupby(["model", "truncation"]).mean()
    found["test"] = wide["test/perplexity"].dropna().groupby(["model", "truncation"]).mean()
    for name, key in (("loss ±", "valid/loss"), ("perplexity ±", "valid/perplexity")):
        found[name] = by_point[key].agg(half_width)
    return found


def half_width(values) -> float:
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    return (high - low) / 2


def test_the_numbers_are_those_of_pandas_and_scipy():
    runs = [*sweep(), a_run("bad", {"choice.model": "numpy_rnn", "truncation": 5, "seed": 3}, 1.0, "diverged")]
    table, other = compare(runs, ["model", "truncation", "seed"]).frame, independently(runs)
    assert len(table) == len(other) == 10
    names = {"loss": "valid/loss best", "loss ±": "valid/loss best ±", "perplexity": "valid/perplexity best"}
    names |= {"perplexity ±": "valid/perplexity best ±", "last": "valid/perplexity last", "test": "test/perplexity"}
    for _, row in table.iterrows():
        expected = other.loc[row["model"], str(row["truncation"]).replace("null", "None")]
        for theirs, ours in names.items():
            assert row[ours] == pytest.approx(expected[theirs], rel=1e-12), ours
    assert set(table["updates"]) == {300.0}
    assert set(table["targets_per_second"]) == {5025.0}
    assert (set(table["seconds"]), set(table["num_parameters"])) == ({12.5}, {54321.0})


def test_every_run_is_counted_and_only_completed_ones_are_measured():
    runs = sweep(1)[:1]
    more = [a_run(f"r{k}", runs[0].parameters | {"seed": k}, 0.0, end) for k, end in enumerate(["pruned", "failed"], 1)]
    table = compare([*runs, *more], ["model", "truncation", "seed"]).frame
    assert (table["runs"].item(), table["outcome"].item()) == (3, "1 completed, 1 failed, 1 pruned")
    assert table["valid/loss best"].item() == min(runs[0].metrics["valid/loss"].values())
    assert math.isnan(table["valid/loss best ±"].item())


def test_a_point_without_a_completed_run_has_costs_and_no_scores():
    table = compare([a_run("a", {"x": 1}, 3.0), a_run("b", {"x": 2}, 0.0, "pruned")], ["x"])
    assert table.frame.loc[1, ["valid/loss best", "valid/perplexity last", "test/perplexity"]].isna().all()
    assert (table.frame.loc[1, "updates"], table.frame.loc[1, "outcome"]) == (100.0, "1 pruned")
    assert table.best == 0


def test_the_same_seed_twice_is_no_second_replicate():
    first, again = a_run("a", {"seed": 0}, 3.0), a_run("b", {"seed": 0}, 3.0)
    newest = max((first, again), key=lambda run: run.started)
    table = compare([first, again], []).frame
    assert (table["runs"].item(), math.isnan(table["valid/loss best ±"].item())) == (2, True)
    assert table["valid/loss best"].item() == min(newest.metrics["valid/loss"].values())


def test_numbers_sort_as_numbers_and_before_words():
    assert list(compare(sweep(1), ["truncation", "seed"]).frame["truncation"]) == [1, 5, 10, 35, "null"]
    rates = [a_run(f"r{k}", {"lr": rate}, 3.0) for k, rate in enumerate(["1e-05", "10", "0.1", "9", "True"])]
    assert list(compare(rates, ["lr"]).frame["lr"]) == [1e-05, 0.1, 9, 10, "true"]


def test_labels_are_judged_by_accuracy_and_a_squared_error_by_its_loss():
    texts = a_run("a", {}, 3.0)
    labels = RunRecord(**(vars(texts) | {"metrics": texts.metrics | {"test/f1": {5000: 0.8}}}))
    assert "valid/accuracy best" in compare([labels], []).frame
    bare = {key: texts.metrics[key] for key in ("train/loss",)}
    table = compare([RunRecord(**(vars(texts) | {"metrics": bare}))], []).frame
    assert [column for column in table if "/" in column] == ["train/loss best", "train/loss best ±", "train/loss last"]


def test_without_a_score_there_is_a_table_of_counts():
    without_metrics = RunRecord("b", "b", "FAILED", tags={"outcome": "failed"})
    table = compare([a_run("a", {"x": 1}, 3.0, "failed"), without_metrics], [])
    assert (table.frame["runs"].item(), table.frame["outcome"].item(), table.best) == (2, "2 failed", None)
    assert "*" not in to_screen(table)
    with pytest.raises(ValueError, match="there are no runs to compare"):
        compare([], [])


def test_axes_are_the_options_that_differ_and_may_change_the_result():
    same = {"choice.model": "torch_lstm", "model.hidden_size": 8, "data._target_": "a", "seed": 0, "device": "cpu"}
    runs = [a_run("a", same, 3.0), a_run("b", same | {"seed": 1, "device": "cuda", "tracker.uri": "u"}, 3.0)]
    assert differing(runs) == []
    runs.append(a_run("c", same | {"truncation": 5, "runner.log_interval": 7, "choice.recipe": "x"}, 3.0))
    assert differing(runs) == ["truncation"]
    other = {"choice.model": "ngram", "model.order": 5, "model._target_": "b"}
    assert differing([runs[0], a_run("d", other, 3.0)])[0] == "model"
    assert "model.order" not in differing([runs[0], a_run("d", other, 3.0)])  # said by the model
    sizes = [*runs[:1], a_run("d", other, 3.0), a_run("e", same | {"model.hidden_size": 16}, 3.0)]
    assert "model.hidden_size" in differing(sizes)  # else two sizes would be one point


def test_options_outside_the_identity_are_not_compared_except_where_data_and_weights_come_from():
    compared = {key for key in NOT_IDENTITY if not key.startswith("runner.")} - set(NOT_COMPARED)
    reading = {"encoding", "line_ends", "vocabulary_file", "text_column", "label_column"}  # how a file becomes a text
    begins = {"checkpoint", "model.embedding_from", "model.layers_from"}
    assert compared == {"data.path", *begins} | {f"data.{option}" for option in reading}


def test_the_screen_marks_the_best_row_and_prints_equal_values_once():
    lines = to_screen(compare(sweep(), ["model", "truncation", "seed"])).splitlines()
    (best,) = [line for line in lines if line.startswith("*  ")]
    assert best.split()[1:3] == ["torch_lstm", "null"]
    assert "± " in best
    assert lines[-1] == (
        "in every row: runs 3; outcome 3 completed; updates 300; seconds 12.5; targets_per_second 5,025; "
        "num_parameters 54,321"
    )
    assert len({len(line) for line in lines[2:-2]}) == 1
    assert max(map(len, lines[:-2])) < 100


def test_a_half_width_has_two_digits_and_its_mean_as_many_decimals():
    table = pd.DataFrame({"runs": [1, 1, 1], "valid/loss best": [1234.567, 4.24449, 2.0]})
    table["valid/loss best ±"] = [241.3, 0.0661, math.nan]
    text = to_screen(Table(table, [], "valid/loss best", False, [[1.0, 2.0], [1.0], [1.0]], []))
    assert "1,235 ± 241" in text
    assert "4.244 ± 0.066" in text
    assert text.splitlines()[-3].endswith(" 2")


def diverging(scale: float):
    """Runs whose perplexities are so many times those of other runs, with losses to match."""
    runs = grid({"model": ["a", "b"], "truncation": [1, 5]}, 3, lambda _: 3.0)
    for run in runs:
        for key in ("valid/perplexity", "test/perplexity"):
            run.metrics[key] = {step: value * scale for step, value in run.metrics[key].items()}
    return runs


@pytest.mark.parametrize("scale", [1e154, 1e305])
def test_perplexities_of_diverging_runs_are_compared_in_few_digits(scale):
    means = compare(diverging(scale), ["model", "truncation"]).frame
    usual = compare(diverging(1.0), ["model", "truncation"]).frame
    for column in ("valid/perplexity best", "valid/perplexity best ±"):
        assert means[column].tolist() == pytest.approx((usual[column] * scale).tolist(), rel=1e-12)
    report = Report(diverging(scale), ["model", "truncation"], "grid", "diverging")
    assert max(map(len, report.screen().splitlines())) < 120
    assert "e+" in report.latex()
    assert len(report.figures) == 4
    assert report.html()


def test_markdown_and_html_show_the_best_row_and_escape_names():
    table = compare([a_run("a", {"x": "a|<b>"}, 3.0), a_run("b", {"x": "c"}, 4.0)], ["x"])
    rows = to_markdown(table).splitlines()
    assert "**a\\|<b>**" in rows[2]
    assert "**" not in rows[3]
    page = to_html("<title>", {"data": "<d>"}, {"a": "<o>"}, [Section("", table, "", {})])
    assert "<dd>&lt;d&gt;</dd>" in page
    assert "<code>a=&lt;o&gt;</code>" in page
    assert '<tr class="best"><td data-value="a|&lt;b&gt;">a|&lt;b&gt;</td>' in page
    assert "&lt;title&gt;" in page
    assert f'data-value="{float(table.frame["valid/loss best"][1])!r}"' in page  # sorts by every digit


def axis_of(names, table):
    return [str(name) for name in names if "±" not in str(name) and name not in table.axes]


def test_columns_are_chosen_added_and_refused():
    runs = [a_run(f"r{k}", {"x": k // 2, "seed": k, "note": "ab"[k % 2]}, 3.0, host="here") for k in range(4)]
    usual = compare(runs, ["x", "seed"])
    added = compare(runs, ["x", "seed"], Layout(("+train/loss", "+host", "+note", "+params.seed")))
    assert axis_of(added.frame, added) == [*axis_of(usual.frame, usual), "train/loss", "host", "note", "params.seed"]
    assert list(added.frame["host"]) == ["here"] * 2
    assert list(added.frame["note"]) == ["a, b"] * 2
    last = [list(run.metrics["train/loss"].values())[-1] for run in runs[:2]]
    assert added.frame.loc[0, "train/loss"] == pytest.approx(np.mean(last), rel=1e-12)
    assert added.frame.loc[0, "train/loss ±"] == pytest.approx(half_width(last), rel=1e-9)
    chosen = compare(runs, ["x", "seed"], Layout(("valid/perplexity", "tags.host")))
    assert axis_of(chosen.frame, chosen) == ["valid/perplexity best", "tags.host", "valid/loss best"]
    assert "here" in to_screen(chosen)  # though it is the same in every row
    with pytest.raises(ConfigError, match="there is no column valid/perplexty; did you mean valid/perplexity"):
        compare(runs, ["x", "seed"], Layout(("valid/perplexty",)))


@pytest.mark.parametrize("asked", [{"columns": ("+trunction",)}, {"sort": "trunction"}])
def test_a_column_that_is_not_there_is_refused_with_the_option_that_names_it(asked):
    (option,) = asked
    with pytest.raises(ConfigError, match=rf"^runner\.{option}: .*trunction.*truncation"):
        compare(sweep(), ["model", "truncation"], Layout(**asked))


def test_a_metric_decides_and_its_direction_is_known():
    runs = [a_run(f"r{k}", {"x": k}, 3.0 + k) for k in range(3)]
    runs[2].metrics["test/perplexity"] = {5000: 0.5}
    assert compare(runs, ["x"]).best == 0
    assert compare(runs, ["x"], Layout(metric="test/perplexity")).best == 2
    accuracies = compare(runs, ["x"], Layout(metric="valid/accuracy"))
    assert accuracies.best == int(np.argmax(accuracies.frame["valid/accuracy best"]))
    assert "* highest valid/accuracy best" in to_screen(accuracies)
    for name in ("precision", "recall", "auc", "macro_f1"):  # what a network for labels is tested by
        for run, value in zip(runs, (0.5, 0.75, 0.25)):
            run.metrics[f"test/{name}"] = {5000: value}
        assert compare(runs, ["x"], Layout(metric=f"test/{name}")).best == 1
    with pytest.raises(ConfigError, match=r"runner.metric: there is no metric test/perplexit; did you mean test/perpl"):
        compare(runs, ["x"], Layout(metric="test/perplexit"))


def test_rows_are_sorted_by_a_column_and_the_best_ones_chosen():
    runs = [a_run(f"r{k}", {"x": k}, 3.0 + (k * 3) % 5) for k in range(5)]  # floors 3, 6, 4, 7, 5
    runs.append(a_run("lost", {"x": 5}, 0.0, "diverged"))  # without a score

    def shown(**layout):
        return list(compare(runs, ["x"], Layout(**layout)).frame["x"])

    assert shown() == [0, 1, 2, 3, 4, 5]
    assert shown(sort="valid/perplexity") == [0, 2, 4, 1, 3, 5]
    assert shown(sort="-valid/loss") == [3, 1, 4, 2, 0, 5]
    assert shown(top=3) == [0, 2, 4]
    assert shown(top=3, sort="-x") == [4, 2, 0]
    table = compare(runs, ["x"], Layout(top=2, sort="-x"))
    assert [len(scores) for scores in table.scores] == [1, 1]
    assert table.best == 1


def test_named_runs_have_a_row_each_with_what_a_stopped_one_reached():
    runs = [a_run("b", {"x": 1, "seed": 0}, 3.0), a_run("a", {"x": 1, "seed": 1}, 3.0, "diverged")]
    table = compare(runs, None, Layout(one_by_one=True))
    assert table.axes == ["run", "seed"]
    assert list(table.frame["run"]) == ["b", "a"]  # as they were named
    assert table.frame["valid/loss best"].notna().all()


def test_the_screen_is_as_wide_as_it_may_be_and_names_what_does_not_fit():
    table = compare(sweep(), ["model", "truncation", "seed"])
    text = to_screen(table, 60)
    rows = text.splitlines()
    assert max(map(len, rows[:-3])) < 60
    assert "not shown, as the terminal is too narrow: " in rows[-2]
    assert "runner.width=0 shows all columns" in rows[-2]
    assert "test perplexity" not in text
    assert "valid/perplexity last" in rows[-2]
    assert to_screen(table, 1000) == to_screen(table)
    assert "valid" in to_screen(table, 1).splitlines()[0]  # what decides stays
