"""One of several processes that train together is killed: the run ends as interrupted, and resumes with any number."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.tracking.record import RunRecord

from ..several import ROOT, free_port, largest_difference, place

OPTIONS = (
    *("data=characters", "data.path=text.txt", "data.valid_fraction=0.1", "batch_size=5", "truncation=7", "epochs=20"),
    *("model.hidden_size=8", "model.num_layers=2", "model.dropout=0.3", "model.output_dropout=0.2", "clip_norm=0.3"),
    *("precision=float64", "threads=1", "tracker=memory", "runner.log_interval=5", "optimizer=sgd", "optimizer.lr=0.3"),
    "runner.checkpoint_targets_interval=200",
)


def torchrun(folder, number, *arguments):
    """Start `experiments` in so many processes, as docs/distributed.md says."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={number}"]
    command += [f"--master-port={free_port()}", "-m", "experiments", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def worker(agent, rank):
    """The process id of the worker of this rank."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == agent.pid and f"RANK={rank}\0".encode() in b"\0" + path.read_bytes():
                return int(path.parent.name)
        except OSError:  # it ended
            continue
    raise AssertionError(f"there is no worker {rank}")


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def kill_in_its_next_epoch(together, rank, folder):
    """Kill the worker of this rank as soon as one more epoch is over; what the processes printed."""
    num_epochs = len(RunRecord.of(folder).metrics.get("valid/loss", ()))
    wait_for(lambda: len(RunRecord.of(folder).metrics.get("valid/loss", ())) > num_epochs)
    os.kill(worker(together, rank), signal.SIGKILL)
    out, _ = together.communicate(timeout=120)
    assert together.returncode != 0
    return out.decode()


LOSES_ONE = """
import os, signal, sys
import torch
import torch.distributed as dist
from experiments.config.launch import launch
from experiments.tracking.interruption import ProcessLost
from experiments.training.process_group import ProcessGroup

place, number = launch(), torch.zeros(1)
try:
    with ProcessGroup(place) as group:
        if place.rank == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        with group._others():
            dist.recv(number, src={0: 1, 1: 2}[place.rank])  # the first waits for another, which waits for the lost one
except ProcessLost:
    sys.exit(7)
"""


def test_a_process_that_lost_another_lets_nobody_wait_for_it(tmp_path):
    """Two wait for each other otherwise, until torchrun kills them and the run stays RUNNING."""
    port = free_port()
    environments = [os.environ | place(rank, 3, port) | {"PYTHONPATH": str(ROOT / "src")} for rank in range(3)]
    command = [sys.executable, "-c", LOSES_ONE]
    started = [subprocess.Popen(command, cwd=tmp_path, env=environment) for environment in environments]
    try:
        assert [process.wait(120) for process in started] == [7, 7, -signal.SIGKILL]
    finally:
        for process in started:
            process.kill()


@pytest.mark.faults
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the workers in /proc")
def test_a_killed_process_ends_the_run_truthfully_and_it_resumes_with_any_number(train, tmp_path):
    """Of three processes the last is killed, of two that resume the run the first; one ends it."""
    draw = random.Random(0)
    (tmp_path / "text.txt").write_text(
        " ".join(draw.choice(("river", "boat", "upon", "a", "slow")) for _ in range(300))
    )
    train(*OPTIONS, "tracker.folder=one", "name=run")
    several, folder = (*OPTIONS, "tracker.folder=several", "name=run", "resume=auto"), tmp_path / "several" / "run"
    for rank, number in ((2, 3), (0, 2)):
        out = kill_in_its_next_epoch(torchrun(tmp_path, number, *several), rank, folder)
        record = RunRecord.of(folder)
        assert (record.status, record.outcome) == ("KILLED", "interrupted"), out
        assert record.tags["processes"] == str(number)
    train(*several)
    record = RunRecord.of(folder)
    assert (record.status, record.outcome) == ("FINISHED", "completed")
    assert record.tags["processes"] == "1"
    assert [path.name for path in (tmp_path / "several").iterdir()] == ["run"]  # no second run
    assert largest_difference(tmp_path / "one" / "run", folder) < 1e-10
