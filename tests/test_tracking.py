"""The journal, the delivery, and how a run ends."""

import contextlib
import json
import math
import shutil
import subprocess
import sys
import time

import pytest

from experiments.tracking.delivery import Refused
from experiments.tracking.folder import facts, left_open
from experiments.tracking.journal import Point, read_journal
from experiments.tracking.memory import MemoryTracker


class Flaky(MemoryTracker):
    """A store that is sometimes down."""

    down = False

    def _deliver(self, points):
        if self.down:
            raise ConnectionError("store is down")
        super()._deliver(points)


def tracker(tmp_path, kind=MemoryTracker, interval=3600.0, required=False, name="run"):
    """Delivers when it is told to, unless an interval is given."""
    return kind(folder=str(tmp_path), interval=interval, required=required, name=name, tags={"runner": "train"})


def test_every_point_is_journalled_before_it_is_delivered(tmp_path):
    journal = tmp_path / "run" / "journal.jsonl"
    with tracker(tmp_path) as run:
        run.log_metrics({"train/loss": 1.5, "train/accuracy": 0.25}, 10)
        assert run.points == []
        assert [point[:3] for point in read_journal(journal)] == [("train/loss", 1.5, 10), ("train/accuracy", 0.25, 10)]
    assert run.points == read_journal(journal)
    assert set(Point._fields) in [set(json.loads(line)) for line in journal.read_text().splitlines()]


def test_a_thread_delivers_at_every_interval(tmp_path):
    with tracker(tmp_path, interval=0.01) as run:
        run.log_metrics({"a": 1.0}, 0)
        until(lambda: run.points)


def test_nan_and_infinity_reach_neither_journal_nor_store(tmp_path):
    with tracker(tmp_path) as run:
        run.log_metrics({"a": math.nan, "b": math.inf, "c": 1.0}, 0)
    assert [point.key for point in run.points] == ["c"]


def test_what_a_store_refuses_is_delivered_later_in_order_and_once(tmp_path):
    with tracker(tmp_path, Flaky) as run:
        run.down = True
        for step in range(3):
            run.log_metrics({"a": step}, step)
            run.deliver()
        assert (run.points, run.trouble) == ([], "the store did not take what was sent: store is down")
        run.down = False
        run.log_metrics({"a": 3.0}, 3)
        run.deliver()
        assert run.trouble is None
    assert [point.step for point in run.points] == [0, 1, 2, 3]


def test_a_store_that_stays_down_does_not_fail_the_run_and_is_served_later(tmp_path):
    with tracker(tmp_path, Flaky) as run:
        run.down = True
        run.log_metrics({"a": 1.0}, 0)
    assert run.undelivered == 4  # the point, two files, and outcome and status in one line
    later = tracker(tmp_path, Flaky)
    later.__dict__.update(points=[], parameters={}, files=[])
    assert later.settle() == "delivered"
    assert ([point.step for point in later.points], later.status, later.tags["outcome"]) == (
        [0],
        "FINISHED",
        "completed",
    )
    assert later.settle() is None


def test_a_required_store_fails_the_run(tmp_path):
    def lose_the_store(run):
        run.down = True
        run.log_metrics({"a": 1.0}, 0)
        run.deliver()
        run.log_metrics({"a": 1.0}, 1)

    refusal = pytest.raises(ConnectionError, match="required=true, but the store did not take")
    with refusal, tracker(tmp_path, Flaky, required=True) as run:
        lose_the_store(run)


def test_what_the_store_will_never_take_is_said_and_left_out(tmp_path):
    class Picky(MemoryTracker):
        def _parameters(self, _):
            raise Refused("too long")

    with tracker(tmp_path, Picky) as run:
        run.log_config({"a": 1})
        run.log_metrics({"a": 1.0}, 0)
    assert len(run.points) == 1
    assert run.undelivered == 0


def test_a_journal_sends_no_file_from_elsewhere(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    with tracker(tmp_path) as run:
        (run.folder / "link.txt").symlink_to(tmp_path / "secret.txt")
        (run.folder / "own.txt").write_text("own")
        run.journal.append({"file": "../secret.txt"}, {"file": "link.txt"}, {"file": "own.txt"})
    assert [name for name in run.files if name.endswith(".txt")] == ["own.txt"]


def test_a_resumed_run_neither_repeats_nor_misses_a_point(tmp_path):
    with tracker(tmp_path) as run:
        for step in range(5):
            run.log_metrics({"a": step}, step)
    journal = tmp_path / "run" / "journal.jsonl"
    kept = journal.read_bytes()[: journal.read_bytes().index(b'"status"') - 1]
    journal.write_bytes(kept[:-30])  # a process that was killed while it wrote
    with tracker(tmp_path) as again:
        assert again.resumed
        for step in range(3, 8):
            again.log_metrics({"a": step}, step)
    assert [point.step for point in read_journal(journal)] == list(range(8))
    assert [json.loads(line) for line in journal.read_text().splitlines()]


def test_a_run_is_held_by_one_process_at_a_time(tmp_path):
    with tracker(tmp_path), pytest.raises(ValueError, match="is going on in another process"):
        tracker(tmp_path).__enter__()


def test_a_run_whose_process_died_is_found_and_closed(tmp_path):
    script = (
        "import os; from experiments.tracking.memory import MemoryTracker\n"
        f"run = MemoryTracker(folder={str(tmp_path)!r}, interval=9.0, required=False, name='run', tags={{}})\n"
        "run.__enter__(); run.log_metrics({'a': 1.0}, 0); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert left_open(tmp_path) == [tmp_path / "run"]
    doctor = tracker(tmp_path)
    doctor.__dict__.update(points=[], parameters={}, files=[])
    assert doctor.settle() == "its process died: closed as KILLED"
    known = facts(tmp_path / "run" / "journal.jsonl")
    assert (known["status"], known["outcome"]) == ("KILLED", "interrupted")
    assert left_open(tmp_path) == []


def until(condition, seconds: float = 10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Odd(RuntimeError):
    outcome = "diverged"


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (None, "FINISHED", "completed"),
        (ValueError("no"), "FAILED", "failed"),
        (Odd("no"), "FAILED", "diverged"),
        (KeyboardInterrupt(), "KILLED", "interrupted"),
    ],
)
def test_a_run_ends_truthfully(tmp_path, error, status, outcome):
    run = tracker(tmp_path)
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)), run:
        run.log_metrics({"a": 1.0}, 0)
        if error is not None:
            raise error
    assert (run.status, run.tags["outcome"]) == (status, outcome)
    assert len(run.points) == 1
    assert ("traceback.txt" in run.files) == (status == "FAILED")


def fail_without_folder(folder):
    shutil.rmtree(folder)
    raise RuntimeError("boom")


def test_a_run_whose_folder_is_gone_still_ends_with_its_own_error(tmp_path):
    run = tracker(tmp_path)
    with pytest.raises(RuntimeError, match="boom"), run:
        fail_without_folder(tmp_path / "run")
    assert (run.status, run.tags["outcome"]) == ("FAILED", "failed")


class Closed(MemoryTracker):
    def _begin(self):
        raise ConnectionError("no store")


def test_a_run_begins_without_its_store_unless_that_is_required(tmp_path):
    with pytest.raises(ConnectionError, match="no store"), tracker(tmp_path / "runs", Closed, required=True):
        pass
    assert list(tmp_path.iterdir()) == []
    with tracker(tmp_path / "runs", Closed) as run:
        assert run.run_id == "run"
    assert run.undelivered > 0
