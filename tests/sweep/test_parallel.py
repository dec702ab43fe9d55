"""Sweeps whose jobs run side by side in other processes."""

import contextlib
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from experiments.tracking.folder import JOURNAL
from experiments.tracking.record import RunRecord

from ..processes import exit_code, start
from .conftest import TINY, all_numbers, misbehave, numbers, write_naughty

PARALLEL = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
PATIENCE = 300  # seconds after which a test gives up; nothing is measured


def finish(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `experiments ...`; its exit code and all that was printed in this folder."""
    process = start(folder, [*arguments, "tracker=memory"], new_session=True)
    return exit_code(process, PATIENCE), (folder / "output.txt").read_text()


def jobs(folder: Path) -> dict[str, Path]:
    """The folders of a sweep's runs, by point and seed."""
    known = {path.parent: RunRecord.of(path.parent).tags for path in folder.glob(f"runs/*/{JOURNAL}")}
    return {
        f"{k['sweep.point']} seed={k['sweep.replicate']}": run for run, k in known.items() if k.get("runner") == "train"
    }


def processes_in(folder: Path) -> list[str]:
    """The ids of the processes that work in this folder; none where the system has no /proc."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it ended, or is not ours
            found += [place.parent.name] * (place.readlink() == folder)
    return found


def wait_until(condition) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "this never happened"
        time.sleep(0.05)


@pytest.mark.slow
def test_jobs_side_by_side_give_the_same_bits_as_one_after_the_other(sweep, tmp_path):
    question = (*TINY, "truncation=5,7", "seed=0,1", "model.output_dropout=0.3", "tracker.interval=0.1")
    swept = sweep(*question[len(TINY) :])
    other = tmp_path / "other"
    other.mkdir()
    code, output = finish(other, "-m", *question, *PARALLEL)
    assert code == 0, output
    side_by_side = jobs(other)
    assert {job: numbers(run) for job, run in side_by_side.items()} == all_numbers(swept)
    # the same jobs have the same names but for the folder of the store, which is none here
    assert {run.name for run in side_by_side.values()} == {run.name for run in swept.jobs.values()}
    pids = {RunRecord.of(run).tags["pid"] for run in side_by_side.values()}
    assert str(os.getpid()) not in pids
    assert "4/4" in output


@pytest.mark.slow
def test_a_killed_worker_does_not_stop_the_other_jobs(tmp_path):
    write_naughty(tmp_path)
    misbehave(tmp_path, 9, "SIGKILL", at=4, times=1)
    misbehave(tmp_path, 10, "raise", at=4, times=9)
    question = ["-m", "--config-dir", "mine", *TINY, "model=naughty", "model.hidden_size=8,9,10,11,12", *PARALLEL]
    question += ["runner.checkpoint_targets_interval=1", "runner.log_interval=1"]
    code, output = finish(tmp_path, *question)
    assert code == 1
    assert "the launcher broke down" in output
    assert "1 of 5 jobs failed: model.hidden_size=10" in output
    found = {job: RunRecord.of(run) for job, run in jobs(tmp_path).items()}
    ended = {job: (known.status, known.outcome) for job, known in found.items()}
    assert ended == {
        f"model.hidden_size={size} seed=0": ("FAILED", "failed") if size == 10 else ("FINISHED", "completed")
        for size in (8, 9, 10, 11, 12)
    }
    killed = jobs(tmp_path)["model.hidden_size=9 seed=0"]
    assert '"status": "KILLED"' in (killed / JOURNAL).read_text()  # it was closed, and then went on
    undisturbed = tmp_path / "alone"
    undisturbed.mkdir()
    write_naughty(undisturbed)
    (tmp_path / "deed_10").unlink()
    for job in ("model.hidden_size=9 seed=0", "model.hidden_size=8 seed=0"):
        command = shlex.split(found[job].tags["command"])[1:]
        code, output = finish(undisturbed, *command, "tracker.folder=runs")
        assert code == 0, output
    alone = sorted(undisturbed.glob("runs/*"))
    by_size = {size_of(run): numbers(run) for run in alone}
    assert by_size == {size: numbers(jobs(tmp_path)[f"model.hidden_size={size} seed=0"]) for size in (8, 9)}


def size_of(run: Path) -> int:
    """The hidden size that a run's config tells."""
    lines = (run / "config.yaml").read_text().splitlines()
    return int(next(line for line in lines if "hidden_size" in line).partition(":")[2])


@pytest.mark.slow
def test_a_job_that_always_kills_its_worker_is_given_up_and_the_others_are_done(tmp_path):
    write_naughty(tmp_path)
    misbehave(tmp_path, 9, "SIGKILL", at=2, times=9)
    question = ("-m", "--config-dir", "mine", *TINY, "model=naughty", "model.hidden_size=8,9,10,11", *PARALLEL)
    code, output = finish(tmp_path, *question)
    assert code == 1
    assert "1 of 4 jobs failed: model.hidden_size=9" in output
    found = {job: RunRecord.of(run) for job, run in jobs(tmp_path).items()}
    ended = {job: (known.status, known.outcome) for job, known in found.items()}
    assert ended.pop("model.hidden_size=9 seed=0") == ("FAILED", "failed")
    assert found["model.hidden_size=9 seed=0"].tags["error"] == "its process was killed"
    assert "the store" not in output
    assert set(ended.values()) == {("FINISHED", "completed")}
    assert len(ended) == 3


@pytest.mark.slow
@pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGINT])
def test_workers_stop_when_the_process_of_their_sweep_is_gone_and_the_sweep_can_be_resumed(tmp_path, which):
    question = ["-m", *TINY, "truncation=5,7", "seed=0,1", *PARALLEL, "runner.checkpoint_interval=0.5"]
    endless, short = [*question, "epochs=1000000"], [*question, "epochs=3"]
    process = start(tmp_path, [*endless, "tracker=memory"], new_session=True)
    wait_until(lambda: sum('"train/loss"' in (run / JOURNAL).read_text() for run in jobs(tmp_path).values()) == 2)
    os.kill(process.pid, which)
    assert exit_code(process, PATIENCE) in (-signal.SIGKILL, 130)
    wait_until(lambda: not list(tmp_path.glob("runs/*-seed_*/lock")))
    wait_until(lambda: not processes_in(tmp_path))
    found = [RunRecord.of(run) for run in jobs(tmp_path).values()]
    assert [(known.status, known.outcome) for known in found] == [("KILLED", "interrupted")] * 2
    assert all((run / "last.pt").exists() for run in jobs(tmp_path).values())
    if which == signal.SIGINT:
        assert "resumes this sweep" in (tmp_path / "output.txt").read_text()
    assert finish(tmp_path, *short)[0] == 0
