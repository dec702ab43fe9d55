"""Full disks, folders that cannot be written or vanish: one sentence, a FAILED run, and good checkpoints are kept."""

import contextlib
import os
import shutil
import subprocess

import pytest

from experiments.checkpoints import checkpoint
from experiments.tracking.memory import MemoryStore
from experiments.training import loop, tbptt

TRAIN = ("epochs=8", "model.hidden_size=200", "threads=1", "runner.checkpoint_targets_interval=1", "tracker=memory")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 40 MB; skipped where mounting is not allowed."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_fails_the_run_with_one_sentence_and_leaves_good_checkpoints(command, small_disk, monkeypatch):
    original = loop.Training._save_if_due

    def filling(self):
        if self.updates == 10:  # somebody else needs the rest of the disk
            with contextlib.suppress(OSError), open(small_disk / "other", "wb") as other:
                other.write(b"x" * (40 << 20))
        original(self)

    monkeypatch.setattr(loop.Training, "_save_if_due", filling)
    outcome = command(*TRAIN, f"tracker.folder={small_disk}/runs")
    assert (outcome.code, outcome.error.count("\n")) == (1, 1)
    assert "No space left on device" in outcome.error
    run = MemoryStore.ended[-1]
    assert (run.status, run.tags["outcome"]) == ("FAILED", "failed")
    assert not list(run.folder.glob("*.building"))
    assert checkpoint.load_newest([run.folder / "last.pt", run.folder / "previous.pt"])["loop"]["updates"] >= 8
    (small_disk / "other").unlink()
    monkeypatch.setattr(loop.Training, "_save_if_due", original)
    again = command(f"resume={run.name}", f"tracker.folder={small_disk}/runs", "tracker=memory")
    assert again.code == 0, again.error
    assert MemoryStore.ended[-1].status == "FINISHED"


def test_a_folder_that_cannot_be_written_is_one_sentence(command, tmp_path):
    folder = tmp_path / "readonly"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # root may write everywhere but into a file
        folder = tmp_path / "file"
        folder.write_text("no folder")
    outcome = command(*TRAIN, f"tracker.folder={folder}/runs")
    assert (outcome.code, outcome.error.count("\n")) == (1, 1)
    assert str(folder) in outcome.error


def test_a_folder_that_vanishes_in_the_middle_fails_the_run(command, monkeypatch):
    original = loop.Training._save_if_due

    def vanishing(self):
        if self.updates == 10:
            shutil.rmtree(self.run.folder)
        original(self)

    monkeypatch.setattr(loop.Training, "_save_if_due", vanishing)
    outcome = command(*TRAIN)
    run = MemoryStore.ended[-1]
    assert (outcome.code, outcome.error.count("\n")) == (1, 1)
    assert "No such file or directory" in outcome.error
    assert (run.status, run.tags["outcome"]) == ("FAILED", "failed")
    assert run.points  # the store has what was journalled before


def test_memory_that_runs_out_is_one_sentence(command, monkeypatch):
    def greedy(*_, **__):
        raise MemoryError("cannot allocate 99 TiB")

    monkeypatch.setattr(tbptt.TruncatedBptt, "update", greedy)
    outcome = command(*TRAIN)
    assert outcome.error == (
        "experiments: out of memory (cannot allocate 99 TiB): lower batch_size, truncation or the model's sizes\n"
    )
    assert MemoryStore.ended[-1].status == "FAILED"
