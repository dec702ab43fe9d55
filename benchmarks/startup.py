"""From `experiments` to the first update of the main job, into a store that is there, in a process of its own."""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from .problem import Problem
from .side import Measured


def measure(_: Problem) -> Measured:
    """`whole` seconds until the first update is made, `seconds` of them without importing torch and mlflow."""
    began = time.perf_counter()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    import torch._dynamo  # noqa: F401 - every optimizer imports it

    imported = time.perf_counter()
    from experiments import cli
    from experiments.tracking.mlflow_connection import create_store
    from experiments.training.tbptt import TruncatedBptt

    update, made = TruncatedBptt.update, []

    def noting(self, *arguments, **options):
        norm = update(self, *arguments, **options)
        made.append(time.perf_counter())
        return norm

    TruncatedBptt.update = noting
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)
        creating = time.perf_counter()
        create_store(Path("mlflow.db").absolute())
        creating = time.perf_counter() - creating
        sys.argv = ["experiments", "epochs=1"]
        cli.main()
        os.chdir("/")
    whole = made[0] - began - creating
    rest = whole - (imported - began)
    return Measured(rest, rest, time.process_time(), 0, [], whole)
