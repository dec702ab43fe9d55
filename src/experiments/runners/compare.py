"""A sweep, or any runs of the store, as a table and figures."""

import json
import logging
import sys
from pathlib import Path
from typing import Literal

from ..comparison.objective import Objective
from ..comparison.report import Report, write
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..tracking.provenance import different_code

log = logging.getLogger("experiments")


class Compare:
    """Compare the runs of a sweep, means over seeds, or the training runs that fit a filter."""

    def __init__(
        self,
        *,
        runs: str | None,
        to: Literal["screen", "csv", "markdown", "html", "png"],
        output: str | None,
    ):
        self.runs, self.to, self.output = runs, to, output

    def run(self, experiment: Experiment) -> None:
        found = experiment.store.select([self.runs] if self.runs else [])
        sweep, runs = (found.sweeps or [None])[0], found.runs
        if sweep is None:
            report, name = Report(runs, None, None, f"{len(runs)} runs with {self.runs}"), "comparison"
        elif not runs:
            raise ConfigError(f"the sweep {sweep.name} has no runs yet")
        else:
            axes, search = json.loads(sweep.tags["sweep.axes"]), sweep.tags.get("sweep.search")
            report, name = (
                Report(runs, axes, search, f"sweep {sweep.name}", Objective.of_tags(sweep.tags)),
                f"comparison-{sweep.name}",
            )
        if self.to == "screen" and (note := different_code(run.tags for run in runs)):
            log.warning("%s", note)
        if self.to == "png":
            if not report.figures:
                raise ConfigError("there are no figures to write: no run has a score")
            for figure, content in report.figures.items():
                print(write(Path(self.output or name) / figure, content))
        elif self.to == "html" or self.output is not None:
            print(write(Path(self.output or f"{name}.html"), getattr(report, self.to)().encode()))
        else:
            sys.stdout.write(getattr(report, self.to)())
