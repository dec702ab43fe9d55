"""A whole run of `experiments` on a text file, without its imports: the loop around the updates, and tracking."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import ours  # sets up torch's threads, so it comes first

# isort: split
from experiments.experiment import Experiment
from experiments.tracking.folder import JOURNAL
from experiments.tracking.journal import read_journal
from experiments.tracking.mlflow_connection import create_store

from .problem import Problem, stream
from .side import Measured

EPOCHS = 2


def measure(problem: Problem) -> Measured:
    """Train for two epochs of `updates` each; the seconds of an update are the mean of the second epoch."""
    with prepared(problem) as run:
        create_store(Path("mlflow.db").absolute())
        began, cpu = time.perf_counter(), time.process_time()
        run.run()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        (journal,) = Path("runs").glob(f"*/{JOURNAL}")
        rates = [point.value for point in read_journal(journal) if point.key == "train/targets_per_second"]
    update = problem.batch * problem.truncation / rates[-1]
    return Measured(update, update, cpu / (EPOCHS * problem.updates), 0, [], seconds)


@contextlib.contextmanager
def prepared(problem: Problem) -> Iterator[Experiment]:
    """The run, in a folder of its own that goes with it."""
    per_epoch = problem.updates * problem.batch * problem.truncation
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["EXPERIMENTS_CACHE"] = folder
        words = [*range(problem.vocabulary), *stream(problem)][:per_epoch]  # every word is there, or V would be smaller
        Path("text.txt").write_text(" ".join(map(str, words)))
        data = ["data=words", "data.path=text.txt", "data.min_count=1", "data.end_of_line=null"]
        data += ["data.valid_fraction=0", "data.test_fraction=0"]
        yield ours.experiment([*ours.overrides(problem), *data, f"epochs={EPOCHS}", f"tracker={problem.tracker}"])
