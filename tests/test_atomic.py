"""Files that are written whole or not at all, by one writer at a time."""

import os
import subprocess
import sys
import threading

import pytest

from experiments.config.atomic import atomic_write

KILLED = """
import os, sys
from pathlib import Path
from experiments.config.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half of a long te")
    os.kill(os.getpid(), 9)
"""
OTHER = """
import sys
from pathlib import Path
from experiments.config.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    print("writes", flush=True)
    temporary.write_text("other")
"""


def write(path, text, begun, may_end):
    with atomic_write(path) as temporary:
        temporary.write_text(text[:1])
        begun.set()
        may_end.wait(10)
        temporary.write_text(text)


def test_a_second_thread_waits_until_the_first_has_written(tmp_path):
    path, begun, may_end, second_begun = tmp_path / "a.txt", *(threading.Event() for _ in range(3))
    first = threading.Thread(target=write, args=(path, "first", begun, may_end))
    second = threading.Thread(target=write, args=(path, "second", second_begun, may_end))
    first.start()
    assert begun.wait(10)
    second.start()
    assert not second_begun.wait(0.2)
    may_end.set()
    first.join(10)
    second.join(10)
    assert path.read_text() == "second"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_second_process_waits_until_the_first_has_written(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as temporary:
        other = subprocess.Popen([sys.executable, "-c", OTHER, path], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
        temporary.write_text("first")
    assert other.communicate(timeout=10) == (b"writes\n", None)
    assert path.read_text() == "other"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_writer_left_behind_is_used_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, path], check=False).returncode == -9
    assert path.read_text() == "old"
    with atomic_write(path) as temporary, temporary.open("a") as file:
        file.write("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_exception_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path) as temporary:  # noqa: PT012
        temporary.write_text("new")
        raise KeyError
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["a.txt"])
