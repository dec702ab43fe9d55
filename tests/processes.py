"""Processes forked from one that has imported the project, so that none of them takes seconds to begin."""

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["experiments.cli", "experiments.experiment", "experiments.tracking.mlflow_backend"])


def start(folder: Path, arguments: Sequence[str], new_session: bool = False) -> multiprocessing.Process:
    """One process that runs `experiments ...` in this folder; it writes into output.txt there.

    With `new_session` it leads a group of processes, which can be killed with it.
    """
    process = context.Process(target=_main, args=(str(folder), arguments, new_session))
    process.start()
    return process


def exit_code(process: multiprocessing.Process, patience: float = 300.0) -> int:
    """That of a process, once it ends; one that takes more seconds is killed, so that the tests do not wait for it."""
    process.join(patience)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"the process {process.pid} did not end within {patience:g} seconds")
    return process.exitcode


@contextlib.contextmanager
def like_an_interpreter(folder: Path, out: str, error: str) -> Iterator[None]:
    """In it, a process works in this folder, and what it prints goes to these files; it ends as an interpreter does."""
    os.chdir(folder)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
    for stream, name in ((1, out), (2, error)):
        with open(name, "a") as file:
            os.dup2(file.fileno(), stream)
    try:
        yield
    finally:  # a process of multiprocessing would not end: the workers of loky wait for it
        threading._shutdown()
        atexit._run_exitfuncs()


def _main(folder: str, arguments: Sequence[str], new_session: bool) -> None:
    if new_session:
        os.setsid()
    with like_an_interpreter(Path(folder), "output.txt", "output.txt"):
        from experiments import cli

        sys.argv = ["experiments", *arguments]
        cli.main()
