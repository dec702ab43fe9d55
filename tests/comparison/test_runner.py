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


@pytest.mark.usefixtures("sweep")
def test_png_writes_every_figure(command, tmp_path):
    printed = command(*HERE, "runner.to=png", "runner.output=figures").out.split()
    names = ["curves", "by_truncation", "by_model.hidden_size", "heat_map"]
    assert printed == [f"figures/{name}.png" for name in names]
    assert all((tmp_path / path).read_bytes().startswith(PNG) for path in printed)
    assert all((tmp_path / path).stat().st_size > 5000 for path in printed)


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
