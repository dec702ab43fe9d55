"""The journal, the delivery, and how a run ends."""

import contextlib
import errno
import json
import logging
import math
import shutil
import subprocess
import sys
import threading
import time

import pytest

from experiments.checkpoints.resume import newest_of
from experiments.tracking.backend import Refused
from experiments.tracking.journal import Damaged, Journal, Point, parse_line, read_journal
from experiments.tracking.memory import MemoryBackend, MemoryStore
from experiments.tracking.record import RunRecord
from experiments.tracking.records import records_in, unfinished_in
from experiments.tracking.run import Run
from experiments.tracking.unrecorded import UnrecordedRun


class Flaky(MemoryBackend):
    """A store that is sometimes down."""

    down = False

    def log_points(self, points):
        if self.down:
            raise ConnectionError("store is down")
        super().log_points(points)


def a_store(folder, kind=MemoryBackend, interval=3600.0, required=False):
    """Delivers when `deliver` is called, unless an interval is given; `backends` of it are all its runs."""

    class Lasting(MemoryStore):
        is_lasting = True  # what a run delivers is there for the next one

        def backend(self, name):
            self.backends.append(kind(self.folder / name))
            return self.backends[-1]

    store = Lasting(folder=str(folder), interval=interval, required=required)
    store.backends = []
    return store


def a_run(folder, *arguments, name="run", **options):
    return Run(a_store(folder, *arguments, **options), name, {"runner": "train"})


def sent(run) -> MemoryBackend:
    """What the store has received of a run."""
    return run.delivery.backend


def sent_status(store) -> tuple[str, str]:
    """Status and outcome that the store was sent last."""
    return store.backends[-1].status, store.backends[-1].tags["outcome"]


def test_a_run_that_another_process_records_drops_whatever_is_logged():
    logging_methods = {name for name in vars(Run) if name.startswith("log_")} | {"set_tags", "__enter__", "__exit__"}
    assert logging_methods <= vars(UnrecordedRun).keys()


def test_every_point_is_journalled_before_it_is_delivered(tmp_path):
    journal = tmp_path / "run" / "journal.jsonl"
    with a_run(tmp_path) as run:
        run.log_metrics({"train/loss": 1.5, "train/accuracy": 0.25}, 10)
        assert sent(run).points == []
        assert [point[:3] for point in read_journal(journal)] == [("train/loss", 1.5, 10), ("train/accuracy", 0.25, 10)]
    assert sent(run).points == read_journal(journal)
    assert set(Point._fields) in [set(json.loads(line)) for line in journal.read_text().splitlines()]


def test_a_thread_delivers_at_every_interval(tmp_path):
    with a_run(tmp_path, interval=0.01) as run:
        run.log_metrics({"a": 1.0}, 0)
        until(lambda: sent(run).points)


def test_nan_and_infinity_reach_neither_journal_nor_store(tmp_path):
    with a_run(tmp_path) as run:
        run.log_metrics({"a": math.nan, "b": math.inf, "c": 1.0}, 0)
    assert [point.key for point in sent(run).points] == ["c"]


def test_points_are_delivered_in_order_and_once_when_a_store_is_reachable_again(tmp_path):
    with a_run(tmp_path, Flaky) as run:
        sent(run).down = True
        for step in range(3):
            run.log_metrics({"a": step}, step)
            run.delivery.deliver()
        assert (sent(run).points, run.delivery.error) == ([], "the store could not be updated: store is down")
        sent(run).down = False
        run.log_metrics({"a": 3.0}, 3)
        run.delivery.deliver()
        assert run.delivery.error is None
    assert [point.step for point in sent(run).points] == [0, 1, 2, 3]


def test_a_store_that_stays_down_does_not_fail_the_run_and_is_served_later(tmp_path):
    with a_run(tmp_path, Flaky) as run:
        sent(run).down = True
        run.log_metrics({"a": 1.0}, 0)
    assert run.num_undelivered == 4  # the point, two files, and outcome and status in one line
    later = a_store(tmp_path, Flaky)
    assert later.close_dead_run("run") == "delivered"
    (delivered,) = later.backends
    assert [point.step for point in delivered.points] == [0]
    assert (delivered.status, delivered.tags["outcome"]) == ("FINISHED", "completed")
    assert later.close_dead_run("run") is None


def test_a_required_store_fails_the_run(tmp_path):
    message = "required=true, but the store could not be updated"
    with pytest.raises(ConnectionError, match=message), a_run(tmp_path, Flaky, required=True) as run:  # noqa: PT012
        sent(run).down = True
        run.log_metrics({"a": 1.0}, 0)
        run.delivery.deliver()
        with pytest.raises(ConnectionError, match=message):
            run.log_metrics({"a": 1.0}, 1)


def test_what_the_store_refuses_for_good_is_logged_and_left_out(tmp_path):
    class Picky(MemoryBackend):
        def log_parameters(self, _):
            raise Refused("too long")

    with a_run(tmp_path, Picky) as run:
        run.log_parameters({"a": 1})
        run.log_metrics({"a": 1.0}, 0)
    assert len(sent(run).points) == 1
    assert run.num_undelivered == 0


def test_a_journal_sends_no_file_from_elsewhere(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    with a_run(tmp_path) as run:
        (run.folder / "link.txt").symlink_to(tmp_path / "secret.txt")
        (run.folder / "own.txt").write_text("own")
        run.journal.append({"file": "../secret.txt"}, {"file": "link.txt"}, {"file": "own.txt"})
    assert [name for name in sent(run).files if name.endswith(".txt")] == ["own.txt"]


def test_a_resumed_run_neither_repeats_nor_misses_a_point(tmp_path):
    with a_run(tmp_path) as run:
        for step in range(5):
            run.log_metrics({"a": step}, step)
    journal = tmp_path / "run" / "journal.jsonl"
    kept = journal.read_bytes()[: journal.read_bytes().index(b'"status"') - 1]
    journal.write_bytes(kept[:-30])  # a process that was killed while it wrote
    with a_run(tmp_path) as again:
        assert again.resumed
        for step in range(3, 8):
            again.log_metrics({"a": step}, step)
    assert [point.step for point in read_journal(journal)] == list(range(8))
    assert [json.loads(line) for line in journal.read_text().splitlines()]


def test_a_run_is_held_by_one_process_at_a_time(tmp_path):
    with a_run(tmp_path), pytest.raises(ValueError, match="is in progress in another process"):
        a_run(tmp_path).__enter__()


def test_a_resumed_run_sends_a_heartbeat_before_it_is_running_again(tmp_path):
    class Noting(MemoryBackend):
        def set_tags(self, tags):
            self.calls = [*getattr(self, "calls", []), *tags]
            super().set_tags(tags)

        def end(self, status):
            self.calls.append(status)
            super().end(status)

    with a_run(tmp_path, Noting):
        pass
    with a_run(tmp_path, Noting, required=True) as again:
        calls = sent(again).calls
        assert calls.index("heartbeat") < calls.index("RUNNING")


def die(folder) -> None:
    """Begin a run in a process that is then killed."""
    script = (
        "import os\nfrom experiments.tracking.memory import MemoryStore\nfrom experiments.tracking.run import Run\n"
        f"store = MemoryStore(folder={str(folder)!r}, interval=9.0, required=False)\n"
        "run = Run(store, 'run', {}); run.__enter__()\n"
        "run.log_metrics({'a': 1.0}, 0); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9


@pytest.mark.parametrize(
    ("failure", "status", "outcome"), [(None, "KILLED", "interrupted"), ("it was killed", "FAILED", "failed")]
)
def test_a_run_whose_process_died_is_found_and_closed(tmp_path, failure, status, outcome):
    die(tmp_path)
    assert (tmp_path / "run" / "lock").exists()
    assert a_store(tmp_path).close_dead_run("run", failure) == f"its process died: closed as {status}"
    record = RunRecord.of(tmp_path / "run")
    assert (record.status, record.outcome, record.tags.get("error")) == (status, outcome, failure)
    assert not (tmp_path / "run" / "lock").exists()


def away(folder):
    """The run of `die`, resumed with another store, which cannot be reached but is required."""
    store = a_store(folder, Unreachable, required=True)
    store.identifier = "another store"
    with pytest.raises(ConnectionError, match="no store"):
        Run(store, "run", {"runner": "train", "command": "again"}).__enter__()


def test_a_run_whose_process_died_and_that_cannot_be_resumed_is_closed_by_a_later_start(tmp_path):
    die(tmp_path)
    away(tmp_path)
    store = a_store(tmp_path)
    store.close_dead_runs("another run")
    record = RunRecord.of(tmp_path / "run")
    assert (record.store, record.status, record.outcome) == (store.identifier, "KILLED", "interrupted")
    assert sent_status(store) == ("KILLED", "interrupted")
    assert not (tmp_path / "run" / "lock").exists()


def test_a_run_that_cannot_be_resumed_stays_in_its_store_with_its_tags(tmp_path):
    with Run(a_store(tmp_path), "run", {"runner": "train", "command": "first"}):
        pass
    before = RunRecord.of(tmp_path / "run")
    away(tmp_path)
    after = RunRecord.of(tmp_path / "run")
    assert (after.store, after.status, after.tags) == (before.store, "FINISHED", before.tags)
    assert a_store(tmp_path).is_own(after)
    assert not (tmp_path / "run" / "lock").exists()


def test_a_run_that_is_running_without_a_process_is_closed_even_if_its_lock_was_removed(tmp_path):
    die(tmp_path)
    (tmp_path / "run" / "lock").unlink()
    assert a_store(tmp_path).close_dead_run("run") == "its process died: closed as KILLED"


@pytest.fixture
def full_disk(monkeypatch):
    """Makes the disk full, for journals, until the function that it returns is called."""
    append = Journal.append

    def fill():
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Journal, "append", full)
        return lambda: monkeypatch.setattr(Journal, "append", append)

    return fill


@pytest.mark.parametrize("is_resumed", [False, True])
def test_a_run_whose_end_a_full_disk_did_not_take_is_closed_once_there_is_room(tmp_path, full_disk, is_resumed):
    if is_resumed:
        with pytest.raises(KeyboardInterrupt), a_run(tmp_path):
            raise KeyboardInterrupt
    with a_run(tmp_path) as run:
        make_room = full_disk()
    assert (sent(run).status, sent(run).tags["outcome"]) == ("FINISHED", "completed")
    store = a_store(tmp_path)
    store.close_dead_runs("another run")  # the disk is still full
    assert RunRecord.of(tmp_path / "run").status == "RUNNING"
    make_room()
    store.close_dead_runs("another run")
    assert RunRecord.of(tmp_path / "run").status == "KILLED"
    assert sent_status(store) == ("KILLED", "interrupted")
    with a_run(tmp_path) as again:
        assert again.resumed
    assert RunRecord.of(tmp_path / "run").outcome == "completed"
    assert not (tmp_path / "run" / "lock").exists()


def test_a_second_signal_at_the_end_of_a_run_unlocks_its_folder(tmp_path, monkeypatch):
    run = a_run(tmp_path)
    with pytest.raises(KeyboardInterrupt), run:
        monkeypatch.setattr(run.delivery, "finish", interrupted)
    assert a_store(tmp_path).close_dead_run("run") == "delivered"
    assert RunRecord.of(tmp_path / "run").outcome == "completed"


def test_a_second_signal_while_the_traceback_is_written_ends_the_run_all_the_same(tmp_path, monkeypatch):
    run = a_run(tmp_path)
    with pytest.raises(KeyboardInterrupt), run:  # noqa: PT012
        monkeypatch.setattr(run, "log_text", interrupted)
        raise ValueError("no")
    assert (sent(run).status, sent(run).tags["error"]) == ("FAILED", "no")


def interrupted(*_):
    raise KeyboardInterrupt


WRONG = [
    '{"tags": null}',
    '{"tags": ["x"]}',
    '{"tags": {"x": 1}}',
    '{"parameters": "x"}',
    '{"key": 1}',
    '{"key": "train/loss"}',
    '{"key": "train/loss", "value": "x", "step": 1, "timestamp": 1}',
    '{"key": "train/loss", "value": 1.0, "step": 1.5, "timestamp": 1}',
    '{"status": ["a"]}',
    '{"run": 5}',
    '{"started": "x"}',
    '["run"]',
    "[" * 100_000,
    "no json",
]


@pytest.mark.parametrize("line", WRONG)
def test_a_journal_is_read_up_to_a_line_of_the_wrong_shape(tmp_path, line, caplog):
    with a_run(tmp_path, name="damaged") as run:
        run.log_metrics({"train/loss": 1.0}, 1)
    with a_run(tmp_path, name="whole"):
        pass
    path = tmp_path / "damaged" / "journal.jsonl"
    good = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*good[:2], line.encode() + b"\n", *good[2:]]))
    with pytest.raises(Damaged):
        parse_line(line.encode())
    logging.getLogger("experiments").addHandler(caplog.handler)
    try:
        damaged, whole = records_in(tmp_path)
    finally:
        logging.getLogger("experiments").removeHandler(caplog.handler)
    assert (damaged.metrics, damaged.outcome, whole.outcome) == ({"train/loss": {1: 1.0}}, "running", "completed")
    assert f"the journal in {tmp_path / 'damaged'} is damaged" in caplog.text
    assert [point.step for point in read_journal(path)] == [1]
    assert newest_of("nothing", unfinished_in(tmp_path)) is None
    (tmp_path / "damaged" / "lock").touch()
    a_store(tmp_path).close_dead_runs("whole")  # the journal is continued after its last good line
    assert RunRecord.of(tmp_path / "damaged").outcome == "interrupted"
    assert not RunRecord.of(tmp_path / "damaged").is_damaged


def test_a_record_reads_what_was_added_since_the_last_time(tmp_path):
    record = RunRecord.of(tmp_path / "run")
    assert (record.outcome, record.best_loss) == (None, pytest.approx(math.nan, nan_ok=True))
    with a_run(tmp_path) as run:
        for step, loss in enumerate([3.0, 1.0, 2.0]):
            run.log_metrics(
                {"valid/loss": loss, "valid/accuracy": loss / 4, "train/loss": 0.5, "interval/a": 1.0}, step
            )
            record.refresh()
            assert (record.step, record.last("valid/loss"), record.outcome) == (step, loss, "running")
    record.refresh()
    assert (record.best_loss, record.at_best("accuracy"), record.at_best("loss", "train")) == (1.0, 0.25, 0.5)
    assert (record.outcome, record.is_over) == ("completed", True)
    assert "interval/a" not in record.metrics
    assert record == RunRecord.of(tmp_path / "run")


def test_a_closed_journal_reads_no_file_that_was_opened_later(tmp_path):
    journal = Journal(tmp_path / "one")
    journal.append({"run": "one"}, {"run": "two"})
    entries = journal.entries(0)
    journal.close()
    other = Journal(tmp_path / "other")  # has the same descriptor now
    other.append({"run": "other"})
    with pytest.raises(ValueError, match="closed file"):
        next(entries)
    with pytest.raises(ValueError, match="closed file"):
        journal.append({"run": "one"})
    other.close()


class Hanging(MemoryBackend):
    """A store that answers only when it is allowed to."""

    reached, allowed = threading.Event(), threading.Event()

    def log_points(self, points):
        self.reached.set()
        self.allowed.wait()
        super().log_points(points)


def test_a_thread_that_outlives_its_run_touches_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.tracking.run.END_TIMEOUT", 0.1)
    with a_run(tmp_path, Hanging, interval=0.01) as run:
        run.log_metrics({"a": 1.0}, 0)
        assert Hanging.reached.wait(10)
        for step in range(1, 5):
            run.log_metrics({"a": 1.0}, step)
    assert run.num_undelivered > 4
    with a_run(tmp_path, name="other") as other:
        other.log_metrics({"b": 1.0}, 0)
        before = (tmp_path / "run" / "delivered.json").read_bytes()
        Hanging.allowed.set()
        run.delivery._thread.join(10)
        assert not run.delivery._thread.is_alive()
    assert [point.key for point in sent(other).points] == ["b"]
    assert [point.step for point in sent(run).points] == [0]  # what was already being sent
    assert (tmp_path / "run" / "delivered.json").read_bytes() == before
    assert run.delivery.error is None


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
def test_status_and_outcome_of_a_run_follow_from_the_exception_that_ended_it(tmp_path, error, status, outcome):
    run = a_run(tmp_path)
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)), run:
        run.log_metrics({"a": 1.0}, 0)
        if error is not None:
            raise error
    assert (sent(run).status, sent(run).tags["outcome"]) == (status, outcome)
    assert len(sent(run).points) == 1
    assert ("traceback.txt" in sent(run).files) == (status == "FAILED")


NOT_UTF8 = "caf\udce9.txt"  # how Python has the name of a file in Latin-1


class Utf8(MemoryBackend):
    """A store that takes no other text, as databases do."""

    def set_tags(self, tags):
        super().set_tags({key: text.encode("utf-8").decode() for key, text in tags.items()})

    def log_parameters(self, parameters):
        super().log_parameters({key: text.encode("utf-8").decode() for key, text in parameters.items()})


def test_a_run_ends_whatever_the_name_of_the_file_that_its_error_names(tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("experiments"), "propagate", False)  # pytest-xdist cannot send such a line,
    monkeypatch.setattr(logging.getLogger("experiments"), "handlers", [])  # nor what an earlier test's handler prints
    run = a_run(tmp_path, Utf8)
    with pytest.raises(FileNotFoundError), run:  # noqa: PT012
        run.log_parameters({"data.path": NOT_UTF8})
        logging.getLogger("experiments").warning("reading %s", NOT_UTF8)
        raise FileNotFoundError(f"there is no file {NOT_UTF8}")
    assert (sent(run).status, sent(run).tags["error"]) == ("FAILED", r"there is no file caf\udce9.txt")
    assert sent(run).parameters == {"data.path": r"caf\udce9.txt"}
    assert run.num_undelivered == 0
    for file in ("traceback.txt", "run.log"):
        assert r"caf\udce9.txt" in (run.folder / file).read_text(encoding="utf-8")


def fail_without_folder(run):
    run.wait_for_store()
    while run.folder.exists():  # something may be written into it meanwhile
        shutil.rmtree(run.folder, ignore_errors=True)
    raise RuntimeError("boom")


def test_a_run_whose_folder_is_gone_still_ends_with_its_own_error(tmp_path):
    run = a_run(tmp_path)
    with pytest.raises(RuntimeError, match="boom"), run:
        fail_without_folder(run)
    assert (sent(run).status, sent(run).tags["outcome"]) == ("FAILED", "failed")


class Unreachable(MemoryBackend):
    def begin(self, *_):
        raise ConnectionError("no store")


def test_a_run_begins_without_its_store_unless_that_is_required(tmp_path):
    with pytest.raises(ConnectionError, match="no store"), a_run(tmp_path / "runs", Unreachable, required=True):
        pass
    assert list(tmp_path.iterdir()) == []
    with a_run(tmp_path / "runs", Unreachable) as run:
        assert run.run_id == "run"
    assert run.num_undelivered > 0


@pytest.mark.parametrize("former", ["experiments.tracking.MemoryTracker", "experiments.memory_tracking.MemoryTracker"])
def test_a_config_may_name_a_store_by_its_former_name(command, former):
    outcome = command("epochs=1", "tracker=memory", f"tracker._target_={former}")
    assert outcome.code == 0, outcome.error
    assert MemoryStore.ended[-1].status == "FINISHED"


def test_a_run_begins_before_its_store_is_connected_and_its_id_is_waited_for(tmp_path):
    connected = threading.Event()

    class Slow(MemoryBackend):
        def __init__(self, folder):
            connected.wait(20)  # as the import of a library takes longer than a store has for its answer
            super().__init__(folder)

        def begin(self, *_):
            return "the store's id"

    with a_run(tmp_path, Slow, interval=0.05) as run:
        run.log_metrics({"train/loss": 1.0}, 1)
        assert run.delivery.run_id == ""
        assert run.page == (None, None)
        threading.Timer(0.2, connected.set).start()
        assert run.run_id == "the store's id"
    assert sent(run).points[0].key == "train/loss"


def test_the_time_that_a_store_has_for_its_id_begins_when_it_is_connected(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.tracking.run.START_TIMEOUT", 0.3)
    answers = threading.Event()

    class Silent(MemoryBackend):
        def __init__(self, folder):
            time.sleep(0.4)
            super().__init__(folder)

        def begin(self, *_):
            answers.wait(0.1 if self.name == "quick" else 20)
            return "the store's id"

    with a_run(tmp_path, Silent, name="quick", interval=0.05) as run:
        assert run.run_id == "the store's id"
    with a_run(tmp_path, Silent, name="never", interval=0.05) as run:
        assert run.run_id == "never"  # the name of its folder
        answers.set()
    assert run.run_id == "the store's id"
