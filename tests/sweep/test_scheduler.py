"""Jobs are launched until all are over, with launchers that only pretend: whatever breaks, nothing is lost."""

import json
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import joblib
import pytest

from experiments.sweep import job_processes
from experiments.sweep import scheduler as module
from experiments.sweep.job import STOP
from experiments.sweep.options import SweepOptions
from experiments.sweep.plan import Grid, Job
from experiments.sweep.scheduler import Incomplete, Scheduler, TimeOver
from experiments.tracking.folder import Busy
from experiments.tracking.interruption import Interrupted, Stop

DEFAULTS = {"search": "grid", "params": {}, "zip": [], "trials": 50, "replicates": 1, "budget": None, "attempts": 2}
DEFAULTS |= {"cases": [], "exclude": [], "job_timeout": None, "fail_fast": False, "metric": None, "direction": None}
DEFAULTS |= {"pruner": None, "seed": 0, "batch": None, "storage": None, "name": None}


def write(run: Path, *entries: dict) -> None:
    run.mkdir(exist_ok=True)
    with (run / "journal.jsonl").open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)


class Broken(Exception):
    """What a launcher raises when a worker of its pool was killed."""


class Pretended:
    """A launcher, a parent run and its store. `deeds` says what each job does, launch by launch; then it completes.

    complete, diverge | fail: and its journal knows | refuse: fails before it has a journal | quiet: is done and never
    has one | raise: the launcher hands back an exception | kill: dies in its middle and takes the launcher with it |
    alone: does so if it is not alone | break: the launcher breaks before any job begins | stop: Ctrl-C is pressed
    """

    def __init__(self, folder: Path, deeds: dict[str, list[str]], workers: int | None = 2):
        self.folder, self.deeds, self.num_workers = folder, deeds, workers
        self.run = SimpleNamespace(store=self)
        self.launches: list[str] = []
        self.sessions: list[dict] = []
        self.reported: list[dict] = []
        self.busy = 0  # times that a run is found held by another process
        self.stop = Stop(lambda: None)

    def launch(self, plans, session, _first):
        names = [Path(plan).stem for plan in plans]
        assert all(json.loads(Path(plan).read_text()) == {"of": name} for plan, name in zip(plans, names))
        self.launches.append("".join(names))
        self.sessions.append(session)
        for name in names:
            if self.deeds.get(name, [])[:1] == ["break"]:
                self.deeds[name].pop(0)
                raise Broken("no more workers")
        return [self.do(name, len(names)) for name in names]

    def do(self, name: str, together: int):
        run = self.folder.parent / name
        deed = self.deeds[name].pop(0) if self.deeds.get(name) else "complete"
        if deed == "refuse":
            return {"outcome": "failed", "why": "refused"}
        if deed == "raise":
            return ValueError("cannot be pickled")
        if deed == "quiet":
            return {"outcome": "completed"}
        point = {"key": "train/loss", "value": 2.0, "step": len(self.launches), "timestamp": 0}
        write(run, {"tags": {"outcome": "running"}}, point)
        if deed == "kill" or (deed == "alone" and together > 1):
            (run / "lock").touch()
            raise Broken("a worker was killed")
        if deed == "stop":
            self.stop.signal = signal.SIGINT
            write(run, {"tags": {"outcome": "interrupted"}, "status": "KILLED"})
            self.stop.check()
        outcome = {"fail": "failed", "diverge": "diverged"}.get(deed, "completed")
        write(run, {"tags": {"outcome": outcome}, "status": "FINISHED" if outcome == "completed" else "FAILED"})
        return {"outcome": outcome, "why": "as told"}

    def close_dead_run(self, name: str, failure: str | None = None) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("held")
        (self.folder.parent / name / "lock").unlink()
        outcome = "failed" if failure else "interrupted"
        write(self.folder.parent / name, {"tags": {"outcome": outcome}, "status": "KILLED"})

    def log_progress(self, records) -> None:
        self.records = records

    def report(self) -> None:
        self.reported.append({record.name: record.outcome for record in self.records})


@pytest.fixture
def run_jobs(tmp_path):
    """Run jobs a, b, c, ... that do what is said of them; the launcher, and what was raised."""
    folder = tmp_path / "sweep"

    def run(workers: int = 2, busy: int = 0, search=None, only: str = "", **deeds) -> tuple:
        folder.mkdir(exist_ok=True)
        options = {key: deeds.pop(key) for key in DEFAULTS if key in deeds}
        pretended = Pretended(folder, {name: deed.split() for name, deed in deeds.items()}, workers)
        pretended.busy = busy
        jobs = [Job(name, f"x={name}", 0, 1, {"of": name}) for name in deeds if name in (only or deeds)]
        scheduler = Scheduler(SweepOptions(**DEFAULTS | options), folder, pretended, pretended, pretended.stop)
        raised = None
        try:
            scheduler.run(search or Grid(jobs))
        except (Exception, KeyboardInterrupt) as error:
            raised = error
        return pretended, raised

    return run


def test_all_jobs_are_launched_together_and_once(run_jobs):
    did, raised = run_jobs(a="complete", b="diverge", c="complete")
    assert raised is None
    assert did.launches == ["abc"]
    assert did.reported == [{"a": "completed", "b": "diverged", "c": "completed"}]
    again, raised = run_jobs(a="complete", b="complete", c="complete")
    assert (raised, again.launches) == (None, [])
    assert again.reported == did.reported


def test_completed_jobs_are_not_launched_again(run_jobs):
    run_jobs(a="complete", b="complete", only="a")
    did, _ = run_jobs(a="", b="", c="")
    assert did.launches == ["bc"]


def test_only_a_failed_job_is_launched_again_up_to_the_number_of_attempts(run_jobs):
    did, raised = run_jobs(a="complete", b="fail fail fail", c="complete", attempts=3)
    assert did.launches == ["abc", "b", "b"]
    assert isinstance(raised, Incomplete)
    assert str(raised) == "1 of 3 jobs failed: x=b seed=0; hydra.sweeper.attempts=6 tries them again"
    assert did.reported == [{"a": "completed", "b": "failed", "c": "completed"}]


def test_failures_of_an_earlier_start_count_and_more_attempts_try_again(run_jobs):
    run_jobs(a="fail fail", b="complete")
    did, raised = run_jobs(a="", b="")
    assert (did.launches, type(raised)) == ([], Incomplete)
    did, raised = run_jobs(a="", b="", attempts=3)
    assert (did.launches, raised) == (["a"], None)


@pytest.mark.parametrize("deed", ["fail", "refuse", "raise"])
def test_a_second_attempt_may_succeed(run_jobs, deed):
    did, raised = run_jobs(a="complete", b=deed)
    assert (did.launches, raised) == (["ab", "b"], None)


@pytest.mark.parametrize("deed", ["refuse", "raise"])
def test_a_job_that_fails_before_it_has_a_journal_is_given_up_too(run_jobs, deed):
    did, raised = run_jobs(a="complete", b=" ".join([deed] * 9))
    assert did.launches == ["ab", "b"]
    assert isinstance(raised, Incomplete)


def test_a_job_can_complete_without_a_journal(run_jobs):
    did, raised = run_jobs(a="quiet", b="complete")
    assert (did.launches, raised) == (["ab"], None)


def test_a_killed_worker_loses_nothing_and_the_suspect_is_launched_alone(run_jobs):
    did, raised = run_jobs(a="complete", b="kill", c="complete", d="complete")
    assert raised is None
    assert did.launches == ["abcd", "b", "cd"]
    assert set(did.reported[0].values()) == {"completed"}


def test_a_job_that_always_kills_its_worker_is_given_up_and_all_others_are_done(run_jobs):
    did, raised = run_jobs(a="complete", b="kill " * 9, c="complete", d="complete", attempts=3)
    assert did.launches == ["abcd", "b", "b", "b", "cd"]
    assert isinstance(raised, Incomplete)
    assert "1 of 4 jobs failed: x=b" in str(raised)
    assert did.reported[-1] == {"a": "completed", "b": "failed", "c": "completed", "d": "completed"}


def test_a_job_that_is_killed_only_beside_others_completes_alone(run_jobs):
    did, raised = run_jobs(a="complete", b="alone alone", c="kill", d="complete")
    assert raised is None
    assert did.launches == ["abcd", "b", "cd", "c", "d"]
    assert did.reported[-1] == dict.fromkeys("abcd", "completed")


def test_a_launcher_that_always_breaks_down_ends_the_sweep(run_jobs):
    did, raised = run_jobs(a="break " * 99, b="", c="")
    assert isinstance(raised, Broken)
    assert did.launches == ["abc"] * module.MAX_IDLE_LAUNCHES
    assert len(did.reported) == 1


def test_breakdowns_with_progress_between_them_do_not_end_the_sweep(run_jobs):
    did, raised = run_jobs(**dict.fromkeys("abcdef", "kill"))
    assert raised is None
    assert did.reported[-1] == dict.fromkeys("abcdef", "completed")


def test_a_few_breakdowns_without_progress_do_not_end_the_sweep(run_jobs):
    did, raised = run_jobs(a="break break", b="", c="")
    assert raised is None
    assert did.launches == ["abc"] * 3


def test_the_scheduler_waits_for_a_run_that_another_process_holds(run_jobs, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(job_processes, "time", SimpleNamespace(sleep=pauses.append))
    write(tmp_path / "a", {"tags": {"outcome": "running"}})
    (tmp_path / "a" / "lock").touch()
    did, raised = run_jobs(busy=3, a="complete", b="complete")
    assert raised is None
    assert len(pauses) == 3  # and three times it was found busy
    assert did.launches == ["ab"]


def test_ctrl_c_ends_the_sweep_with_a_report_and_stops_jobs_in_other_processes(run_jobs, tmp_path):
    did, raised = run_jobs(a="complete", b="stop", c="complete")
    assert isinstance(raised, Interrupted)
    assert did.reported == [{"a": "completed", "b": "interrupted", "c": None}]
    assert (tmp_path / "sweep" / STOP).exists()
    did, raised = run_jobs(a="", b="", c="")
    assert (did.launches, raised) == (["bc"], None)
    assert not (tmp_path / "sweep" / STOP).exists()


def test_a_signal_while_a_launcher_works_reaches_other_processes_through_the_stop_file(tmp_path):
    """A launcher of processes does not return before its jobs do; the file tells them."""
    seen = []

    class Slow(Pretended):
        def launch(self, *arguments):
            self.stop.signal = signal.SIGTERM
            until = time.monotonic() + 60
            while not (self.folder / STOP).exists() and time.monotonic() < until:
                time.sleep(0.01)
            seen.append((self.folder / STOP).exists())
            return super().launch(*arguments)

    folder = tmp_path / "sweep"
    folder.mkdir()
    slow = Slow(folder, {})
    job = Job("a", "x=a", 0, 1, {"of": "a"})
    with pytest.raises(Interrupted, match="SIGTERM"):
        Scheduler(SweepOptions(**DEFAULTS), folder, slow, slow, slow.stop).run(Grid([job, job]))
    assert seen == [True]


def test_after_the_budget_no_job_is_launched_and_the_same_command_resumes(run_jobs, monkeypatch):
    class Waiting(Grid):
        """Its second proposal comes after the time is over."""

        def propose(self, _batch):
            clock[0] += 60.0 if self._jobs and self._jobs[0].name == "b" else 0.0
            return [self._jobs.pop(0)] if self._jobs else []

    clock = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock[0]))
    jobs = [Job(name, f"x={name}", 0, 1, {"of": name}) for name in "abc"]
    did, raised = run_jobs(search=Waiting(jobs), budget=50.0, a="", b="", c="")
    assert (did.launches, type(raised)) == (["a"], TimeOver)
    assert did.sessions[0]["deadline"] == 1050.0
    did, raised = run_jobs(a="", b="", c="")
    assert (did.launches, raised) == (["bc"], None)


@pytest.mark.parametrize(("workers", "parallel"), [(1, False), (None, False), (2, True)])
def test_the_cores_are_shared_among_the_workers(run_jobs, monkeypatch, workers, parallel):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    did, _ = run_jobs(workers=workers, a="", b="")
    assert did.sessions[0]["threads"] == (4 if parallel else None)
