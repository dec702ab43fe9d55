"""One job of a sweep, in the process that a launcher chose."""

import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.composition import Composition
from ..config.errors import ConfigError, first_line, sentence
from ..tracking.folder import Busy
from ..tracking.interruption import Interrupted
from ..tracking.record import RunRecord
from .job_context import SweepJob

log = logging.getLogger("experiments.sweep")


def run_planned(cfg: Any) -> dict[str, Any]:
    """Run the job whose plan is in the file `cfg.plan`; its outcome.

    A sweep reads journals; what is returned matters only for a job that ended before it had one. Raises nothing but
    Interrupted, and that only in the sweep's own process, which is then interrupted itself.
    """
    plan = json.loads(Path(cfg.plan).read_text(encoding="utf-8"))
    job = SweepJob(**plan["context"], **cfg.session)
    if job.is_in_process:
        return run_job(plan, job)
    set_up_worker(job)
    requeue = handle_preemption()
    result = run_job(plan, job)
    if SweepJob.is_preempted and result["outcome"] in ("interrupted", "left out"):
        requeue()
    return result


def run_job(plan: dict[str, Any], job: SweepJob) -> dict[str, Any]:
    """Run a job in this process."""
    record = RunRecord.of(Path(job.folder).parent / job.run)
    if record.is_over:  # another start of the sweep was faster
        return {"outcome": record.outcome}
    if job.is_stopped() or job.is_late():
        return {"outcome": "left out"}
    composition = Composition.from_json(plan["composition"])
    if composition.config["threads"] is None:
        composition.config["threads"] = job.threads
    try:
        from ..experiment import Experiment

        Experiment.of(composition, job).run()
    except Interrupted:
        if job.is_in_process:
            raise
        return {"outcome": "interrupted"}
    except Busy:
        return {"outcome": "elsewhere"}
    except ConfigError as error:
        return {"outcome": "refused", "why": sentence(error)}
    except Exception as error:
        return {"outcome": getattr(error, "outcome", "failed"), "why": sentence(error)}
    return {"outcome": "completed"}


def set_up_worker(job: SweepJob) -> None:
    """Give a worker's process the working directory and import path of the sweep's, and leave Ctrl-C to the sweep."""
    os.chdir(job.cwd)
    if job.cwd not in sys.path:
        sys.path.append(job.cwd)  # where a model or dataset of the user's own may be
    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep tells its jobs when to stop


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
