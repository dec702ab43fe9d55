"""`experiments runner=compare` in all its forms, on sweeps in run folders and on trained runs."""

import base64
import io
import re

import pandas as pd
import pytest
from mlflow import MlflowClient

from experiments.comparison.report import Report, write_report
from experiments.comparison.table import compare

from .fabricated import a_sweep, grid, journal

AXES = ["truncation", "model.hidden_size", "seed"]
HERE = ("runner=compare", "tracker=memory")
PNG = b"\x89PNG\r\n"


def runs():
    return grid({"truncation": [1, 5], "model.hidden_size": [8, 16]}, 2, lambda point: 3 + 1 / point["truncation"])


@pytest.fixture
def sweep(tmp_path):
    """A sweep among the run folders of the folder where `command` runs; its runs."""
    parent, children = a_sweep("sweep-1", AXES, runs())
    for run in (parent, *children):
        journal(tmp_path / "runs", run)
    return children


def test_the_screen_shows_the_latest_sweep(command, sweep):
    outcome = command(*HERE)
    assert outcome.code == 0, outcome.error
    lines = outcome.out.splitlines()
    assert lines[0] == "sweep sweep-1"
    rows = [line.lstrip("* ").split()[:2] for line in lines if re.match(r"[* ] +\d", line)]
    assert rows == [["1", "8"], ["1", "16"], ["5", "8"], ["5", "16"]]
    assert command(*HERE, "runner.runs=sweep-1").out == outcome.out
    assert len(sweep) == 8


def test_csv_is_the_table_to_every_digit_and_nothing_else(command, sweep, tmp_path):
    printed = command(*HERE, "runner.to=csv").out
    table = pd.read_csv(io.StringIO(printed))
    pd.testing.assert_frame_equal(table, compare(sweep, AXES).frame, check_dtype=False, check_exact=True)
    assert command(*HERE, "runner.to=csv", "runner.output=table.csv").out == "table.csv\n"
    assert (tmp_path / "table.csv").read_text() == printed


@pytest.mark.usefixtures("sweep")
def test_markdown_is_a_table_and_nothing_else(command):
    lines = command(*HERE, "runner.to=markdown").out.splitlines()
    assert all(line.startswith("|") and line.endswith("|") for line in lines[:6])
    assert lines[6] == ""
    assert lines[7].startswith("In every row: runs 2; outcome 2 completed; updates 300; ")
    assert len(lines) == 8


@pytest.mark.all_files
@pytest.mark.usefixtures("sweep")
def test_html_is_one_page_with_the_pictures_in_it(command, tmp_path):
    assert command(*HERE, "runner.to=html").out == "comparison-sweep-1.html\n"
    page = (tmp_path / "comparison-sweep-1.html").read_text()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 4
    assert all(base64.b64decode(picture).startswith(PNG) for picture in pictures)
    assert "http" not in page
    assert page.count("<tr") == 5
    assert page.count('class="best"') == 1
    assert "addEventListener" in page


@pytest.mark.all_files
@pytest.mark.usefixtures("sweep")
def test_png_writes_every_figure(command, tmp_path):
    printed = command(*HERE, "runner.to=png", "runner.output=figures").out.split()
    names = ["curves", "by_truncation", "by_model.hidden_size", "heat_map"]
    assert printed == [f"figures/{name}.png" for name in names]
    assert all((tmp_path / path).read_bytes().startswith(PNG) for path in printed)
    assert all((tmp_path / path).stat().st_size > 5000 for path in printed)


def test_runs_are_compared_by_name_and_the_latest_ones(command, sweep):
    names = [sweep[3].name, sweep[0].name]
    out = command(*HERE, f"runner.runs=[{','.join(names)}]").out
    assert out.startswith(f"2 runs with {', '.join(names)}\n")
    starts = [line.lstrip("* ").split()[0] for line in out.splitlines()]
    assert [start for start in starts if start.startswith("run-")] == names
    table = pd.read_csv(io.StringIO(command(*HERE, "runner.runs=latest:3", "runner.to=csv").out))
    newest = sorted(sweep, key=lambda run: run.started)[-3:]
    assert list(table["run"]) == [run.name for run in newest]
    together = command(*HERE, "runner.runs=latest:3", "runner.rows=seeds", "runner.to=csv").out
    assert "run" not in pd.read_csv(io.StringIO(together))
    assert "there is no sweep or run 'run-9' in" in command(*HERE, "runner.runs=[run-0-0,run-9]").error


@pytest.mark.usefixtures("sweep")
def test_columns_rows_and_their_order_are_typed(command):
    how = ("runner.columns=[+train/loss,+seed]", "runner.metric=test/perplexity", "runner.sort=-model.hidden_size")
    table = pd.read_csv(io.StringIO(command(*HERE, *how, "runner.top=3", "runner.to=csv").out))
    assert table["model.hidden_size"].iloc[0] == 16
    assert len(table) == 3
    assert {"train/loss", "train/loss ±", "seed"} <= set(table)
    assert list(table["seed"]) == ["0, 1"] * 3
    assert "* lowest test/perplexity" in command(*HERE, *how).out
    assert "did you mean truncation?" in command(*HERE, "runner.columns=trunction").error
    assert "runner.metric: there is no metric" in command(*HERE, "runner.metric=valid/loss_").error


@pytest.mark.usefixtures("sweep")
def test_the_width_is_that_of_the_terminal_or_what_is_typed(command, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = command(*HERE).out
    assert "not shown" not in whole
    assert "not shown, as the terminal is too narrow" in command(*HERE, "runner.width=60").out
    monkeypatch.setenv("COLUMNS", "60")
    assert command(*HERE).out == command(*HERE, "runner.width=60").out
    assert command(*HERE, "runner.width=0").out == whole


def test_the_head_says_data_options_command_and_code(command, tmp_path):
    known = {"command": "experiments sweeps=x", "git_commit": "a" * 40, "dataset_fingerprint": "12ab"}
    parent, children = a_sweep("sweep-2", AXES, runs())
    parent.tags["command"] = "experiments sweeps=x"
    for run in children:
        run.tags |= known
        run.parameters |= {"choice.data": "ptb", "epochs": "3", "optimizer.lr": "0.5"}
    for run in (parent, *children):
        journal(tmp_path / "runs", run)
    lines = command(*HERE).out.splitlines()
    assert lines[1] == "data      ptb (the same in all runs, fingerprint 12ab)"
    assert lines[2] == "fixed     data=ptb epochs=3"
    assert lines[3] == "command   experiments sweeps=x"
    assert lines[4] == "code      commit aaaaaaaaaaaa"
    assert command(*HERE, "runner.to=html").code == 0
    assert "<code>optimizer.lr=0.5</code>" in (tmp_path / "comparison-sweep-2.html").read_text()


@pytest.mark.usefixtures("sweep")
def test_figures_are_written_as_pdf_and_svg_and_the_table_as_latex(command, tmp_path):
    for form, beginning in (("pdf", b"%PDF"), ("svg", b"<?xml")):
        printed = command(*HERE, f"runner.to={form}").out.split()
        assert f"comparison-sweep-1/by_truncation.{form}" in printed
        contents = [(tmp_path / path).read_bytes() for path in printed]
        assert all(content.startswith(beginning) for content in contents)
    latex = command(*HERE, "runner.to=latex").out
    assert r"\begin{tabular}" in latex
    assert command(*HERE, "runner.to=latex", "runner.output=t.tex").out == "t.tex\n"
    assert (tmp_path / "t.tex").read_text() == latex


def test_mistakes_are_one_sentence(command, tmp_path):
    assert "there is no sweep in" in command(*HERE).error
    assert "only an MLflow store can apply the filter" in command(*HERE, "runner.runs='a = b'").error
    assert "runner.to" in command(*HERE, "runner.to=docx").error
    journal(tmp_path / "runs", a_sweep("empty", AXES, [])[0])
    assert "the sweep empty has no runs yet" in command(*HERE).error
    parent, children = a_sweep("failed", AXES, [])[0], runs()[:1]
    failed = [type(run)(**(vars(run) | {"metrics": {}, "tags": {"sweep": "failed"}})) for run in children]
    for run in (type(parent)(**(vars(parent) | {"started": 99.0})), *failed):
        journal(tmp_path / "runs", run)
    assert "there are no figures to write" in command(*HERE, "runner.to=png").error


def test_a_report_is_written_in_every_form_and_leaves_no_temporary_file(tmp_path):
    paths = write_report(Report(runs(), AXES, "grid", "a title"), tmp_path)
    names = ["comparison.csv", "comparison.md", "comparison.html", "curves.png", "by_truncation.png"]
    assert [path.name for path in paths] == [*names, "by_model.hidden_size.png", "heat_map.png"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert "<h1>a title</h1>" in (tmp_path / "comparison.html").read_text()


def test_trained_runs_are_compared_by_a_filter(command, store):
    for truncation in (5, 10):
        for seed in (0, 1):
            tiny = ("epochs=3", "model.hidden_size=8", f"truncation={truncation}", f"seed={seed}")
            assert command(*tiny, f"tracker.uri={store}").code == 0
    outcome = command("runner=compare", f"tracker.uri={store}", "runner.to=csv", "runner.runs=\"params.epochs = '3'\"")
    assert outcome.code == 0, outcome.error
    table = pd.read_csv(io.StringIO(outcome.out)).set_index("truncation")
    client = MlflowClient(store)
    stored = client.search_runs([e.experiment_id for e in client.search_experiments()])
    for truncation, row in table.iterrows():
        mine = [run for run in stored if run.data.params["truncation"] == str(truncation)]
        lowest = [min(p.value for p in client.get_metric_history(run.info.run_id, "train/loss")) for run in mine]
        assert row["runs"] == len(lowest) == 2
        assert row["train/loss best"] == pytest.approx(sum(lowest) / 2, rel=1e-12)
        width = 12.706204736 * abs(lowest[0] - lowest[1]) / 2  # Student's t of one degree of freedom, sd/sqrt(2)
        assert row["train/loss best ±"] == pytest.approx(width, rel=1e-8)
    assert list(table.index) == [5, 10]
