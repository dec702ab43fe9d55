"""The parent run of a sweep: its progress, its best value, its table and pictures."""

import json
import logging
import math
from collections.abc import Mapping, Sequence

from ..comparison.report import Report, write_report
from ..config.binding import Bound
from ..config.errors import first_line
from ..tracking.folder import JOURNAL
from ..tracking.journal import read_journal
from ..tracking.record import recorded_in
from ..tracking.run import Tracker
from ..training.final_report import dashboard_command, program
from ..training.metrics import perplexity
from .dimensions import Dimension
from .options import Options
from .watch import Watch

log = logging.getLogger("experiments.sweep")

NOTE = 5000  # characters that a store takes as a note
MAY_CHANGE = ("trials", "replicates", "budget", "attempts", "batch", "params")  # from one start to the next


class Parent:
    """Context manager around the run that stands for the whole sweep."""

    def __init__(
        self, bound: Bound, name: str, options: Options, dimensions: Sequence[Dimension], tags: Mapping[str, str]
    ):
        """`bound` makes trackers: one for this run, and ones that look after the runs of jobs."""
        self.axes = [key for dimension in dimensions for key in dimension.keys]
        self._bound, self._options = bound, options
        tags = {**tags, "runner": "sweep", "sweep.axes": json.dumps(self.axes), "sweep.search": options.search}
        tags |= {f"sweep.{key}": str(getattr(options, key)) for key in MAY_CHANGE}
        self._tracker: Tracker = bound.build(name=name, tags=tags | described(dimensions))
        self._told: dict[str, float] = {}

    def __enter__(self) -> "Parent":
        self._tracker.__enter__()
        self._tracker.log_config({key: value for key, value in vars(self._options).items() if key not in MAY_CHANGE})
        told_before = read_journal(self._tracker.folder / JOURNAL)
        self._step = sum(point.key == "sweep/ended" for point in told_before)
        return self

    def __exit__(self, *error) -> None:
        self._tracker.__exit__(*error)

    def settle(self, name: str, failure: str | None = None) -> None:
        """Close the run of a job whose process died, as failed if that is known to be its fault. Busy if it lives."""
        self._bound.build(name=name, tags={}).settle(failure)

    def progress(self, watches: Mapping[str, Watch]) -> None:
        """Log what has changed: jobs that are over or failed, and the best value of a single completed run.

        The step counts these points, so that it rises also over several starts.
        """
        seen = list(watches.values())
        completed = [watch for watch in seen if watch.outcome == "completed"]
        failed = sum(watch.outcome == "failed" for watch in seen)
        told = {"sweep/ended": failed + sum(watch.is_over for watch in seen), "sweep/failed": failed}
        best = min((watch.best for watch in completed if not math.isnan(watch.best)), default=None)
        if best is not None:
            told |= {"best/loss": best}
            if any("valid/perplexity" in watch.last or "train/perplexity" in watch.last for watch in completed):
                told |= {"best/perplexity": perplexity(best)}
        if told != self._told:
            self._told, self._step = told, self._step + 1
            self._tracker.log_metrics(told, self._step)

    def report(self) -> None:
        """Write table and pictures of all runs that this sweep ever had, and show the table."""
        try:
            _, runs = recorded_in(self._tracker.folder.parent, self._tracker.name)
            if not runs:
                return
            report = Report(runs, self.axes, self._options.search, self._tracker.name)
            for path in write_report(report, self._tracker.folder):
                self._tracker.log_file(path)
            command = self._tracker.tags["command"]
            note = f"{report.markdown()}\n\nRepeat, or go on, with\n```\n{command}\n```"
            self._tracker.set_tags({"mlflow.note.content": note[:NOTE]})
            log.info("\n%s", report.screen())
        except Exception as error:  # the runs are worth more than their comparison
            log.warning("the runs could not be compared: %s", first_line(error))

    def say_where(self, overrides: Sequence[str]) -> None:
        """What stands on the screen when all is over."""
        log.info("")
        log.info("%-11s %s", "run", self._tracker.run_id)
        log.info("%-11s %s", "folder", self._tracker.folder)
        if self._tracker.undelivered:
            waiting = f"{self._tracker.undelivered} lines wait for the store: {program()} runner=doctor sends them"
            log.info("%-11s %s", "undelivered", waiting)
        if self._tracker.has_page:
            log.info("%-11s %s", "dashboard", self._tracker.address or dashboard_command(overrides))


def described(dimensions: Sequence[Dimension]) -> dict[str, str]:
    """What is varied, as tags."""
    chosen = {" ".join(d.keys): d.span or ", ".join(" ".join(a) for a in d.alternatives) for d in dimensions}
    return {f"sweep.values.{keys}": str(values)[:500] for keys, values in chosen.items()}
