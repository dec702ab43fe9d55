"""Whole sweeps in this process: what they leave behind, and what happens to them when something goes wrong."""

import json
import math
import shlex
import signal
import statistics
import time

import pandas as pd
import pytest
from scipy.stats import t

from experiments.comparison import figures
from experiments.config.paths import HOME
from experiments.sweep import parent as parent_module
from experiments.sweep import search as search_module
from experiments.tracking.memory import MemoryBackend, MemoryStore

from .conftest import TINY, all_numbers, folder_of, journals, misbehave, numbers, outcomes
from .test_search import Given

GRID = ("truncation=7,35", "seed=0,1")


def ended(swept) -> dict[str, list[MemoryBackend]]:
    """The trackers that ended, by their runs' names."""
    found: dict[str, list[MemoryBackend]] = {}
    for tracker in MemoryStore.ended:
        found.setdefault(tracker.name, []).append(tracker)
    assert swept.parent.name in found
    return found


def test_a_sweep_has_a_parent_run_and_its_jobs_have_tags_that_name_it(sweep):
    swept = sweep(*GRID)
    assert swept.code == 0, swept.error
    runs = ended(swept)
    assert len(runs) == 5
    (parent,) = runs.pop(swept.parent.name)
    assert (parent.status, parent.tags["outcome"], parent.tags["runner"]) == ("FINISHED", "completed", "sweep")
    assert json.loads(parent.tags["sweep.axes"]) == ["truncation", "seed"]
    assert parent.tags["sweep.values.truncation"] == "truncation=7, truncation=35"
    told = {(run.tags["sweep.point"], run.tags["sweep.replicate"]) for (run,) in runs.values()}
    assert told == {(f"truncation={length}", seed) for length in (7, 35) for seed in "01"}
    for (run,) in runs.values():
        assert (run.status, run.tags["outcome"], run.tags["sweep"]) == ("FINISHED", "completed", parent.name)
        assert run.tags["sweep.point"] == f"truncation={run.parameters['truncation']}"
        assert run.tags["sweep.replicate"] == run.parameters["seed"]
    assert parent.tags["command"] == shlex.join(["experiments", "-m", *TINY, *GRID, "tracker=memory"])
    assert {"comparison.csv", "comparison.md", "comparison.html"} <= set(parent.files)
    last = {point.key: point.value for point in parent.points}
    best = pd.read_csv(parent.folder / "comparison.csv").sort_values("train/loss best").iloc[0]
    assert (last["sweep/ended"], last["sweep/failed"]) == (4, 0)
    assert last["best/loss"] == pytest.approx(best["train/loss best"], rel=1e-12)  # a mean over two seeds
    assert last["best/perplexity"] == pytest.approx(best["train/perplexity best"], rel=1e-12)


def test_a_table_that_cannot_be_computed_fails_no_sweep(sweep, monkeypatch):
    def compare(*_, **__):
        raise OverflowError("numerical result out of range")

    monkeypatch.setattr(parent_module, "compare", compare)
    monkeypatch.setattr(parent_module.Report, "screen", compare)
    swept = sweep(*GRID)
    assert swept.code == 0, swept.error
    assert (swept.parent.status, swept.parent.tags["outcome"]) == ("FINISHED", "completed")
    assert "the runs could not be compared: numerical result out of range" in swept.out + swept.error
    points = {point.key: point.value for point in ended(swept)[swept.parent.name][0].points}
    assert points == {"sweep/ended": 4, "sweep/failed": 0}


def test_the_parents_table_agrees_with_its_childrens_journals(sweep, text):
    swept = sweep(*text, "truncation=5,9", "seed=0,1,2")
    table = pd.read_csv(swept.folder / "comparison.csv").set_index("truncation")
    assert list(table.index) == [5, 9]
    for length, row in table.iterrows():
        best, perplexity, test = [], [], []
        for seed in range(3):
            lines = (folder_of(swept, f"truncation={length} seed={seed}") / "journal.jsonl").read_text().splitlines()
            points = [entry for entry in map(json.loads, lines) if "key" in entry]
            losses = {point["step"]: point["value"] for point in points if point["key"] == "valid/loss"}
            step = min(losses, key=losses.get)
            best.append(losses[step])
            perplexity += [p["value"] for p in points if (p["key"], p["step"]) == ("valid/perplexity", step)]
            test += [point["value"] for point in points if point["key"] == "test/perplexity"]
        for key, values in (
            ("valid/loss best", best),
            ("valid/perplexity best", perplexity),
            ("test/perplexity", test),
        ):
            assert len(values) == 3
            width = t.ppf(0.975, 2) * statistics.stdev(values) / math.sqrt(3)
            assert row[key] == pytest.approx(statistics.fmean(values), rel=1e-12), key
            assert row[f"{key} ±"] == pytest.approx(width, rel=1e-9), key
        assert (row["runs"], row["outcome"]) == (3, "3 completed")


@pytest.mark.all_files
def test_pictures_are_drawn_and_kept(command):
    assert command("-m", *TINY, "truncation=7,35", "tracker=memory").code == 0
    (parent,) = (run for run in MemoryStore.ended if run.tags["runner"] == "sweep")
    drawn = {name for name in parent.files if name.endswith(".png")}
    assert drawn
    assert all((parent.folder / name).read_bytes().startswith(b"\x89PNG") for name in drawn)
    assert {path.name for path in parent.folder.glob("*.png")} == drawn


def test_a_figure_that_cannot_be_drawn_fails_no_run(sweep, monkeypatch):
    def broken(*_):
        raise ValueError("no colours left")

    monkeypatch.setattr(figures, "draw", broken)
    swept = sweep("truncation=7,35", "epochs=1")
    assert (swept.code, "could not be compared: no colours left" in swept.out) == (0, True)
    assert outcomes(swept) == dict.fromkeys(swept.jobs, ("FINISHED", "completed"))


def test_the_same_command_trains_nothing_and_more_values_and_seeds_keep_what_was_trained(sweep):
    first = sweep("truncation=7,35")
    before = journals(first)
    again = sweep("truncation=7,35")
    assert (again.code, journals(again)) == (0, before)
    assert "2 jobs, 2 of them over" in again.out
    shown, table = (
        [line.split() for line in swept.out.splitlines() if line.lstrip("* ").startswith(("7 ", "35 "))]
        for swept in (first, again)
    )
    assert len(table) == 2
    assert table == shown
    more = sweep("truncation=7,35,36", "seed=0,1")
    assert more.folder == first.folder
    assert len(more.jobs) == 6
    assert {job: content for job, content in journals(more).items() if job in before} == before


def test_a_signal_ends_the_sweep_and_the_same_command_resumes_it_to_the_same_numbers(sweep, signal_at_update):
    often = ("runner.log_interval=1", "model.output_dropout=0.3")
    alone = sweep(*GRID, *often, "hydra.sweeper.name=alone")
    command = shlex.join(["-m", *TINY, *GRID, *often, "tracker=memory"])
    # jobs of 3 * 7, 3 * 2, ... updates: both stop the third, the second signal after the job was resumed
    for which, code, update in ((signal.SIGINT, 130, 21 + 10), (signal.SIGTERM, 143, 5)):
        with pytest.MonkeyPatch.context():
            signal_at_update(update, which)
            stopped = sweep(*GRID, *often)
        assert stopped.code == code
        assert f"experiments {command} resumes this sweep" in stopped.out
        assert (stopped.parent.status, stopped.parent.outcome) == ("KILLED", "interrupted")
        assert sorted(outcomes(stopped).values()) == [("FINISHED", "completed")] * 2 + [("KILLED", "interrupted")]
    begun = numbers(folder_of(stopped, "truncation=7 seed=1"))
    assert begun
    swept = sweep(*GRID, *often)
    assert (swept.code, swept.folder) == (0, stopped.folder)
    assert (swept.parent.status, swept.parent.outcome) == ("FINISHED", "completed")
    assert all_numbers(swept) == all_numbers(alone)
    assert numbers(folder_of(swept, "truncation=7 seed=1")).items() >= begun.items()


def test_the_former_key_of_the_update_interval_can_be_swept(sweep):
    swept = sweep("windows_per_update=1,2", "epochs=1")
    assert swept.code == 0, swept.error
    assert {job: run.parameters["windows_per_update"] for job, run in swept.jobs.items()} == {
        f"windows_per_update={number} seed=0": str(number) for number in (1, 2)
    }
    updates = [dict(numbers(folder_of(swept, job)))["train/updates", 49] for job in swept.jobs]
    assert sorted(updates) == [4, 7]


def test_one_failing_one_diverging_and_one_pruned_of_ten_leave_the_others_alone(sweep, naughty, tmp_path, monkeypatch):
    """The rates are such that each job learns faster than the ones before it, so the median ends only the one at 0."""
    monkeypatch.setattr(search_module, "make_sampler", lambda *_: Given())
    rates = [0.001, 0.002, 1e30, 0.004, 0.008, 0.016, 1e-9, 0.024, 0.032, 0.04]
    sizes = [8, 8, 8, 8, 9, 8, 8, 8, 8, 8]
    misbehave(tmp_path, 9, "raise", at=4, times=2)
    axes = [f"optimizer.lr={','.join(map(str, rates))}", f"model.hidden_size={','.join(map(str, sizes))}"]
    axes += ["hydra.sweeper.zip=[[optimizer.lr,model.hidden_size]]", "hydra.sweeper.search=random"]
    axes += ["hydra.sweeper.trials=10", "hydra.sweeper.pruner=median", "runner.log_interval=1"]
    often = ("runner.checkpoint_targets_interval=1",)
    swept = sweep(*naughty, *axes, *often)
    assert swept.code == 1
    assert "1 of 10 jobs failed: optimizer.lr=0.008 model.hidden_size=9" in swept.error
    jobs = [f"optimizer.lr={rate} model.hidden_size={size} seed=0" for rate, size in zip(rates, sizes)]
    jobs = [job.replace("1e-09", "1e-9") if job not in swept.jobs else job for job in jobs]
    special = {2: ("FAILED", "diverged"), 4: ("FAILED", "failed"), 6: ("KILLED", "pruned")}
    assert outcomes(swept) == {job: special.get(k, ("FINISHED", "completed")) for k, job in enumerate(jobs)}
    assert (swept.parent.status, swept.parent.outcome) == ("FAILED", "failed")
    table = pd.read_csv(swept.folder / "comparison.csv")
    assert sorted(table["outcome"]) == ["1 completed"] * 7 + ["1 diverged", "1 failed", "1 pruned"]

    failed = folder_of(swept, jobs[4])
    lines = [json.loads(line) for line in (failed / "journal.jsonl").read_text().splitlines()]
    assert sum(line.get("tags", {}).get("outcome") == "failed" for line in lines) == 2  # hydra.sweeper.attempts
    steps = [step for key, step in numbers(failed) if key == "interval/loss"]
    assert len(steps) == 6  # three updates, and after them three more
    assert "naughty" in (failed / "traceback.txt").read_text()

    before = {job: content for job, content in journals(swept).items() if job != jobs[4]}
    again = sweep(*naughty, *axes, *often, "hydra.sweeper.attempts=3")  # it does nothing bad any more
    assert again.code == 0, again.error
    assert outcomes(again)[jobs[4]] == ("FINISHED", "completed")
    after = journals(again)
    assert {job: content for job, content in after.items() if job != jobs[4]} == before

    others = [0, 3, 4, 5, 7]  # the first, the failed one, and those after one that ended badly; beside none that does
    pairs = [",".join(str(values[k]) for k in others) for values in (rates, sizes)]
    grid = [f"optimizer.lr={pairs[0]}", f"model.hidden_size={pairs[1]}", axes[2], "runner.log_interval=1", *often]
    alone = sweep(*naughty, *grid)
    assert alone.code == 0, alone.error
    assert all_numbers(alone) == {jobs[k]: numbers(folder_of(again, jobs[k])) for k in others}


def test_a_job_that_fails_once_is_resumed_and_completes(sweep, naughty, tmp_path):
    misbehave(tmp_path, 8, "raise", at=4, times=1)
    options = ("seed=0,1", "runner.checkpoint_targets_interval=1", "runner.log_interval=1")
    swept = sweep(*naughty, *options)
    assert swept.code == 0, swept.error
    assert swept.out.count("failed: naughty") == 1
    assert set(outcomes(swept).values()) == {("FINISHED", "completed")}
    assert all_numbers(sweep(*naughty, *options, "hydra.sweeper.name=alone")) == all_numbers(swept)


def test_when_the_budget_is_spent_no_job_starts_and_the_same_command_resumes(sweep, at_update, monkeypatch):
    command, clock = (*GRID, "hydra.sweeper.budget=3600"), time.time
    with monkeypatch.context() as patch:
        at_update(21 + 3, lambda: patch.setattr(time, "time", lambda: clock() + 7200))  # in the second job
        stopped = sweep(*command)
    assert stopped.code == 0, stopped.error
    assert outcomes(stopped) == {f"truncation={k} seed=0": ("FINISHED", "completed") for k in (7, 35)}
    assert "the time is over with 2 jobs done; the same command resumes the sweep" in stopped.out
    before = journals(stopped)
    swept = sweep(*command)
    assert (swept.code, swept.folder, len(swept.jobs)) == (0, stopped.folder, 4)
    assert {job: content for job, content in journals(swept).items() if job in before} == before


def test_a_file_edited_during_a_sweep_does_not_change_its_jobs(sweep, naughty, at_update, tmp_path):
    file = tmp_path / "mine" / "model" / "naughty.yaml"
    edited = file.read_text() + "num_layers: 2\n"
    at_update(1, lambda: file.write_text(edited))
    search = ("hydra.sweeper.search=tpe", "hydra.sweeper.trials=3", "optimizer.lr=interval(0.001,0.01)")
    swept = sweep(*naughty, *search, "epochs=1")
    assert swept.code == 0, swept.error
    assert [run.parameters["model.num_layers"] for run in swept.jobs.values()] == ["1"] * 3


def test_a_job_that_was_killed_with_its_sweep_is_closed_and_resumed(sweep, monkeypatch):
    """Its lock and its open journal are all that a killed process leaves behind."""
    often = ("runner.checkpoint_targets_interval=1", "runner.log_interval=1")
    alone = sweep(*GRID, *often, "hydra.sweeper.name=alone")
    with monkeypatch.context() as patch:
        patch.setattr("experiments.training.loop.Training.test", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        killed = sweep(*GRID, *often)
    assert killed.code == 128 + signal.SIGINT
    (job,) = killed.jobs
    run = folder_of(killed, job)
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    cut = next(k for k, line in enumerate(lines) if '"interval/loss"' in line) + 20
    (run / "journal.jsonl").write_text("".join(lines[:cut]))
    (run / "lock").touch()
    (run / "delivered.json").unlink()
    swept = sweep(*GRID, *often)
    assert swept.code == 0, swept.error
    text = (run / "journal.jsonl").read_text()
    assert '"outcome": "interrupted", "died_at": ' in text
    assert outcomes(swept) == dict.fromkeys(swept.jobs, ("FINISHED", "completed"))
    others = {name: values for name, values in all_numbers(alone).items() if name != job}
    assert {name: values for name, values in all_numbers(swept).items() if name != job} == others


@pytest.mark.parametrize("file", sorted((HOME / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_in_sweeps_can_be_planned(command, monkeypatch, file, tmp_path):
    """With small data in place of the real one; its jobs are not started."""
    found = []

    class Planned:
        def __init__(self, *_):
            """Nothing."""

        def run(self, search) -> None:
            found.extend(search.propose(None))

    monkeypatch.setattr("experiments.sweep.sweep.Scheduler", Planned)
    (tmp_path / "words.txt").write_text("a few words are enough here . " * 200)
    small = ("data=words", "data.path=words.txt", "data.corpus_size=null")
    is_drawn = "override /data: recall" in file.read_text()  # which needs no files
    outcome = command(f"sweeps={file.stem}", *(() if is_drawn else small), "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert len(found) > 1
    assert len({job.name for job in found}) == len(found)
