"""What a search draws, also after it was stopped; mostly without any training."""

import functools
import json
import math
import signal
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from experiments.sweep import search as module
from experiments.sweep.dimensions import Dimension, Span
from experiments.sweep.options import SweepOptions
from experiments.sweep.plan import Job
from experiments.sweep.scheduler import Scheduler
from experiments.sweep.search import Search

from .conftest import folder_of, journals, numbers, outcomes

DEFAULTS = {"search": "random", "params": {}, "zip": [], "trials": 6, "replicates": 1, "budget": None, "attempts": 2}
DEFAULTS |= {"cases": [], "exclude": [], "job_timeout": None, "fail_fast": False, "metric": None, "direction": None}
DEFAULTS |= {"pruner": None, "seed": 0, "batch": None, "storage": None, "name": None}
LR = Dimension(("optimizer.lr",), (), Span(0.001, 1.0, True, False))
SIZE = Dimension(("model.hidden_size",), (), Span(8, 64, False, True))
PAIR = Dimension(("model", "clip_norm"), (("model=a", "clip_norm=1"), ("model=b", "clip_norm=2")))
SPACE = (LR, SIZE, PAIR)


class Planner:
    """Makes a job of overrides as the real one does, but checks nothing."""

    def job(self, chosen, trial=None, study=None) -> Job:
        seed = next((int(text.removeprefix("seed=")) for text in chosen if text.startswith("seed=")), 5)
        return Job(" ".join(chosen), " ".join(chosen), seed, 3, {"study": study}, trial)


def ended(outcome: str, best: float = math.nan) -> SimpleNamespace:
    """The record of a job that ended so."""
    is_over = outcome in ("completed", "diverged", "pruned")
    return SimpleNamespace(outcome=outcome, best_loss=best, is_over=is_over, at_best=lambda *_: best)


def quality(job: Job) -> float:
    """What a job's loss would be: best at a rate of 0.1."""
    (rate,) = (float(text.partition("=")[2]) for text in job.point.split() if text.startswith("optimizer.lr="))
    return abs(math.log10(rate) + 1)


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Begin a search, or go on with it: each call is as a new process. (The whole sweeps below have a database.)"""
    monkeypatch.setattr(module, "storage", functools.cache(lambda _url: InMemoryStorage()))

    def make(name: str = "sweep-1", dimensions=SPACE, **options) -> Search:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return Search(SweepOptions(**DEFAULTS | options), dimensions, Planner(), folder, epochs=3)

    return make


def finish(search: Search, jobs: list[Job]) -> None:
    for job in jobs:
        search.observe(job, ended("completed", quality(job)))


def to_the_end(search: Search, batch: int | None = None) -> list[Job]:
    """Go on until nothing is proposed; all jobs in order."""
    seen = []
    while jobs := search.propose(batch):
        finish(search, jobs)
        seen += jobs
    return seen


def points(jobs: list[Job]) -> list[str]:
    return [job.point for job in jobs]


def trials(tmp_path: Path, name: str = "sweep-1") -> list:
    url = f"sqlite:///{tmp_path}/{name}/study.db"
    return optuna.load_study(study_name=name, storage=module.storage(url)).get_trials()


def test_a_point_has_an_override_for_each_key_in_order(begin):
    for job in begin(trials=20).propose(None):
        rate, size, model, clip = job.point.split()
        assert 0.001 <= float(rate.removeprefix("optimizer.lr=")) <= 1
        assert 8 <= int(size.removeprefix("model.hidden_size=")) <= 64
        assert (model, clip) in PAIR.alternatives


def test_a_logarithmic_interval_is_drawn_evenly_in_its_logarithm(begin):
    jobs = begin(trials=40, dimensions=(LR,)).propose(None)
    assert 12 < sum(float(job.point.partition("=")[2]) < 0.0316 for job in jobs) < 28


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_the_same_seed_draws_the_same_points_and_another_seed_others(begin, search):
    first = to_the_end(begin("one", search=search), 1)
    again = to_the_end(begin("two", search=search), 1)
    other = to_the_end(begin("three", search=search, seed=1000), 1)
    assert points(first) == points(again)
    assert len(first) == len(set(points(first))) == 6
    assert not set(points(first)) & set(points(other))


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_a_resumed_search_draws_the_same_points_as_an_undisturbed_one(begin, search):
    """tpe draws at random at first, and from the eleventh trial on by what it has seen."""
    options = {"search": search, "trials": 13}
    undisturbed = to_the_end(begin("alone", **options), 1)
    done: list[Job] = []
    for number in range(13):
        waiting = [job for job in begin("stopped", **options).propose(1) if job.trial == number]
        if number:  # all that there was came first
            old = begin("stopped", **options)
            assert points(old.propose(1))[:number] == points(done)
            waiting = waiting or old.propose(1)
        now = begin("stopped", **options)  # killed after it was drawn, and begun again
        assert [job for job in now.propose(1) if job.trial == number] == waiting
        finish(now, waiting)
        done += waiting
    assert points(done) == points(undisturbed)


def test_random_points_do_not_depend_on_the_batch_size(begin):
    assert points(begin("a").propose(None)) == points(to_the_end(begin("b"), 1))
    some = begin("c", trials=2)
    assert points(to_the_end(some) + to_the_end(begin("c", trials=6)))[:2] == points(begin("a").propose(None))[:2]


def test_the_number_of_trials_counts_those_of_all_starts(begin, tmp_path):
    first = begin().propose(None)
    assert len(first) == 6
    finish(begin(), first[:2])
    finish(begin(), first[4:5])
    assert [trial.number for trial in trials(tmp_path) if trial.state == TrialState.RUNNING] == [2, 3, 5]
    to_the_end(begin())
    assert len(trials(tmp_path)) == 6
    assert {trial.state for trial in trials(tmp_path)} == {TrialState.COMPLETE}
    more = to_the_end(begin(trials=8))
    assert len(trials(tmp_path)) == 8
    assert {6, 7} <= {job.trial for job in more}


def test_completed_trials_are_proposed_again_so_that_they_are_in_the_table(begin):
    first = points(to_the_end(begin()))
    assert points(to_the_end(begin())) == first
    assert set(points(to_the_end(begin(trials=8)))) > set(first)


def test_a_trial_records_how_its_job_ended(begin, tmp_path):
    search = begin(trials=5)
    told = [("completed", 0.5), ("diverged", 0.7), ("pruned", 0.9), ("failed", 0.1), ("interrupted", 0.1)]
    for job, (outcome, best) in zip(search.propose(None), told):
        search.observe(job, ended(outcome, best))
    states = [trial.state for trial in trials(tmp_path)]
    assert states == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.FAIL,
    ]
    assert trials(tmp_path)[0].value == 0.5
    search.observe(Job("x", "", 0, 1, {}, 0), ended("pruned"))
    assert trials(tmp_path)[0].state == TrialState.COMPLETE  # once told, it stays told


def test_the_best_point_and_no_other_is_repeated_with_more_seeds(begin, tmp_path):
    jobs = to_the_end(begin(replicates=4, trials=5, pruner="median"))
    tried, repeated = jobs[:5], jobs[5:]
    best = min(tried, key=quality)
    assert points(repeated) == [f"{best.point} seed={seed}" for seed in (6, 7, 8)]  # the trials had 5
    assert [job.trial for job in repeated] == [None] * 3
    assert all(job.plan["study"] is None for job in repeated)  # nobody prunes them
    assert all(job.plan["study"]["pruner"] == "median" for job in tried)
    assert len(trials(tmp_path)) == 5


def test_without_a_completed_trial_there_are_no_replicates(begin):
    search = begin(replicates=3, trials=2)
    for job in search.propose(None):
        search.observe(job, ended("diverged"))
    assert search.propose(None) == []


@pytest.mark.slow
def test_a_random_search_resumes_after_a_signal_and_runs_all_its_trials(sweep, signal_at_update, monkeypatch):
    command = ("optimizer.lr=tag(log,interval(0.001,0.1))", "epochs=2", "hydra.sweeper.search=random")
    command += ("hydra.sweeper.trials=6", "hydra.sweeper.replicates=2")
    alone = sweep(*command, "hydra.sweeper.name=alone")
    assert alone.code == 0, alone.error
    with monkeypatch.context():
        signal_at_update(3 * 14 + 5, signal.SIGTERM)  # in the fourth trial
        stopped = sweep(*command)
    assert stopped.code == 143
    assert sorted(outcomes(stopped).values()) == [("FINISHED", "completed")] * 3 + [("KILLED", "interrupted")]
    assert "resumes this sweep" in stopped.out
    swept = sweep(*command)
    assert swept.code == 0, swept.error
    assert swept.folder == stopped.folder
    assert len(swept.jobs) == 7  # six trials, and the best point once more
    assert sum("seed=1" in job for job in swept.jobs) == 1
    here, there = ({job: numbers(folder_of(s, job)) for job in s.jobs} for s in (swept, alone))
    assert here == there
    before = journals(swept)
    again = sweep(*command)
    assert (again.code, journals(again)) == (0, before)
    assert len(table_rows(again)) == 6
    assert "6 jobs, 6 of them over" in again.out


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_search_by_accuracy_repeats_and_marks_the_row_that_is_best_by_it(sweep, text, tmp_path, direction):
    how = ("hydra.sweeper.search=random", "hydra.sweeper.trials=4", "hydra.sweeper.replicates=2")
    how += (
        "hydra.sweeper.metric=valid/accuracy",
        f"hydra.sweeper.direction={direction}",
        "hydra.sweeper.pruner=median",
    )
    swept = sweep(*text, "optimizer.lr=tag(log,interval(0.0001,0.1))", *how)
    assert swept.code == 0, swept.error
    observed = {trial.number: trial.value for trial in trials(tmp_path / "runs", swept.folder.name)}
    reached = [
        accuracy_at_lowest_loss(run) for run in map_folders(swept, [SimpleNamespace(number=k) for k in observed])
    ]
    assert list(observed.values()) == reached
    assert len(set(reached)) > 1
    best = (max if direction == "maximize" else min)(reached)
    (repeated,) = (job.removesuffix(" seed=1") for job in swept.jobs if job.endswith("seed=1"))
    assert accuracy_at_lowest_loss(folder_of(swept, f"{repeated} seed=0")) == best
    assert f"* {'highest' if direction == 'maximize' else 'lowest'} valid/accuracy best" in swept.out
    assert {run.tags["sweep.metric"] for run in [swept.parent]} == {"valid/accuracy"}


def accuracy_at_lowest_loss(run: Path) -> float:
    found = numbers(run)
    step = min((step for key, step in found if key == "valid/loss"), key=lambda step: found["valid/loss", step])
    return found["valid/accuracy", step]


def table_rows(swept) -> list[str]:
    return (swept.folder / "comparison.csv").read_text().splitlines()[1:]


def test_a_completed_job_that_the_study_missed_is_told_without_training(sweep, tmp_path, monkeypatch):
    command = ("optimizer.lr=interval(0.001,0.1)", "epochs=1", "hydra.sweeper.search=random", "hydra.sweeper.trials=3")

    def killed(*_):
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(Search, "observe", killed)
        first = sweep(*command)
    assert first.code == 1
    assert [trial.state for trial in trials(tmp_path / "runs", first.folder.name)] == [TrialState.RUNNING] * 3
    before = journals(first)
    second = sweep(*command)
    assert (second.code, journals(second)) == (0, before)
    told = trials(tmp_path / "runs", first.folder.name)
    losses = [min(v for (k, _), v in numbers(run).items() if k == "train/loss") for run in map_folders(second, told)]
    assert [trial.value for trial in told] == losses


def map_folders(swept, told) -> list[Path]:
    """The folder of the run of each trial, by the plans that were written."""
    plans = [json.loads(path.read_text()) for path in (swept.folder / "jobs").glob("*.json")]
    runs = {plan["context"]["trial"]: plan["context"]["run"] for plan in plans}
    return [swept.folder.parent / runs[trial.number] for trial in told]


class Given(RandomSampler):
    """Draws the alternatives in their order."""

    def sample_independent(self, study, trial, param_name, param_distribution):  # noqa: ARG002
        return trial.number


def test_the_median_pruner_stops_only_the_trial_that_is_worse(sweep, tmp_path, monkeypatch):
    """Each of the rates learns faster than the ones before, but the sixth does not learn at all."""
    monkeypatch.setattr(module, "make_sampler", lambda search, seed: Given())  # noqa: ARG005
    rates = (0.001, 0.002, 0.004, 0.008, 0.016, 1e-9, 0.03)
    command = [f"optimizer.lr={','.join(map(str, rates))}", "hydra.sweeper.search=random", "hydra.sweeper.trials=7"]
    swept = sweep(*command, "hydra.sweeper.pruner=median", "hydra.sweeper.replicates=2")
    assert swept.code == 0, swept.error
    expected = {f"optimizer.lr={rate} seed=0": ("FINISHED", "completed") for rate in rates}
    behind = "optimizer.lr=1e-09 seed=0"
    expected |= {behind: ("KILLED", "pruned"), "optimizer.lr=0.03 seed=1": ("FINISHED", "completed")}
    assert outcomes(swept) == expected
    states = [trial.state for trial in trials(tmp_path / "runs", swept.folder.name)]
    assert states == [TrialState.COMPLETE] * 5 + [TrialState.PRUNED, TrialState.COMPLETE]
    alone = sweep("optimizer.lr=1e-9,0.016")
    whole, partial = numbers(folder_of(alone, behind)), numbers(folder_of(swept, behind))
    assert partial == {key: value for key, value in whole.items() if key[1] <= 49}  # its first epoch
    same = "optimizer.lr=0.016 seed=0"
    assert numbers(folder_of(swept, same)) == numbers(folder_of(alone, same))


@pytest.mark.parametrize(("search", "pruner", "at_once"), [("random", "null", 4), ("tpe", "null", 2)])
def test_a_search_that_learns_launches_one_batch_at_a_time(sweep, monkeypatch, search, pruner, at_once):
    launched = []

    class Watching(Scheduler):
        def _launch(self, jobs):
            launched.append(len(jobs))
            return super()._launch(jobs)

    monkeypatch.setattr("experiments.sweep.sweep.Scheduler", Watching)
    how = (f"hydra.sweeper.search={search}", f"hydra.sweeper.pruner={pruner}", "hydra.sweeper.trials=4")
    batch = () if search == "random" else ("hydra.sweeper.batch=2",)
    assert sweep("optimizer.lr=interval(0.001,0.1)", "epochs=1", *how, *batch).code == 0
    assert launched == [at_once] * (4 // at_once)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("oracle+cx_oracle://me:hidden@host/db", "No module named 'cx_Oracle'"),
        ("nothing://host/db", "Can't load plugin"),
        ("sqlite:////nowhere/study.db", "unable to open database file"),
        ("rubbish", "Could not parse"),
    ],
)
def test_a_database_of_trials_that_cannot_be_used_is_refused_before_there_is_a_sweep(command, tmp_path, url, why):
    search = ("-m", "optimizer.lr=interval(0.001,0.1)", "hydra.sweeper.search=tpe", f"hydra.sweeper.storage={url}")
    code, _, error = command(*search)
    assert code == 1
    assert f"hydra.sweeper.storage={url.replace('hidden', '***')} cannot be used: {why}" in error
    assert not [*tmp_path.iterdir()]
