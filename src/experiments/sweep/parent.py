"""The parent run of a sweep: its progress, its best value, its table and figures."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..comparison.report import Report, write_report
from ..config.errors import first_line
from ..tracking.folder import JOURNAL
from ..tracking.journal import read_journal
from ..tracking.record import RunRecord, sweep_in
from ..tracking.store import Store
from ..training.final_report import run_rows
from ..training.metrics import perplexity
from .dimensions import Dimension
from .options import Options

log = logging.getLogger("experiments.sweep")

MAX_NOTE = 5000  # characters of a note that a store accepts
CHANGEABLE = ("trials", "replicates", "budget", "attempts", "batch", "params")  # from one start to the next


class Parent:
    """Context manager around the run that represents the whole sweep."""

    def __init__(
        self, store: Store, name: str, options: Options, dimensions: Sequence[Dimension], tags: Mapping[str, str]
    ):
        """`store` is that of this run and of the jobs."""
        self.store, self._options = store, options
        self._axes = [key for dimension in dimensions for key in dimension.keys]
        tags = {**tags, "runner": "sweep", "sweep.axes": json.dumps(self._axes), "sweep.search": options.search}
        tags |= {f"sweep.{key}": str(getattr(options, key)) for key in CHANGEABLE}
        self._run = store.run(name, tags | values_as_tags(dimensions))
        self._logged: dict[str, float] = {}

    def __enter__(self) -> "Parent":
        self._run.__enter__()
        self._run.log_parameters({key: value for key, value in vars(self._options).items() if key not in CHANGEABLE})
        points = read_journal(self._run.folder / JOURNAL)
        self._step = sum(point.key == "sweep/ended" for point in points)
        return self

    def __exit__(self, *error: Any) -> None:
        self._run.__exit__(*error)

    def log_progress(self, jobs: Sequence[RunRecord]) -> None:
        """Log how many jobs ended and failed, and the best value of a completed run, if any of them changed.

        The step counts these points, so that it also rises over several starts.
        """
        completed = [record for record in jobs if record.outcome == "completed"]
        num_failed = sum(record.outcome == "failed" for record in jobs)
        num_over = sum(record.is_over for record in jobs)
        metrics: dict[str, float] = {"sweep/ended": num_failed + num_over, "sweep/failed": num_failed}
        best = min((record.best_loss for record in completed if not math.isnan(record.best_loss)), default=None)
        if best is not None:
            metrics["best/loss"] = best
            if any(record.metrics.keys() & {"valid/perplexity", "train/perplexity"} for record in completed):
                metrics["best/perplexity"] = perplexity(best)
        if metrics != self._logged:
            self._logged, self._step = metrics, self._step + 1
            self._run.log_metrics(metrics, self._step)

    def report(self) -> None:
        """Write table and figures of all runs that this sweep ever had, and print the table."""
        try:
            _, runs = sweep_in(self.store.folder, self._run.name)
            if not runs:
                return
            report = Report(runs, self._axes, self._options.search, self._run.name)
            for path in write_report(report, self._run.folder):
                self._run.log_file(path)
            command = self._run.tags["command"]
            note = f"{report.markdown()}\n\nRepeat or resume with\n```\n{command}\n```"
            self._run.set_tags({"mlflow.note.content": note[:MAX_NOTE]})
            log.info("\n%s", report.screen())
        except Exception as error:  # a failed comparison must not fail the sweep
            log.warning("the runs could not be compared: %s", first_line(error))

    def log_locations(self, overrides: Sequence[str]) -> None:
        """Log the run's id, its folder and how to open the dashboard."""
        log.info("")
        for name, text in run_rows(overrides, self._run):
            log.info("%-11s %s", name, text)


def values_as_tags(dimensions: Sequence[Dimension]) -> dict[str, str]:
    """The values of each axis as a tag."""
    chosen = {" ".join(d.keys): d.span or ", ".join(" ".join(a) for a in d.alternatives) for d in dimensions}
    return {f"sweep.values.{keys}": str(values)[:500] for keys, values in chosen.items()}
