"""The processes in which a sweep's jobs run: they are told to stop, and the runs of those that died are closed."""

import contextlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from ..config.errors import first_line
from ..tracking.folder import Busy
from ..tracking.interruption import Stop
from ..tracking.store import Store
from .job import STOP
from .job_status import JobStatus
from .plan import Job

log = logging.getLogger("experiments.sweep")


class JobProcesses:
    """Known by the locks that they hold on their run folders, as a launcher does not tell its processes."""

    def __init__(self, jobs: Mapping[str, JobStatus], folder: Path, store: Store, waits: bool):
        """`jobs` may grow; `folder` is the parent's. `waits`: a stopped process may live on for a moment."""
        self.jobs, self.store, self.waits = jobs, store, waits
        self.stop_file = folder / STOP

    def begin(self) -> None:
        """Forget that an earlier start of the sweep was told to stop."""
        self.stop_file.unlink(missing_ok=True)

    def stop(self, stop: Stop) -> None:
        """Tell jobs in other processes to stop, with the signal that arrived here if there was one."""
        self.stop_file.write_text("" if stop.signal is None else str(int(stop.signal)))

    def pass_on(self, stop: Stop) -> None:
        """Pass a signal on to them, once."""
        if stop.signal is not None and not self.stop_file.exists():
            self.stop(stop)

    def record_killed(self, status: JobStatus) -> None:
        """A job that ran alone when its process was killed has failed; its journal says so, if it has one."""
        if status.is_locked:
            with contextlib.suppress(ValueError, OSError):
                self.store.close_dead_run(status.job.name, "its process was killed")
        else:
            status.record_failure("its process was killed")

    def close_dead_runs(self) -> list[Job]:
        """Close runs whose process died; the jobs whose process is alive."""
        alive = []
        for status in (status for status in self.jobs.values() if status.is_locked):
            try:
                self.store.close_dead_run(status.job.name, status.why_given_up())
                status.record.refresh()
            except Busy:
                alive.append(status.job)
            except (ValueError, OSError) as error:
                log.warning("%s  cannot be closed: %s", status.job.name, first_line(error))
        return alive

    def close_killed(self) -> None:
        """Close the runs of jobs that ended with the launcher; where processes outlive it, a moment later."""
        for _ in range(10):
            if not self.close_dead_runs() or not self.waits:
                return
            time.sleep(0.3)

    def wait_for_others(self, stop: Stop) -> None:
        """Wait for jobs that another start of this sweep runs. Interrupted after a signal."""
        has_logged = False
        while alive := self.close_dead_runs():
            stop.check()
            if not has_logged:
                log.info("waiting for %d jobs that run in another process: %s", len(alive), alive[0].label)
            has_logged = True
            time.sleep(0.5)
