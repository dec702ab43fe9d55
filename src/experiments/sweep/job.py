"""One job of a sweep, in whatever process a launcher runs it."""

import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.errors import ConfigError, first_line, sentence
from ..tracking.folder import Busy
from ..tracking.interruption import Interrupted
from .job_context import Member
from .watch import Watch

log = logging.getLogger("experiments.sweep")


def run_planned(cfg) -> dict[str, Any]:
    """Run the job whose plan is in the file `cfg.plan`; how it ended, as it says itself.

    A sweep reads journals; what is returned matters only for a job that ended before it had one. Nothing is raised but
    Interrupted, and that only in the process of the sweep, which is then interrupted itself.
    """
    session = dict(cfg.session)
    plan = json.loads(Path(cfg.plan).read_text(encoding="utf-8"))
    member = Member(**plan["config"]["sweep"], **session)
    if member.is_conducted_here:
        return run_member(plan, member, session)
    settle_in(member)
    requeue = heed_scheduler()
    result = run_member(plan, member, session)
    if Member.called_back and result["outcome"] in ("interrupted", "left out"):
        requeue()
    return result


def run_member(plan: dict[str, Any], member: Member, session: dict[str, Any]) -> dict[str, Any]:
    """Run a job in this process, which is settled in."""
    watch = Watch(Path(member.folder).parent / member.run)
    watch.refresh()
    if watch.is_over:  # another start of the sweep was faster
        return {"outcome": watch.outcome}
    if member.is_stopped() or member.is_late():
        return {"outcome": "left out"}
    if plan["config"]["threads"] is None:
        plan["config"]["threads"] = member.threads
    plan["config"]["sweep"] |= session
    plan["folders"] = [Path(folder) for folder in plan["folders"]]
    try:
        from ..experiment import Experiment

        Experiment.of(**plan).run()
    except Interrupted:
        if member.is_conducted_here:
            raise
        return {"outcome": "interrupted"}
    except Busy:
        return {"outcome": "elsewhere"}
    except ConfigError as error:
        return {"outcome": "refused", "why": sentence(error)}
    except Exception as error:
        return {"outcome": getattr(error, "outcome", "failed"), "why": sentence(error)}
    return {"outcome": "completed"}


def settle_in(member: Member) -> None:
    """Make a worker's process like the one that sent the job."""
    os.chdir(member.cwd)
    if member.cwd not in sys.path:
        sys.path.append(member.cwd)  # where a model or dataset of the user's own may be
    with contextlib.suppress(ValueError):  # not the main thread: signals are somebody else's
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever conducts the sweep says when to stop


def heed_scheduler() -> Callable[[], None]:
    """End a run, with a checkpoint, when submitit says that its place or time is over; what requeues the job then.

    submitit's own handler would do that at once, in the middle of an update, and count the run as failed.
    """
    number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
    handler = signal.getsignal(number)
    if "SUBMITIT_EXECUTOR" not in os.environ or not callable(handler):
        return lambda: None

    def note(*_) -> None:
        Member.called_back = True

    def requeue() -> None:  # ends this process; if it cannot, the sweep launches the job again
        try:
            handler(number, None)
        except Exception as error:
            log.warning("the job could not be requeued: %s", first_line(error))

    signal.signal(number, note)
    return requeue
