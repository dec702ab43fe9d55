"""What a launcher runs, in the process that it chose: the attempts of one planned job."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.errors import first_line
from .job import FAILURES, STOP, SweepJob, log, run_job, set_up_worker
from .time_limit import run_limited


def run_planned(cfg: Any) -> dict[str, Any]:
    """Run the job whose plan is in the file `cfg.plan`; its outcome.

    A sweep reads journals; what is returned matters only for a job that ended before it had one. Raises nothing but
    Interrupted, and that only in the sweep's own process, which is then interrupted itself.
    """
    plan = json.loads(Path(cfg.plan).read_text(encoding="utf-8"))
    job = SweepJob(**plan["context"], **cfg.session)
    if job.is_in_process:
        return run_attempts(plan, cfg.session, job)
    set_up_worker(job)
    requeue = handle_preemption()
    result = run_attempts(plan, cfg.session, job)
    if SweepJob.is_preempted and result["outcome"] in ("interrupted", "left out"):
        requeue()
    if job.is_orphan:  # nobody takes the result, and a worker may wait for ever for what the sweep was about to send
        os._exit(1)
    return result


def run_attempts(plan: dict[str, Any], session: dict[str, Any], job: SweepJob) -> dict[str, Any]:
    """Run a job, with `fail_fast` until it is given up, which ends the sweep; its outcome and number of attempts."""
    result: dict[str, Any] = {}
    number = 0
    while number < job.attempts:
        number += 1
        result = run_job(plan["composition"], job) if job.timeout is None else run_limited(plan, session, job)
        if result["outcome"] != "failed":
            break
    if job.fail_fast and result["outcome"] in FAILURES:
        (Path(job.folder) / STOP).touch()
    return {**result, "attempts": number}


def handle_preemption() -> Callable[[], None]:
    """End the run with a checkpoint when submitit signals preemption or timeout; returns what requeues the job then.

    submitit's own handler would requeue at once, in the middle of an update, and count the run as failed.
    """
    number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
    handler = signal.getsignal(number)
    if "SUBMITIT_EXECUTOR" not in os.environ or not callable(handler):
        return lambda: None

    def note(*_: Any) -> None:
        SweepJob.is_preempted = True

    def requeue() -> None:  # ends this process; if it fails, the sweep launches the job again
        try:
            handler(number, None)
        except Exception as error:
            log.warning("the job could not be requeued: %s", first_line(error))

    signal.signal(number, note)
    return requeue
