"""The parent run of a sweep: its tags, its progress, its best value, its table and figures."""

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..comparison.columns import BEST
from ..comparison.measures import criterion_of
from ..comparison.objective import LOWEST_LOSS, Objective
from ..comparison.report import Report, write_report
from ..comparison.table import compare
from ..config.errors import first_line
from ..config.keys import flatten
from ..tracking.description import NOTE
from ..tracking.folder import JOURNAL
from ..tracking.journal import points_of
from ..tracking.provenance import provenance_tags
from ..tracking.record import RunRecord
from ..tracking.records import sweep_in
from ..tracking.run import Run
from .dimensions import Dimension
from .options import SweepOptions

log = logging.getLogger("experiments.sweep")

MAX_NOTE = 5000  # characters of a note that a store accepts
CHANGEABLE: tuple[str, ...] = ("trials", "replicates", "budget", "attempts", "batch", "params")
CHANGEABLE += ("cases", "exclude", "job_timeout", "fail_fast", "metric", "direction")  # from one start to the next


class Parent:
    """What is recorded in the run that represents the whole sweep."""

    def __init__(self, run: Run, options: SweepOptions):
        """`run` is in progress, with the tags of `parent_tags`; its store is also that of the jobs."""
        self.run, self._objective = run, options.objective
        self._counts: dict[str, int] = {}
        self._logged: dict[str, float] = {}
        self._axes: list[str] = json.loads(run.tags["sweep.axes"])
        self._step = sum(point.key == "sweep/ended" for point in points_of(run.folder / JOURNAL))
        run.log_parameters({key: value for key, value in vars(options).items() if key not in CHANGEABLE})

    def log_progress(self, jobs: Sequence[RunRecord]) -> None:
        """Log how many jobs ended and failed, and the best row of their table, if any of them changed.

        The step counts these points, so that it also rises over several starts.
        """
        num_failed = sum(record.outcome == "failed" for record in jobs)
        num_over = sum(record.is_over for record in jobs)
        counts = {"sweep/ended": num_failed + num_over, "sweep/failed": num_failed}
        if counts != self._counts:
            self._counts = counts
            self._log_best([record for record in jobs if record.started])

    def _log_best(self, runs: Sequence[RunRecord]) -> None:
        """Log the counts with the best of these runs, unless that was the last that was logged."""
        metrics: dict[str, float] = {**self._counts}
        with contextlib.suppress(Exception):  # of numbers that cannot be compared `report` says why
            metrics |= best_metrics(runs, self._axes, self._objective)
        if metrics != self._logged:
            self._logged, self._step = metrics, self._step + 1
            self.run.log_metrics(metrics, self._step)

    def report(self) -> None:
        """Write table and figures of all runs that this sweep ever had, and print the table."""
        try:
            tags = self.run.tags
            _, runs = sweep_in(self.run.store.folder, self.run.name)
            if not runs:
                return
            self._log_best(runs)
            report = Report(runs, self._axes, tags["sweep.search"], self.run.name, self._objective)
            for path in write_report(report, self.run.folder):
                self.run.log_file(path)
            note = f"{report.markdown()}\n\nRepeat or resume with\n```\n{tags['command']}\n```"
            self.run.set_tags({NOTE: "\n\n".join(filter(None, (tags[NOTE], note)))[:MAX_NOTE]})
            log.info("\n%s", report.screen())
        except Exception as error:  # a failed comparison must not fail the sweep
            log.warning("the runs could not be compared: %s", first_line(error))


def best_metrics(
    runs: Sequence[RunRecord], axes: Sequence[str], objective: Objective = LOWEST_LOSS
) -> dict[str, float]:
    """The loss of the best row of the table of these runs, what they are compared by, and what the sweep searches."""
    if all(run.outcome != "completed" for run in runs):
        return {}
    table, criterion = compare(runs, axes, objective=objective), criterion_of(runs)
    if (best := table.best) is None:
        return {}
    columns = [f"{criterion.split}/{key} {BEST}" for key in ("loss", criterion.metric)] + [table.decides]
    names = [column.removesuffix(f" {BEST}").rpartition("/")[2] for column in columns]
    return {f"best/{name}": float(table.frame[column][best]) for name, column in zip(names, columns)}


def own_tags(config: Mapping[str, Any]) -> dict[str, str]:
    """The tags and the note that were typed."""
    return {tag: str(value) for tag, value in flatten(config["tags"]).items()} | {NOTE: config["note"] or ""}


def parent_tags(options: SweepOptions, dimensions: Sequence[Dimension], command: str) -> dict[str, str]:
    """The tags of the parent run; each axis has one with its values."""
    axes = json.dumps([key for dimension in dimensions for key in dimension.keys])
    tags = {"command": command} | provenance_tags()
    tags |= {"runner": "sweep", "sweep.axes": axes, "sweep.search": options.search}
    tags |= {f"sweep.{key}": str(getattr(options, key)) for key in CHANGEABLE}
    for dimension in dimensions:
        values = dimension.span or ", ".join(" ".join(overrides) for overrides in dimension.alternatives)
        tags[f"sweep.values.{' '.join(dimension.keys)}"] = str(values)[:500]
    return tags
