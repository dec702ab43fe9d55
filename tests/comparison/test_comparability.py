"""When a comparison says that perplexities cannot be compared."""

import io

import pandas as pd
import pytest

from experiments.comparison.comparability import note
from experiments.comparison.report import Report
from experiments.comparison.table import compare

from .fabricated import a_run


def a_text_run(name, types=10, vocabulary="aa", share=0.1, **parameters):
    tags = {"dataset.types": types, "dataset.vocabulary": vocabulary, "dataset.test.unknown_share": share}
    return a_run(name, parameters, 3.0, **{key: str(value) for key, value in tags.items()})


@pytest.mark.parametrize(
    ("other", "differences"),
    [
        ({}, None),
        ({"types": 1200, "vocabulary": "bb"}, "vocabulary (10 and 1,200 types)"),
        ({"vocabulary": "bb"}, "vocabulary (10 types)"),
        ({"share": 0.237}, "share of unknown (10.00% and 23.70% of test)"),
    ],
)
def test_rows_that_differ_are_told_apart_by_vocabulary_and_share(other, differences):
    found = note([a_text_run("a", x=1), a_text_run("b", x=2, **other)])
    assert found is None if differences is None else f"differ in {differences}, so" in found


def test_bits_per_character_are_recommended_with_what_limits_them():
    assert "favours" in note([a_text_run("a"), a_text_run("b", share=0.2)])
    closed = note([a_text_run("a", share=0.0), a_text_run("b", vocabulary="bb", share=0.0)])
    assert closed.endswith("test/bits_per_character can, where the text is the same")


def test_labels_and_runs_that_recorded_nothing_are_not_warned_about():
    labelled = [a_text_run("a"), a_text_run("b", vocabulary="bb")]
    for run in labelled:
        run.metrics["test/f1"] = {5000: 0.8}
    assert note(labelled) is None
    assert note([a_run("a", {}, 3.0), a_text_run("b")]) is None


def test_columns_of_texts_are_there_only_where_runs_recorded_them():
    old, new = compare([a_run("a", {"x": 1}, 3.0)], ["x"]).frame, compare([a_text_run("b", x=1)], ["x"]).frame
    assert not {"vocabulary_size", "test/unknown_share", "test/bits_per_character"} & set(old)
    assert (new["vocabulary_size"].item(), new["test/unknown_share"].item()) == (10.0, 0.1)


def test_every_form_for_people_has_the_sentence():
    report = Report([a_text_run("a", x=1), a_text_run("b", x=2, share=0.2)], ["x"], None, "two")
    assert report.screen().splitlines()[-1] == f"warning: {report.note}"
    assert report.markdown().splitlines()[-1] == f"Warning: {report.note}."
    assert f"<strong>Warning: {report.note}.</strong>" in report.html()
    assert f"% warning: {report.note}" in report.latex()
    same = Report([a_text_run("a", x=1), a_text_run("b", x=2)], ["x"], None, "two")
    assert "arning" not in same.html() + same.latex() + same.screen() + same.markdown()


def a_labelled_run(name, **parameters):
    return a_run(name, parameters, 0.5, **{"dataset.task": "labels"})


def test_labels_and_language_models_are_never_ranked_together():
    runs = [a_text_run("a", x=1), a_text_run("b", x=2), a_labelled_run("c", x=1), a_labelled_run("d", x=2)]
    report = Report(runs, ["x"], None, "both")
    assert [(part.task, len(part.table.frame)) for part in report.parts] == [("symbols", 2), ("labels", 2)]
    assert report.note == "language models and labels are never ranked together: each has a table of its own"
    screen = report.screen()
    assert screen.count("* lowest valid/loss best") == 2
    assert "language models\n" in screen
    assert "labels\n" in screen
    table = pd.read_csv(io.StringIO(report.csv()))
    assert list(table["task"]) == ["symbols"] * 2 + ["labels"] * 2
    assert table["valid/perplexity best"].notna().tolist() == [True, True, False, False]
    assert report.html().count("<table>") == 2
    assert report.latex().count(r"\begin{tabular}") == 2
    assert {name.partition("-")[0] for name in report.figures} == {"symbols", "labels"}
