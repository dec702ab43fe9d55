"""From `experiments` to the first update of the main job, into a new store, in a process of its own."""

import contextlib
import os
import sys
import tempfile
import time

from .problem import Problem
from .side import Measured


def measure(_: Problem) -> Measured:
    """`whole` seconds until the first update is made, `seconds` of them without importing torch; CPU seconds likewise.

    The CPU seconds are those of all threads, of which one imports MLflow meanwhile.
    """
    began, began_cpu = time.perf_counter(), time.process_time()
    import torch  # noqa: F401

    imported = time.perf_counter()
    from experiments import cli
    from experiments.training.tbptt import TruncatedBptt

    update, made = TruncatedBptt.update, []

    def noting(self, *arguments, **options):
        norm = update(self, *arguments, **options)
        made.append((time.perf_counter(), time.process_time()))
        return norm

    TruncatedBptt.update = noting
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)
        sys.argv = ["experiments", "epochs=1"]
        cli.main()
        os.chdir("/")
    (at, at_cpu), *_ = made
    rest = at - imported
    return Measured(rest, rest, at_cpu - began_cpu, 0, [], at - began)
