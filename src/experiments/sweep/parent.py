"""The parent run of a sweep: its progress, its best value, its table and figures."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

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

MAX_NOTE = 5000  # characters of a note that a store accepts
CHANGEABLE = ("trials", "replicates", "budget", "attempts", "batch", "params")  # from one start to the next


class Parent:
    """Context manager around the run that represents the whole sweep."""

    def __init__(
        self, bound: Bound, name: str, options: Options, dimensions: Sequence[Dimension], tags: Mapping[str, str]
    ):
        """`bound` builds trackers: one for this run, and those that close the runs of jobs."""
        self.axes = [key for dimension in dimensions for key in dimension.keys]
        self._bound, self._options = bound, options
        tags = {**tags, "runner": "sweep", "sweep.axes": json.dumps(self.axes), "sweep.search": options.search}
        tags |= {f"sweep.{key}": str(getattr(options, key)) for key in CHANGEABLE}
        self._tracker: Tracker = bound.build(name=name, tags=tags | values_as_tags(dimensions))
        self._logged: dict[str, float] = {}

    def __enter__(self) -> "Parent":
        self._tracker.__enter__()
        self._tracker.log_config({key: value for key, value in vars(self._options).items() if key not in CHANGEABLE})
        points = read_journal(self._tracker.folder / JOURNAL)
        self._step = sum(point.key == "sweep/ended" for point in points)
        return self

    def __exit__(self, *error: Any) -> None:
        self._tracker.__exit__(*error)

    def settle(self, name: str, failure: str | None = None) -> None:
        """Close the run of a job whose process died, as failed if a `failure` is given. Busy if the process lives."""
        self._bound.build(name=name, tags={}).settle(failure)

    def progress(self, watches: Mapping[str, Watch]) -> None:
        """Log how many jobs ended and failed, and the best value of a completed run, if any of them changed.

        The step counts these points, so that it also rises over several starts.
        """
        jobs = list(watches.values())
        completed = [watch for watch in jobs if watch.outcome == "completed"]
        failed = sum(watch.outcome == "failed" for watch in jobs)
        metrics: dict[str, float] = {"sweep/ended": failed + sum(watch.is_over for watch in jobs)}
        metrics["sweep/failed"] = failed
        best = min((watch.best for watch in completed if not math.isnan(watch.best)), default=None)
        if best is not None:
            metrics["best/loss"] = best
            if any("valid/perplexity" in watch.last or "train/perplexity" in watch.last for watch in completed):
                metrics["best/perplexity"] = perplexity(best)
        if metrics != self._logged:
            self._logged, self._step = metrics, self._step + 1
            self._tracker.log_metrics(metrics, self._step)

    def report(self) -> None:
        """Write table and figures of all runs that this sweep ever had, and print the table."""
        try:
            _, runs = recorded_in(self._tracker.folder.parent, self._tracker.name)
            if not runs:
                return
            report = Report(runs, self.axes, self._options.search, self._tracker.name)
            for path in write_report(report, self._tracker.folder):
                self._tracker.log_file(path)
            command = self._tracker.tags["command"]
            note = f"{report.markdown()}\n\nRepeat or resume with\n```\n{command}\n```"
            self._tracker.set_tags({"mlflow.note.content": note[:MAX_NOTE]})
            log.info("\n%s", report.screen())
        except Exception as error:  # a failed comparison must not fail the sweep
            log.warning("the runs could not be compared: %s", first_line(error))

    def log_locations(self, overrides: Sequence[str]) -> None:
        """Print the run's id, its folder and how to open the dashboard."""
        log.info("")
        log.info("%-11s %s", "run", self._tracker.run_id)
        log.info("%-11s %s", "folder", self._tracker.folder)
        if self._tracker.undelivered:
            waiting = f"{self._tracker.undelivered} lines wait for the store: {program()} runner=doctor sends them"
            log.info("%-11s %s", "undelivered", waiting)
        if self._tracker.has_page:
            log.info("%-11s %s", "dashboard", self._tracker.address or dashboard_command(overrides))


def values_as_tags(dimensions: Sequence[Dimension]) -> dict[str, str]:
    """The values of each axis as a tag."""
    chosen = {" ".join(d.keys): d.span or ", ".join(" ".join(a) for a in d.alternatives) for d in dimensions}
    return {f"sweep.values.{keys}": str(values)[:500] for keys, values in chosen.items()}
