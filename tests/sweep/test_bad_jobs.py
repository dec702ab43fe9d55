"""Sweeps whose jobs end in bad ways: tables, outcomes and exit codes are right, and the other jobs run."""

import os
import signal
import time
from pathlib import Path

import pytest

from experiments.tracking.records import records_in

from ..processes import exit_code, start

BAD_MODEL = """
import ctypes
import os
import sys
import time
from pathlib import Path

from experiments.models import TorchNetwork


LEAKED = []  # outlives the jobs of a worker; loky ends workers that grow by 300 MB


class Bad(TorchNetwork):
    def __init__(self, num_inputs, num_outputs, *, what: str, **options):
        options.pop("sentence_end", None)
        super().__init__(num_inputs, num_outputs, **options)
        self.what = what

    def score(self, inputs, targets, state):
        if self.training:
            hang = lambda: (Path("hangs").touch(), time.sleep(10_000))
            hang_in_c = lambda: ctypes.PyDLL(None).sleep(10_000)  # meanwhile no other Python code runs
            leak = lambda: None if self in LEAKED else LEAKED.extend([self, b"x" * 200_000_000])  # once in a job
            deeds = {"leak": leak, "abort": os.abort, "exit": lambda: sys.exit(7), "hang": hang, "hang_in_c": hang_in_c}
            {"nothing": lambda: None, "slow": lambda: time.sleep(0.4), **deeds}[self.what]()
        return super().score(inputs, targets, state)
"""

OPTIONS = ("--config-dir", "conf", "-m", "model=bad", "epochs=2", "threads=1", "tracker=memory")


@pytest.fixture
def bad_jobs(tmp_path):
    """Run a sweep whose jobs end in bad ways, in a process of its own; exit code, output and outcomes by job."""
    (tmp_path / "bad.py").write_text(BAD_MODEL)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "bad.yaml").write_text(
        "defaults: [torch_lstm, _self_]\n_target_: bad.Bad\nwhat: nothing\n"
    )

    def run(*arguments: str):
        output = tmp_path / "output.txt"
        output.unlink(missing_ok=True)
        code = exit_code(start(tmp_path, [*OPTIONS, *arguments]))
        runs = [record for record in records_in(tmp_path / "runs") if record.tags["runner"] == "train"]
        outcomes = {record.parameters["model.what"]: record.outcome for record in runs}
        return code, output.read_text(), outcomes

    return run


def test_a_job_that_calls_sys_exit_fails_alone(bad_jobs):
    code, out, outcomes = bad_jobs("model.what=exit,nothing")
    assert (code, outcomes) == (1, {"exit": "failed", "nothing": "completed"})
    assert "1 of 2 jobs failed: model.what=exit seed=0" in out


def test_a_job_that_aborts_the_process_of_a_serial_sweep_cannot_block_it(bad_jobs):
    codes = [bad_jobs("model.what=abort,nothing")[0] for _ in range(3)]
    assert codes == [-signal.SIGABRT] * 3
    code, out, outcomes = bad_jobs("model.what=abort,nothing")
    assert (code, outcomes) == (1, {"abort": "failed", "nothing": "completed"})
    assert "its process died 3 times in a row without any progress" in out


@pytest.mark.slow
def test_a_job_that_aborts_a_worker_fails_alone(bad_jobs):
    code, _, outcomes = bad_jobs("model.what=abort,nothing", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert (code, outcomes) == (1, {"abort": "failed", "nothing": "completed"})


@pytest.mark.slow
def test_workers_that_leak_do_every_job_once(bad_jobs, tmp_path):
    code, out, _ = bad_jobs("model.what=leak", "seed=range(6)", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    runs = [record for record in records_in(tmp_path / "runs") if record.tags["runner"] == "train"]
    assert (code, sorted(run.parameters["seed"] for run in runs)) == (0, [*"012345"]), out
    assert {run.outcome for run in runs} == {"completed"}
    assert "6 completed" in out
    assert "Warning" not in out


LIMIT = "hydra.sweeper.job_timeout=8"  # more than a job of 40 updates needs, less than one that waits in each
TOO_LONG = "took longer than hydra.sweeper.job_timeout=8 seconds"
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def ends_of_jobs(folder: Path) -> dict[str, tuple[str, str, str]]:
    """What each job did -> its status, outcome and error."""
    runs = [record for record in records_in(folder / "runs") if record.tags["runner"] == "train"]
    return {r.parameters["model.what"]: (r.status, r.tags["outcome"], r.tags.get("error", "")) for r in runs}


def rows_of(folder: Path) -> dict[str, str]:
    """What each job did -> its outcome in the sweep's table."""
    (table,) = folder.glob("runs/sweep-*/comparison.csv")
    return {line.split(",")[0]: line.split(",")[2] for line in table.read_text().splitlines()[1:]}


def test_a_slow_job_and_one_that_hangs_fail_at_the_time_limit_and_the_others_run(bad_jobs, tmp_path):
    """The slow one ends between two updates, with a checkpoint; the other is ended wherever it is."""
    code, out, outcomes = bad_jobs("model.what=hang_in_c,slow,nothing", LIMIT, "epochs=20")
    assert (code, outcomes) == (1, {"hang_in_c": "failed", "slow": "failed", "nothing": "completed"})
    assert "2 of 3 jobs failed: model.what=hang_in_c seed=0, model.what=slow seed=0" in out
    ends = ends_of_jobs(tmp_path)
    assert ends["slow"] == ("FAILED", "failed", TOO_LONG)
    assert ends["hang_in_c"] == ("FAILED", "failed", f"{TOO_LONG} and hung: traceback.txt says where")
    assert rows_of(tmp_path) == {"hang_in_c": "1 failed", "slow": "1 failed", "nothing": "1 completed"}
    (slow,) = tmp_path.glob("runs/what_slow-*")
    (hung,) = tmp_path.glob("runs/what_hang_in_c-*")
    assert (slow / "last.pt").exists()
    assert "in score" in (hung / "traceback.txt").read_text()
    assert not list(tmp_path.glob("runs/*/lock"))
    code, _, _ = bad_jobs("model.what=hang_in_c,slow,nothing", LIMIT.replace("8", "1"), "epochs=20")
    journal = (slow / "journal.jsonl").read_text()  # the same command goes on from the checkpoint
    assert (code, journal.count('"failed"')) == (1, 2)


@pytest.mark.slow
def test_jobs_side_by_side_fail_at_the_time_limit_too(bad_jobs, tmp_path):
    code, _, outcomes = bad_jobs("model.what=hang,slow,nothing,hang_in_c", LIMIT, "epochs=20", *JOBLIB)
    assert code == 1
    assert outcomes == {"hang": "failed", "hang_in_c": "failed", "slow": "failed", "nothing": "completed"}
    assert all(error.startswith(TOO_LONG) for _, _, error in ends_of_jobs(tmp_path).values() if error)
    assert not list(tmp_path.glob("runs/*/lock"))


def test_fail_fast_ends_a_sweep_with_the_first_job_that_is_given_up(bad_jobs, tmp_path):
    """Serial: the failing job is tried again at once, nothing starts after it, the same command resumes."""
    options = ("model.what=nothing,exit,slow", "hydra.sweeper.fail_fast=true")
    code, out, outcomes = bad_jobs(*options)
    assert (code, outcomes) == (1, {"nothing": "completed", "exit": "failed"})
    assert "1 of 3 jobs failed: model.what=exit seed=0; that ended the sweep with 1 more to do" in out
    assert rows_of(tmp_path) == {"nothing": "1 completed", "exit": "1 failed"}
    (run,) = tmp_path.glob("runs/what_exit-*")
    assert (run / "journal.jsonl").read_text().count('"failed"') == 2  # hydra.sweeper.attempts
    (tmp_path / "bad.py").write_text(BAD_MODEL.replace("sys.exit(7)", "None"))  # the cause is mended
    code, _, outcomes = bad_jobs(*options, "hydra.sweeper.attempts=1")
    assert (code, outcomes) == (0, {"nothing": "completed", "exit": "completed", "slow": "completed"})


@pytest.mark.slow
def test_fail_fast_stops_jobs_that_run_elsewhere_with_a_checkpoint(bad_jobs, tmp_path):
    options = ("model.what=slow,exit,nothing", "epochs=100", "hydra.sweeper.fail_fast=true", *JOBLIB)
    code, _, outcomes = bad_jobs(*options)
    assert (code, outcomes) == (1, {"slow": "interrupted", "exit": "failed"})
    (slow,) = tmp_path.glob("runs/what_slow-*")
    assert (slow / "last.pt").exists()
    assert not list(tmp_path.glob("runs/*/lock"))
    assert [run.status for run in records_in(tmp_path / "runs") if run.tags["runner"] == "sweep"] == ["FAILED"]


@pytest.fixture
def hanging_sweep(bad_jobs, tmp_path):  # noqa: ARG001 - the model is there
    """Start a sweep, wait until a job hangs and these ended, and send two signals: the exit code."""

    def run(ended: list[str], *arguments: str) -> int:
        process = start(tmp_path, [*OPTIONS, *arguments])
        deadline = time.monotonic() + 200
        while not (tmp_path / "hangs").exists() or not all(has_ended(tmp_path / "runs", job) for job in ended):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(1.0)  # so that the second one is not taken for the first
        assert process.exitcode is None
        os.kill(process.pid, signal.SIGTERM)
        return exit_code(process, 60)

    return run


def has_ended(runs: Path, job: str) -> bool:
    return any('"FINISHED"' in path.read_text() for path in runs.glob(f"{job}*/journal.jsonl"))


def ends_in(runs: Path) -> dict[str, tuple[str, str]]:
    """The beginning of each run's name -> its status and outcome."""
    return {record.name.partition("-")[0]: (record.status, record.outcome) for record in records_in(runs)}


KILLED = ("KILLED", "interrupted")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), JOBLIB, (LIMIT.replace("8", "100"),), (LIMIT.replace("8", "100"), *JOBLIB)])
def test_a_job_that_hangs_ends_with_the_second_signal(hanging_sweep, tmp_path, launcher):
    """The first one waits for the update to end, as ever; nothing is left as RUNNING."""
    assert hanging_sweep(["what_nothing"], "model.what=nothing,hang", *launcher) == 128 + signal.SIGTERM
    ends = ends_in(tmp_path / "runs")
    assert ends == {"what_nothing": ("FINISHED", "completed"), "what_hang": KILLED, "sweep": KILLED}


@pytest.mark.slow
def test_a_budget_that_passes_while_a_job_hangs_starts_no_other(hanging_sweep, tmp_path):
    options = ("model.what=hang,nothing", "hydra.sweeper.budget=1")
    assert hanging_sweep([], *options) == 128 + signal.SIGTERM
    assert ends_in(tmp_path / "runs") == {"what_hang": KILLED, "sweep": KILLED}
