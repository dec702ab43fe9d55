"""runner=reproduce: recipes against the numbers that they say were published."""

import json
import math

import pytest

from experiments.comparison.reproduction import from_json, rows_of, to_json, to_text
from experiments.config.errors import ConfigError
from experiments.config.published import Claim, Published
from experiments.runners import reproduce
from experiments.runners.reproduce import fill, keep, passed_on, published_recipes
from experiments.tracking.record import RunRecord

STATED = {
    "source": "a book",
    "tier": "ci",
    "minutes": 1,
    "seeds": 2,
    "claims": [{"metric": "test/perplexity", "goal": "lower", "published": 100.0, "tolerance": 2.0}],
}


def run(seed, *values, outcome="completed", metric="test/perplexity"):
    points = dict(enumerate(values))
    tags = {"outcome": outcome, "seconds": "60", "git_commit": "abcdef0123", "threads": "2", "device": "cpu"}
    return RunRecord(f"run{seed}", f"run{seed}", "FINISHED", 1e9, {"seed": str(seed)}, tags, {metric: points})


@pytest.mark.parametrize(
    ("goal", "mean", "holds"),
    [
        ("lower", 101.9, True),
        ("lower", 102.1, False),
        ("lower", 50.0, True),
        ("higher", 98.1, True),
        ("higher", 97.9, False),
        ("higher", 150.0, True),
        ("equal", 98.1, True),
        ("equal", 97.9, False),
        ("equal", 102.1, False),
        ("lower", math.nan, False),
    ],
)
def test_a_claim_holds_within_its_tolerance(goal, mean, holds):
    assert Claim(metric="test/perplexity", goal=goal, published=100.0, tolerance=2.0).holds(mean) is holds


def test_without_a_published_number_ours_of_before_is_the_reference():
    assert Claim(metric="test/accuracy", goal="higher", expected=0.9, tolerance=0.01).reference == 0.9
    with pytest.raises(ValueError, match="needs a number"):
        Claim(metric="test/accuracy", goal="higher", tolerance=0.01)


@pytest.mark.parametrize(("of", "value"), [("last", 3.0), ("first", 4.0), ("lowest", 1.0), ("highest", 5.0)])
def test_a_claim_says_which_value_of_a_run_it_means(of, value):
    claim = Claim(metric="test/perplexity", of=of, goal="lower", published=1.0, tolerance=0.0)
    assert claim.value([4.0, 1.0, 5.0, 3.0]) == value


@pytest.mark.parametrize(
    ("runs", "result", "ours"),
    [
        ([], "not yet run", ""),
        ([run(0, 99.0)], "1 of 2 seeds", "99"),
        ([run(0, 99.0), run(1, 103.0)], "PASS", "101.00 ± 2.828"),
        ([run(0, 99.0), run(1, 107.0)], "FAIL", "103.00 ± 5.657"),
        ([run(0, 99.0), run(1, 9.0, outcome="interrupted")], "1 of 2 seeds", "99"),
        ([run(0, 99.0), run(0, 99.0)], "1 of 2 seeds", "99"),
        ([run(0, 99.0), run(1, 101.0), run(2, 1.0)], "PASS", "100.00 ± 1.414"),
        ([run(0, 99.0), run(1, metric="test/loss")], "1 of 2 seeds", "99"),
    ],
)
def test_a_row_says_how_far_it_was_measured(runs, result, ours):
    (row,) = rows_of("book", Published.of(STATED), runs)
    assert (row.result, row.ours) == (result, ours)


def test_rows_are_kept_with_every_digit_and_replaced_by_recipe(tmp_path):
    path, published = tmp_path / "results.json", Published.of(STATED)
    first = rows_of("a", published, [run(0, 99.0), run(1, 1 / 3)])
    keep([*first, *rows_of("b", published, [])], path)
    keep(rows_of("b", published, [run(0, 50.0)]), path)
    found = from_json(json.loads(path.read_text()))
    assert [row.recipe for row in found] == ["a", "b"]
    assert found[0] == first[0]
    assert found[1].values == [50.0]
    assert from_json(to_json(found)) == found
    assert "2001-09-09, 2 CPU threads, commit abcdef0" in to_text(found, "github")


def test_a_page_shows_the_rows_that_are_kept(tmp_path):
    page, rows = tmp_path / "page.md", rows_of("a", Published.of(STATED), [run(0, 99.0)])
    with pytest.raises(ConfigError, match="needs two lines"):
        fill(page, rows)
    page.write_text("before\n<!-- results -->\nold\n<!-- results -->\nafter\n")
    fill(page, rows)
    fill(page, rows)
    table = to_text(rows, "github")
    assert page.read_text() == f"before\n<!-- results -->\n{table}\n<!-- results -->\nafter\n"


@pytest.mark.parametrize("page", ["docs/recipes.md", "README.md"])
def test_the_table_of_a_page_is_that_of_the_kept_results(page):
    home = reproduce.HOME
    rows = from_json(json.loads((home / "docs" / "results.json").read_text()))
    assert to_text(rows, "github") == (home / page).read_text().split(f"{reproduce.MARK}\n")[1].rstrip("\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tier": "gpus"}, "there is no published.tier gpus"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"minutes": 0}, "minutes must be above 0"),
        ({"claims": []}, "published.claims must be a list"),
        ({"surce": "x"}, "there is no option of published surce"),
        ({"claims": [{"metric": "x/y", "goal": "lower"}]}, "published.claims lacks tolerance"),
        (
            {"claims": [{"metric": "x/y", "goal": "lower", "published": 1, "tolerance": 1, "of": "lst"}]},
            "published.claims.of lst",
        ),
    ],
)
def test_what_a_recipe_states_wrongly_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Published.of({**STATED, **change})


def test_every_recipe_says_what_it_reproduces_or_that_it_is_not_yet_run():
    found = published_recipes()
    others = [path for path in (reproduce.HOME / "conf" / "recipe").glob("*.yaml") if path.stem not in found]
    assert all("not yet run" in path.read_text() for path in others)
    minutes = sum((each.minutes or 0) * each.seeds for each in found.values() if each.tier == "ci")
    assert minutes <= 20


def test_a_recipe_is_trained_as_it_is():
    typed = "experiments --config-dir my runner=reproduce recipe=a runner.tier=ci threads=1 data.path=x tracker.uri=y"
    assert passed_on(typed) == ["--config-dir", "my", "threads=1", "data.path=x", "tracker.uri=y"]
    with pytest.raises(ConfigError, match="leave out epochs=1"):
        passed_on("experiments runner=reproduce epochs=1")


def test_a_recipe_that_needs_a_file_is_left_out_of_its_tier(command, monkeypatch):
    trained = []
    monkeypatch.setattr(reproduce, "train", lambda *what: trained.append(what[:2]))
    outcome = command("runner=reproduce", "runner.tier=cpu", "runner.seeds=1")
    assert outcome.code == 0, outcome.error
    assert ("textbook_lstm_ptb", 1) in trained
    assert "char_lstm" not in {recipe for recipe, _ in trained}
    assert "left out: experiments runner=reproduce recipe=char_lstm data.path=" in outcome.out + outcome.error
    assert "not yet run" in outcome.out


RECIPE = """# @package _global_
# A tiny one
defaults:
  - override /data: string
  - override /model: numpy_rnn
epochs: 2
published:
  source: nobody
  tier: ci
  minutes: 1
  seeds: 2
  claims:
    - {metric: train/loss, goal: lower, published: 100.0, tolerance: 0.0}
    - {metric: train/loss, goal: higher, published: 100.0, tolerance: 0.0}
"""


@pytest.mark.slow
def test_seeds_are_trained_once_and_a_claim_that_fails_ends_with_an_error(command, tmp_path):
    (tmp_path / "my" / "recipe").mkdir(parents=True)
    (tmp_path / "my" / "recipe" / "tiny.yaml").write_text(RECIPE)
    asked = ("--config-dir", "my", "runner=reproduce", "recipe=tiny", "threads=1", "runner.output=results.json")
    outcome = command(*asked)
    assert outcome.code == 1
    assert "1 of 2 claims do not hold: train/loss of tiny" in outcome.error
    rows = from_json(json.loads((tmp_path / "results.json").read_text()))
    assert [row.result for row in rows] == ["PASS", "FAIL"]
    runs = sorted((tmp_path / "runs").iterdir())
    command(*asked)
    assert sorted((tmp_path / "runs").iterdir()) == runs  # nothing new
    assert json.loads((tmp_path / "results.json").read_text()) == to_json(rows)
    assert command(*asked, "runner.train=false").code == 1
    assert "FAIL" in command(*asked, "runner.train=false", "runner.seeds=1").out  # of one seed alone
    assert "2 of 3 seeds" in command(*asked, "runner.train=false", "runner.seeds=3").out


@pytest.mark.slow
def test_one_seed_is_trained_too(command, tmp_path):
    (tmp_path / "my" / "recipe").mkdir(parents=True)
    (tmp_path / "my" / "recipe" / "tiny.yaml").write_text(RECIPE.replace("seeds: 2", "seeds: 1"))
    assert "FAIL" in command("--config-dir", "my", "runner=reproduce", "recipe=tiny", "threads=1").out
