"""The journal, the delivery, and how a run ends."""

import contextlib
import json
import math
import shutil

import pytest

from experiments.tracking import MemoryTracker, Point, read_journal


class Flaky(MemoryTracker):
    """A store that is sometimes down."""

    down = False

    def _deliver(self, points):
        if self.down:
            raise ConnectionError("store is down")
        super()._deliver(points)


def tracker(tmp_path, kind=MemoryTracker, interval=0.0):
    return kind(folder=str(tmp_path), interval=interval, name="run", tags={"runner": "train"})


def test_every_point_is_journalled_before_it_is_delivered(tmp_path):
    with tracker(tmp_path, interval=3600.0) as run:
        run.log_metrics({"train/loss": 1.5, "train/accuracy": 0.25}, 10)
        assert run.points == []
        assert [point[:3] for point in read_journal(tmp_path / "run" / "metrics.jsonl")] == [
            ("train/loss", 1.5, 10),
            ("train/accuracy", 0.25, 10),
        ]
    assert run.points == read_journal(tmp_path / "run" / "metrics.jsonl")
    assert set(json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])) == set(Point._fields)


def test_nan_and_infinity_reach_neither_journal_nor_store(tmp_path):
    with tracker(tmp_path) as run:
        run.log_metrics({"a": math.nan, "b": math.inf, "c": 1.0}, 0)
    assert [point.key for point in run.points] == ["c"]


def test_what_a_store_refuses_is_delivered_later_in_order_and_once(tmp_path):
    with tracker(tmp_path, Flaky) as run:
        run.down = True
        for step in range(3):
            run.log_metrics({"a": step}, step)
        assert run.undelivered == 3
        run.down = False
        run.log_metrics({"a": 3.0}, 3)
        assert run.undelivered == 0
    assert [point.step for point in run.points] == [0, 1, 2, 3]


def test_a_store_that_stays_down_does_not_fail_the_run(tmp_path):
    with tracker(tmp_path, Flaky) as run:
        run.down = True
        run.log_metrics({"a": 1.0}, 0)
    assert (run.status, run.undelivered) == ("FINISHED", 1)


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


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path):
    class Closed(MemoryTracker):
        def _begin(self):
            raise ConnectionError("no store")

    with pytest.raises(ConnectionError), tracker(tmp_path / "runs", Closed):
        pass
    assert list(tmp_path.iterdir()) == []
