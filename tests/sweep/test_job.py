"""One job: what it knows of its sweep, and how it runs."""

import dataclasses
import json
import math
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import optuna
import pytest

from experiments.sweep import job as module
from experiments.sweep.job import STOP, Pruned, SweepJob, is_alive
from experiments.sweep.search import running_trial, storage
from experiments.sweep.worker import run_planned
from experiments.tracking.record import RunRecord

from .conftest import folder_of, numbers


@pytest.fixture
def sweep_job(tmp_path):
    def make(**changes) -> SweepJob:
        known = {"name": "sweep-1", "run": "job-1", "point": "truncation=5", "trial": None, "study": None}
        known |= {"folder": str(tmp_path), "host": socket.gethostname(), "pid": os.getpid(), "deadline": None}
        return SweepJob(**(known | {"threads": None, "cwd": str(tmp_path)} | changes))

    return make


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_job_stops_when_the_file_is_there(sweep_job, tmp_path):
    assert not sweep_job().stop_signal()
    (tmp_path / STOP).touch()
    assert sweep_job().stop_signal()


def test_a_job_stops_when_the_process_of_its_sweep_is_gone_but_not_on_another_machine(sweep_job, dead):
    assert sweep_job(pid=dead).stop_signal()
    assert not sweep_job(pid=dead, host="elsewhere").stop_signal()
    assert (is_alive(os.getpid()), is_alive(dead), is_alive(1)) == (True, False, True)


def test_the_stop_file_is_looked_for_once_per_interval(sweep_job, tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    job = sweep_job()
    assert not job.stop_signal()
    (tmp_path / STOP).touch()
    clock[0] += module.CHECK_INTERVAL / 2
    assert not job.stop_signal()
    clock[0] += module.CHECK_INTERVAL
    assert job.stop_signal()


def test_a_job_is_in_process_only_in_the_process_of_its_sweep(sweep_job, dead):
    assert sweep_job().is_in_process
    assert not sweep_job(pid=dead).is_in_process
    assert not sweep_job(host="elsewhere").is_in_process


def test_the_tags_say_sweep_point_and_replicate(sweep_job):
    assert sweep_job().tags(3) == {"sweep": "sweep-1", "sweep.point": "truncation=5", "sweep.replicate": "3"}


def test_a_report_does_nothing_without_a_search(sweep_job):
    sweep_job().report(1, math.inf)


def test_reports_are_stored_with_the_trial_and_a_worse_trial_is_pruned(sweep_job, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=storage(url), study_name="s", direction="minimize")
    space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for number in range(4):  # so many must have ended before any is stopped
        trial = study.ask(space)
        trial.report(float(number), 1)
        study.tell(trial, float(number))
    where = {"storage": url, "study_name": "s", "pruner": "median", "epochs": 3}
    good, bad = study.ask(space), study.ask(space)
    sweep_job(study=where, trial=good.number).report(1, 1.4)
    with pytest.raises(Pruned, match="pruned after epoch 1") as pruned:
        sweep_job(study=where, trial=bad.number).report(1, 1.6)
    assert (pruned.value.status, pruned.value.outcome) == ("KILLED", "pruned")
    reported = [running_trial(where, number)._get_latest_trial().intermediate_values for number in (4, 5)]
    assert reported == [{1: 1.4}, {1: 1.6}]


def test_a_pruned_job_is_over_and_keeps_its_curve(sweep, monkeypatch):
    def report(self, epoch, loss):
        assert math.isfinite(loss)
        if self.point == "truncation=7" and epoch == 2:
            raise Pruned("pruned after epoch 2: other trials do better")

    undisturbed = sweep("truncation=7,35", "hydra.sweeper.name=alone")
    monkeypatch.setattr(SweepJob, "report", report)
    swept = sweep("truncation=7,35")
    assert swept.code == 0, swept.error
    pruned, other = swept.jobs["truncation=7 seed=0"], swept.jobs["truncation=35 seed=0"]
    assert (pruned.status, pruned.outcome) == ("KILLED", "pruned")
    assert (other.status, other.outcome) == ("FINISHED", "completed")
    assert RunRecord.of(folder_of(swept, "truncation=7 seed=0")).tags["error"].startswith("pruned after epoch 2")
    whole = numbers(folder_of(undisturbed, "truncation=7 seed=0"))
    partial = numbers(folder_of(swept, "truncation=7 seed=0"))
    assert partial == {key: value for key, value in whole.items() if key[1] <= 98}
    before = (folder_of(swept, "truncation=7 seed=0") / "journal.jsonl").read_bytes()
    assert sweep("truncation=7,35").code == 0  # a second start leaves it as it is
    assert (folder_of(swept, "truncation=7 seed=0") / "journal.jsonl").read_bytes() == before


def test_a_worker_has_the_working_directory_of_its_sweep_and_ignores_ctrl_c(sweep_job, tmp_path):
    program = (
        "import os, signal, sys, json\nfrom experiments.sweep.job import SweepJob, set_up_worker\n"
        "set_up_worker(SweepJob(**json.loads(sys.argv[1])))\n"
        "assert os.getcwd() == sys.path[-1] == sys.argv[2]\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
    )
    known = json.dumps(dataclasses.asdict(sweep_job()))
    subprocess.run([sys.executable, "-c", program, known, str(tmp_path)], check=True, cwd="/")


def test_losses_of_the_pruned_job_are_those_it_reported(sweep, monkeypatch):
    told = {}
    monkeypatch.setattr(SweepJob, "report", lambda self, _, loss: told.setdefault(self.point, []).append(loss))
    swept = sweep("truncation=7,35")
    for point, losses in told.items():
        values = numbers(folder_of(swept, f"{point} seed=0"))
        assert losses == [value for (key, _), value in sorted(values.items()) if key == "train/loss"]


def test_a_job_that_another_start_completed_is_left_as_it_is(sweep, tmp_path):
    swept = sweep("truncation=7,35", "epochs=1")
    job = folder_of(swept, "truncation=7 seed=0")
    before = (job / "journal.jsonl").read_bytes()
    session = {"folder": str(swept.folder), "host": socket.gethostname(), "pid": os.getpid(), "deadline": None}
    known = SimpleNamespace(plan=swept.folder / "jobs" / f"{job.name}.json", session=session)
    known.session |= {"threads": None, "cwd": str(tmp_path)}
    assert run_planned(known)["outcome"] == "completed"
    assert (job / "journal.jsonl").read_bytes() == before
