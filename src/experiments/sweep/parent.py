"""The parent run of a sweep: its progress, its best value, its table and pictures."""

import json
import logging
import math
from collections.abc import Mapping, Sequence

from ..compare.recorded import from_folder
from ..compare.report import Report, write_report
from ..config import Bound
from ..errors import first_line
from ..metrics import perplexity
from ..runners.closing import dashboard_command
from ..tracking import Tracker
from .dimensions import Dimension
from .options import Options
from .watch import Watch

log = logging.getLogger("experiments.sweep")

NOTE = 5000  # characters that a store takes as a note


class Parent:
    """Context manager around the run that stands for the whole sweep."""

    def __init__(
        self, bound: Bound, name: str, options: Options, dimensions: Sequence[Dimension], tags: Mapping[str, str]
    ):
        """`bound` makes trackers: one for this run, and ones that look after the runs of jobs."""
        self.axes = [key for dimension in dimensions for key in dimension.keys]
        self._bound, self._options, self._dimensions = bound, options, dimensions
        tags = {**tags, "runner": "sweep", "sweep.axes": json.dumps(self.axes), "sweep.search": options.search}
        self._tracker: Tracker = bound.build(name=name, tags=tags)
        self._told: dict[str, float] = {}

    def __enter__(self) -> "Parent":
        self._tracker.__enter__()
        chosen = {" ".join(d.keys): d.span or [" ".join(a) for a in d.alternatives] for d in self._dimensions}
        self._tracker.log_config({f"axis.{keys}": values for keys, values in chosen.items()} | vars(self._options))
        return self

    def __exit__(self, *error) -> None:
        self._tracker.__exit__(*error)

    def settle(self, name: str) -> None:
        """Close the run of a job whose process died. Busy if it did not."""
        self._bound.build(name=name, tags={}).settle()

    def progress(self, watches: Mapping[str, Watch]) -> None:
        """Log what has changed: jobs that ended, and the best value so far."""
        ended = [watch for watch in list(watches.values()) if watch.outcome not in (None, "running")]
        best = min((watch.best for watch in ended if not math.isnan(watch.best)), default=math.nan)
        told = {"sweep/ended": len(ended), "sweep/failed": sum(w.outcome == "failed" for w in ended)}
        if not math.isnan(best):
            told |= {"best/loss": best}
            if any("valid/perplexity" in watch.last or "train/perplexity" in watch.last for watch in ended):
                told |= {"best/perplexity": perplexity(best)}
        if told != self._told:
            self._told = told
            self._tracker.log_metrics(told, len(ended))

    def report(self, watches: Mapping[str, Watch]) -> None:
        """Write table and pictures of what there is, and show the table."""
        runs = [from_folder(watch.folder) for watch in watches.values() if watch.outcome is not None]
        if not runs:
            return
        try:
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
        if self._tracker.has_page:
            log.info("%-11s %s", "dashboard", self._tracker.address or dashboard_command(overrides))
