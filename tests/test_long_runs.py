"""Runs of a million points, and folders of many runs."""

import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import tracemalloc

import pytest

from experiments.checkpoints.resume import newest_of
from experiments.tracking import journal
from experiments.tracking.journal import Damaged, parse, parse_line, points_of, read_journal
from experiments.tracking.memory import MemoryStore
from experiments.tracking.record import RunRecord
from experiments.tracking.records import last_outcome, records_in, unfinished_in
from experiments.tracking.run import Run
from experiments.tracking.written_points import WrittenPoints

COMPLETED = {"tags": {"outcome": "completed", "seconds": "1.0"}, "status": "FINISHED"}


def point(key: str, step: int, value: float = 0.5) -> dict:
    return {"key": key, "value": value, "step": step, "timestamp": 10**12 + step}


def write(folder, *entries, name=None, identity="0" * 16, **tags):
    """A run's folder with a journal of these entries after its first line."""
    folder.mkdir(parents=True)
    tags = {"runner": "train", "identity": identity, "outcome": "running"} | tags
    first = {"run": name or folder.name, "started": 1.0, "store": "memory", "tags": tags}
    (folder / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in (first, *entries)))
    return folder


def a_store(folder) -> MemoryStore:
    return MemoryStore(folder=str(folder), interval=3600.0, required=False)


@pytest.fixture
def num_read(monkeypatch):
    """Counts bytes read of journals, by the name of their run's folder."""
    counted: dict[str, int] = {}
    pread = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        data = pread(descriptor, size, offset)
        name = os.readlink(f"/proc/self/fd/{descriptor}").split("/")[-2]
        counted[name] = counted.get(name, 0) + len(data)
        return data

    monkeypatch.setattr(os, "pread", counting)
    return counted


@pytest.fixture
def many_runs(tmp_path):
    """300 runs that are over, one that failed, and one whose journal is damaged."""
    points = [point("interval/loss", step) for step in range(1000)]
    write(tmp_path / "run-0", *points, COMPLETED)
    for k in range(1, 300):
        (tmp_path / f"run-{k}").mkdir()
        os.link(tmp_path / "run-0" / "journal.jsonl", tmp_path / f"run-{k}" / "journal.jsonl")
    write(tmp_path / "failed", *points, {"tags": {"outcome": "failed"}, "status": "FAILED"}, identity="1" * 16)
    write(tmp_path / "damaged", *points)
    with (tmp_path / "damaged" / "journal.jsonl").open("a") as file:
        file.write("no json\n")
    return tmp_path


def test_a_start_beside_many_runs_reads_little_of_each(many_runs, num_read, caplog):
    logging.getLogger("experiments").addHandler(caplog.handler)
    try:
        assert newest_of("1" * 16, unfinished_in(many_runs)) == many_runs / "failed"
    finally:
        logging.getLogger("experiments").removeHandler(caplog.handler)
    assert f"the journal in {many_runs / 'damaged'} is damaged" in caplog.text
    store = a_store(many_runs)
    with Run(store, "run-0", {"runner": "train"}, is_new=True) as run:
        store.close_dead_runs(run.name)
    assert run.name == "run-0-2"
    size = (many_runs / "run-7" / "journal.jsonl").stat().st_size
    assert size > 80_000
    assert max(num_read[f"run-{k}"] for k in range(300)) <= 8192
    assert num_read["failed"] <= 2 * size  # the last lines, and once as a whole


def test_runs_that_are_named_are_the_only_ones_read_as_a_whole(many_runs, num_read):
    write(many_runs / "wanted", *(point("valid/loss", step) for step in range(1000)), COMPLETED)
    (found,) = a_store(many_runs).select(["wanted"]).runs
    assert (found.outcome, len(found.metrics["valid/loss"])) == ("completed", 1000)
    assert max(num_read[f"run-{k}"] for k in range(300)) <= 8192
    assert [run.name for run in a_store(many_runs).select(["latest:2"]).runs] == ["run-0", "wanted"]


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ([COMPLETED], "completed"),
        ([COMPLETED, {"store": "none"}], "completed"),
        ([COMPLETED, {"status": "RUNNING", "tags": {"outcome": "running"}}], None),
        ([COMPLETED, {"status": "RUNNING", "tags": {"outcome": "running"}}, point("train/loss", 1)], None),
        ([{"tags": {"outcome": "failed"}, "status": "FAILED"}], "failed"),
        ([point("train/loss", 1)], None),
        ([COMPLETED, *(point("train/loss", step) for step in range(1000))], None),  # too far from the end
    ],
)
def test_the_last_lines_tell_how_a_run_ended_or_nothing(tmp_path, lines, outcome):
    folder = write(tmp_path / "run", *lines)
    assert last_outcome(folder / "journal.jsonl") == outcome
    if outcome is not None:
        assert RunRecord.of(folder).outcome == outcome
    for more in ('{"status": "FINI', "no json\n"):
        with (folder / "journal.jsonl").open("a") as file:
            file.write(more)
        assert last_outcome(folder / "journal.jsonl") is None


def test_points_of_a_resumed_run_are_known_as_a_set_knows_them():
    generator, written, expected = random.Random(0), WrittenPoints(), set()
    for _ in range(2000):
        one = (generator.choice(("a", "b")), generator.randrange(3000))
        written.add(*one)
        expected.add(one)
        other = (generator.choice(("a", "b", "c")), generator.randrange(3000))
        assert (other in written) == (other in expected)


@pytest.mark.parametrize("key", ["interval/loss", 'a "quoted" one', "loß", "back\\slash", ""])
@pytest.mark.parametrize("value", [0.0, -1.5, 1e-300, 12345678.9, 3, 1e22])
def test_a_line_of_a_point_is_read_as_json(key, value):
    for step in (0, 7, -1, 10**15):
        entry = point(key, step, value)
        for line in (
            json.dumps(entry),
            json.dumps(entry, ensure_ascii=False),
            json.dumps(dict(reversed(entry.items()))),
        ):
            assert parse_line(line.encode()) == json.loads(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"key": "interval/a", "value": 01.0, "step": 1, "timestamp": 1}',
        '{"key": "interval/a", "value": 1., "step": 1, "timestamp": 1}',
        '{"key": "interval/a", "value": 1.0, "step": 1.0, "timestamp": 1}',
        '{"key": "interval/a", "value": 1.0, "step": 1, "timestamp": 1',
        f'{{"key": "interval/a", "value": 1.0, "step": {2**63}, "timestamp": 1}}',
    ],
)
@pytest.mark.parametrize("block", [64, 300, 1 << 20])
def test_points_that_are_skipped_are_checked(line, block):
    lines = [json.dumps(point("interval/a", step)) for step in range(20)]
    lines[10] = json.dumps(point("train/a", 10))
    data = "".join(f"{text}\n" for text in [*lines, line, *lines]).encode()
    end = len("".join(f"{text}\n" for text in lines))
    whole, some = (until_damaged(data, block, with_interval) for with_interval in (True, False))
    assert whole == [*((json.loads(text)["key"], json.loads(text)["step"]) for text in lines), end]
    assert (some[-2:], some[0] in whole, ("train/a", 10) in some) == ([("interval/a", 19), end], True, True)
    assert len(some) <= len(whole)


def until_damaged(data: bytes, block: int, with_interval: bool) -> list:
    """The points that are read up to the damaged line, and where that begins."""
    found, after = [], 0
    with contextlib.suppress(Damaged):
        for entry, after in parse(lambda at: data[at : at + block], 0, with_interval):  # noqa: B007
            found.append((entry["key"], entry["step"]))
        pytest.fail("the damaged line was not noticed")
    return [*found, after]


def test_resuming_takes_little_memory_of_each_point(tmp_path, monkeypatch):
    folder = write(tmp_path / "run", *(point(f"interval/{k % 3}", k // 3) for k in range(12_000)))
    monkeypatch.setattr(journal, "BLOCK_SIZE", 1 << 14)
    tracemalloc.start()
    try:
        with contextlib.closing(journal.Journal(folder / "journal.jsonl")):
            _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * 12_000  # bytes; a set of the points alone takes 200 of each


RESUMED = """
import sys
from experiments.tracking.memory import MemoryStore
from experiments.tracking.run import Run

def memory(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

class Nowhere(MemoryStore):
    def backend(self, name):
        raise ConnectionError("it is not there")

before = memory("VmRSS")
with Run(Nowhere(folder=sys.argv[1], interval=3600.0, required=False), "run", {"runner": "train"}) as run:
    for step in range(199_990, 200_010):
        run.log_metrics({f"interval/{k}": 0.5 for k in range(5)}, step)
print(memory("VmHWM") - before)
"""


@pytest.mark.slow
def test_a_run_of_a_million_points_is_resumed_within_100_mb(tmp_path):
    folder = write(tmp_path / "run")
    with (folder / "journal.jsonl").open("a") as file:
        file.writelines(
            f'{{"key": "interval/{k % 5}", "value": 0.5, "step": {k // 5}, "timestamp": 1}}\n' for k in range(1_000_000)
        )
    done = subprocess.run([sys.executable, "-c", RESUMED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100
    steps: dict[str, list[int]] = {}
    for key, _, step, _ in points_of(folder / "journal.jsonl"):
        steps.setdefault(key, []).append(step)
    assert steps == {f"interval/{k}": list(range(200_010)) for k in range(5)}
    assert last_outcome(folder / "journal.jsonl") == "completed"


def test_old_and_renamed_folders_are_read_as_before(tmp_path):
    folder = write(tmp_path / "renamed", COMPLETED, name="old")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "journal.jsonl").write_text(
        '{"run": "bare", "started": 2.0}\n{"tags": {"runner": "train", "outcome": "completed"}, "status": "FINISHED"}\n'
    )
    store = a_store(tmp_path)
    assert [run.folder for run in store.select(["old"]).runs] == [folder]
    assert [run.name for run in store.select(["latest:2"]).runs] == ["old", "bare"]
    assert [run.name for run in records_in(tmp_path)] == ["old", "bare"]
    assert read_journal(folder / "journal.jsonl") == []
