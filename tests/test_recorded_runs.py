"""Runs, checkpoints and a sweep recorded by an earlier version (see recorded/README.md) work as they did then.

The processor that recorded them adds products up in its own order, so numbers are the same but for the last digits.
That a resumed run has every bit of an undisturbed one on the same machine is held by tests/runners/test_resume.py.
"""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from experiments.tracking.journal import read_journal
from experiments.training.text_metrics import TEXT_FORMATS

from .conftest import MemoryStore

RECORDED = Path(__file__).parent / "recorded"
EXPECTED = json.loads((RECORDED / "expected.json").read_text())
VARY = ("targets_per_second",)
FLOAT32 = "torch_lstm-characters-1125-082049-6143"  # all others are in float64


@pytest.fixture
def recorded(command, tmp_path, monkeypatch):
    """Run a recorded command beside a copy of one of the recorded folders; the data is at two other places."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    elsewhere.mkdir()
    here.mkdir()
    for name, other in (("text.txt", "book.txt"), ("aclImdb.tar.gz", "reviews.tar.gz")):
        shutil.copy(RECORDED / "data" / name, here / name)
        shutil.copy(RECORDED / "data" / name, elsewhere / other)
    monkeypatch.chdir(here)

    def run(fixture: str, line: str):
        if not (here / "runs").exists():
            shutil.copytree(RECORDED / fixture, here / "runs")
        return command(*shlex.split(line)[1:])

    return run


def points(folder: Path) -> dict[tuple[str, int], float]:
    """The points of a journal but for rates; each may be there once only."""
    found = [(point.key, point.step, point.value) for point in read_journal(folder / "journal.jsonl")]
    found = [point for point in found if not point[0].endswith(VARY)]
    assert len({point[:2] for point in found}) == len(found)
    return {(key, step): value for key, step, value in found}


def of(expected: list) -> dict[tuple[str, int], float]:
    return {(key, step): value for key, step, value in expected if not key.endswith(VARY)}


def same(expected: dict, run: str) -> object:
    """What equals these numbers of a run but for rounding."""
    return pytest.approx(expected, rel=1e-5 if run == FLOAT32 else 1e-9, abs=0)


def assert_holds(folder: Path, expected: dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """All of these points are in a run's journal, with the same numbers; all that it has."""
    found = points(folder)
    assert {point: found.get(point) for point in expected} == same(expected, folder.name)
    return found


@pytest.mark.parametrize("expected", EXPECTED["evaluate"], ids=lambda e: e["run"])
def test_a_checkpoint_has_the_same_loss(recorded, expected):
    outcome = recorded(expected["fixture"], expected["command"])
    assert outcome.code == 0, outcome.error
    found = {point.key: point.value for point in MemoryStore.ended[-1].points}
    assert {key: found[key] for key in expected["metrics"]} == same(expected["metrics"], expected["run"])
    printed = expected["printed"]
    if "imdb" in expected["run"]:  # a perplexity of labels is still recorded, but no longer shown
        printed = re.sub(r"perplexity \S+  bits_per_symbol \S+  ", "", printed)
        assert "perplexity" not in outcome.out
    assert printed in outcome.out


@pytest.mark.parametrize("expected", EXPECTED["sample"], ids=lambda e: e["command"][30:80])
def test_a_checkpoint_samples_the_same_text(recorded, expected):
    printed = expected["printed"].replace(" <eos>", "\n").replace("\n ", "\n")  # a line end is printed as one now
    assert recorded(expected["fixture"], expected["command"]).out == printed


@pytest.mark.parametrize("expected", EXPECTED["start"], ids=lambda e: e["run"])
def test_a_new_run_from_a_checkpoint_has_the_same_losses_and_identity(recorded, expected):
    outcome = recorded(expected["fixture"], expected["command"])
    assert outcome.code == 0, outcome.error
    run = MemoryStore.ended[-1]
    assert run.tags["identity"] == expected["identity"]
    assert_holds(run.folder, of(expected["points"]))


@pytest.mark.parametrize("expected", EXPECTED["longer"], ids=lambda e: e["run"])
def test_a_completed_run_can_be_made_longer_with_the_same_losses(recorded, expected):
    outcome = recorded(expected["fixture"], expected["command"])
    assert outcome.code == 0, outcome.error
    run = MemoryStore.ended[-1]
    assert run.name == expected["run"]
    assert_holds(run.folder, of(expected["points"]))


@pytest.mark.parametrize("name", EXPECTED["resume"])
def test_a_killed_run_ends_as_one_that_was_never_stopped(recorded, name):
    expected = EXPECTED["resume"][name]
    outcome = recorded(expected["fixture"], expected["command"])
    assert outcome.code == 0, outcome.error
    run = MemoryStore.ended[-1]
    assert (run.name, run.status) == (expected["run"], "FINISHED")
    undisturbed = points(RECORDED / "undisturbed" / expected["undisturbed"])
    ended = assert_holds(run.folder, undisturbed)
    added = {key for key, _ in ended.keys() - undisturbed.keys()}  # metrics that the version of then did not have
    of_each_best = {"best/loss", "best/perplexity"}
    assert added <= of_each_best | {f"test/{metric}" for metric in TEXT_FORMATS}


@pytest.mark.parametrize("fixture", EXPECTED["doctor"])
def test_the_doctor_closes_what_was_killed(recorded, fixture):
    expected = EXPECTED["doctor"][fixture]
    names = {line.split()[0] for line in expected["printed"].splitlines() if "closed as KILLED" in line}
    out = recorded(fixture, expected["command"]).out
    assert {line.split()[0] for line in out.splitlines() if "closed as KILLED" in line} == names
    assert "closed as KILLED" not in recorded(fixture, expected["command"]).out


def rows(text: str) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k not in ("seconds", *VARY)} for row in csv.DictReader(text.splitlines())]


def test_the_recorded_jobs_of_a_sweep_are_compared_as_before(recorded):
    expected = EXPECTED["compare"]["three_csv"]
    assert rows(recorded("sweep", expected["command"]).out) == rows(expected["printed"])


def test_a_sweep_with_one_job_missing_trains_that_job_alone(recorded, tmp_path):
    whole, expected = json.loads((RECORDED / "sweep.json").read_text()), EXPECTED["sweep"]
    before = {path.parent.name: path.read_bytes() for path in (RECORDED / "sweep").glob("*/journal.jsonl")}
    outcome = recorded("sweep", expected["command"])
    assert outcome.code == 0, outcome.error
    runs = {path.parent.name: path for path in (tmp_path / "here" / "runs").glob("*/journal.jsonl")}
    parents = {name for name in runs if name.startswith("sweep-")}
    assert runs.keys() - parents == whole["jobs"].keys()
    assert parents == {name for name in before if name.startswith("sweep-")}
    assert all(runs[name].read_bytes() == before[name] for name in before.keys() - parents)
    for name, job in whole["jobs"].items():
        found = points(runs[name].parent)
        for key in ("train/loss", "valid/loss", "test/loss"):
            assert {step: value for (k, step), value in found.items() if k == key} == same(dict(job[key]), name)
