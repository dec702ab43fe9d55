"""A job with a time limit, in a process of its own that can be ended even where it hangs.

The job itself looks at the clock after each update and fails with a checkpoint. Where it does not get there, in a long
sleep or in C code, `faulthandler` ends its process after a grace period from a thread that needs no interpreter.
"""

import contextlib
import faulthandler
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ..config.binding import bind
from ..config.errors import first_line
from .job import SweepJob, log, run_job, set_up_worker, took_longer

LEAST_GRACE, MOST_GRACE = 5.0, 60.0  # seconds after the limit; between them a tenth of it
POLL = 0.2  # seconds
PRELOADED = ["experiments.experiment", "experiments.runners.train"]  # which import torch, and what it imports later:
PRELOADED += ["torch._meta_registrations", "matplotlib.figure"]


def run_limited(plan: dict[str, Any], session: dict[str, Any], job: SweepJob) -> dict[str, Any]:
    """Run a planned job in a process of its own; its outcome. If the process dies, its run is closed as FAILED."""
    context = multiprocessing.get_context("forkserver")  # whose server has no threads that a fork could break
    context.set_forkserver_preload(PRELOADED)
    trace = Path(job.folder) / "jobs" / f"{job.run}.traceback.txt"
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=run_in_child, args=(sender, json.dumps(plan), session, str(trace)), daemon=True)
    with default_method("forkserver"):
        child.start()
    sender.close()
    try:
        wait_for(child)
        with contextlib.suppress(EOFError):  # it died before it could send anything
            result: dict[str, Any] = receiver.recv()
            return result
        return close_died(plan, job, child.exitcode or 0, trace)
    finally:
        child.kill()
        child.join()
        trace.unlink(missing_ok=True)


@contextlib.contextmanager
def default_method(name: str) -> Iterator[None]:
    """What a new process takes for its own default: that of joblib's workers is known to themselves alone."""
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(name, force=True)
    try:
        yield
    finally:
        multiprocessing.set_start_method(before, force=True)


def wait_for(child: BaseProcess) -> None:
    """Wait until the process ends; it is told once that a cluster's scheduler wants this one to end."""
    is_told = False
    while child.is_alive():
        child.join(POLL)
        if SweepJob.is_preempted and not is_told and child.pid is not None:
            os.kill(child.pid, signal.SIGTERM)
            is_told = True


def run_in_child(sender: Connection, plan: str, session: dict[str, Any], trace: str) -> None:
    """What the process of the job does: it sends the outcome, or ends with the traceback in the file `trace`."""
    planned = json.loads(plan)
    job = SweepJob(**planned["context"], **session)
    assert job.timeout is not None
    with open(trace, "w") as file:
        faulthandler.dump_traceback_later(job.timeout + grace(job.timeout), exit=True, file=file)
        threading.Thread(target=end_with_parent, daemon=True).start()
        set_up_worker(job)
        sender.send(run_job(planned["composition"], job))
        faulthandler.cancel_dump_traceback_later()


def end_with_parent() -> None:
    """End this process as soon as the one that waits for it is gone, as when a sweep kills its workers."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def grace(limit: float) -> float:
    """Seconds that a job has to end by itself after its limit."""
    return min(max(0.1 * limit, LEAST_GRACE), MOST_GRACE)


def close_died(plan: dict[str, Any], job: SweepJob, exit_code: int, trace: Path) -> dict[str, Any]:
    """Close the run of a job whose process died, and say why it did."""
    folder = Path(job.folder).parent / job.run
    is_late = trace.exists() and trace.stat().st_size > 0
    if is_late:
        assert job.timeout is not None
        why = f"{took_longer(job.timeout)} and hung"
        if folder.exists():
            trace.replace(folder / "traceback.txt")
            why += ": traceback.txt says where"
    else:
        why = f"its process was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else "its process ended"
    try:
        bind(plan["composition"]["config"], "tracker").build().close_dead_run(job.run, why)
    except (ValueError, OSError) as error:
        log.warning("%s  cannot be closed: %s", job.run, first_line(error))
    return {"outcome": "timed out" if is_late else "failed", "why": why}
