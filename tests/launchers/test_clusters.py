"""Sweeps through submitit and Ray, on this machine, into a real MLflow server (make test-launchers)."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.tracking.journal import read_entries

from ..faults.server import Server
from ..sweep.conftest import misbehave, write_naughty

MODULES = {"submitit_local": "submitit", "ray": "ray"}
LAUNCHERS = [
    pytest.param("submitit_local", marks=pytest.mark.slurm),
    pytest.param("ray", marks=pytest.mark.ray),
]
OFTEN = ("runner.log_interval=20", "tracker.interval=0.5")


@pytest.fixture(params=LAUNCHERS)
def launcher(request):
    if importlib.util.find_spec(MODULES[request.param]) is None:
        pytest.skip(f"hydra/launcher={request.param} is not installed: make test-launchers")
    return f"hydra/launcher={request.param}"


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


class Sweep:
    """Four jobs, one for each size of a network that can misbehave, started as a person would."""

    def __init__(self, folder: Path, launcher: str, uri: str):
        write_naughty(folder)
        self.folder, self.uri = folder, uri
        what = ["model.hidden_size=4,5,6,7", "truncation=7", "threads=1", *OFTEN, f"tracker.uri={uri}", launcher]
        own = ["--config-dir", str(folder / "mine"), "model=naughty"]
        self.command = [sys.executable, "-m", "experiments", "-m", *own, *what]

    def start(self, epochs: int) -> subprocess.Popen:
        self.output = self.folder / "output.txt"
        with self.output.open("w") as output:
            arguments = [*self.command, f"epochs={epochs}"]
            how = {"cwd": self.folder, "stdout": output, "stderr": output, "start_new_session": True}
            return subprocess.Popen(arguments, **how)

    def run(self, epochs: int = 20) -> int:
        return self.start(epochs).wait(300)

    def stored(self):
        """The parent run and its jobs by the size of their network, as the server has them."""
        client = MlflowClient(self.uri)
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        (parent,) = [run for run in runs if run.data.tags.get("runner") == "sweep"]
        jobs = {int(run.data.params["model.hidden_size"]): run for run in runs if run is not parent}
        assert len(jobs) == len(runs) - 1
        assert {run.data.tags["mlflow.parentRunId"] for run in jobs.values()} == {parent.info.run_id}
        return parent, jobs

    def statuses(self) -> tuple[str, Counter]:
        parent, jobs = self.stored()
        return parent.info.status, Counter(run.info.status for run in jobs.values())

    def journal(self, size: int) -> list[dict]:
        (folder,) = self.folder.glob(f"runs/hidden_size_{size}-*")
        return [entry for entry, _ in read_entries(folder / "journal.jsonl")]

    def wait_for(self, jobs: int, text: str) -> None:
        """Until the journals of so many jobs hold this text."""
        deadline = time.monotonic() + 120
        while sum(text in path.read_text() for path in self.folder.glob("runs/hidden_size_*/journal.jsonl")) < jobs:
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.2)


@pytest.fixture
def sweep(tmp_path, launcher, server):
    return Sweep(tmp_path, launcher, server.uri)


def left_over(folder: Path) -> list[str]:
    """Processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or somebody else's
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def test_a_sweep_of_four_jobs(sweep, tmp_path):
    assert sweep.run() == 0, sweep.output.read_text()
    assert sweep.statuses() == ("FINISHED", Counter(FINISHED=4))
    told = sweep.output.read_text()
    assert "[4/4]" in told
    assert "lowest train/loss best" in told
    assert not (tmp_path / "multirun").exists()
    assert left_over(tmp_path) == []


def test_a_job_that_fails_leaves_the_others_alone(sweep, tmp_path):
    misbehave(tmp_path, 5, "raise", at=8, times=2)
    assert sweep.run() == 1
    assert sweep.statuses() == ("FAILED", Counter(FINISHED=3, FAILED=1))
    assert "1 of 4 jobs failed: model.hidden_size=5 seed=0" in sweep.output.read_text()


def test_a_job_whose_process_is_killed_is_run_again(sweep, tmp_path):
    misbehave(tmp_path, 5, "SIGKILL", at=8, times=1)
    assert sweep.run() == 0, sweep.output.read_text()
    assert sweep.statuses() == ("FINISHED", Counter(FINISHED=4))


def test_ctrl_c_ends_all_jobs_and_the_same_command_goes_on(sweep, tmp_path):
    for begun in ("train/loss", '"status": "RUNNING"'):  # the second says that a run goes on
        process = sweep.start(epochs=100_000)
        sweep.wait_for(2, begun)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(90) == 130, sweep.output.read_text()
        status, jobs = sweep.statuses()
        assert status == "KILLED"
        assert jobs.keys() == {"KILLED"}
        assert len(list(tmp_path.glob("runs/hidden_size_*/last.pt"))) == jobs["KILLED"]
        assert left_over(tmp_path) == []


@pytest.mark.slurm
@pytest.mark.parametrize("launcher", ["submitit_local"], indirect=True)
def test_a_preempted_job_ends_with_a_checkpoint_and_is_requeued(sweep, tmp_path):
    misbehave(tmp_path, 5, "SIGUSR2", at=30, times=1)
    assert sweep.run(epochs=60) == 0, sweep.output.read_text()
    assert sweep.statuses() == ("FINISHED", Counter(FINISHED=4))
    ends = [entry["tags"]["outcome"] for entry in sweep.journal(5) if "outcome" in entry.get("tags", {})]
    assert ends == ["running", "interrupted", "running", "completed"]
    logs = "".join(log.read_text() for log in tmp_path.glob("runs/.submitit/*/*_log.out"))
    assert logs.count("Requeued job") == 1
