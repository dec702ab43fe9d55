"""A sweep, or any runs of the store, as a table and figures."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..comparison.report import Report, write
from ..config.errors import ConfigError
from ..tracking.record import RunRecord

if TYPE_CHECKING:
    from ..experiment import Experiment


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

    def run(self, experiment: "Experiment") -> None:
        sweep, runs = experiment.store.records(self.runs)
        if sweep is None:
            report = Report(runs, None, None, f"{len(runs)} runs with {self.runs}")
        elif not runs:
            raise ConfigError(f"the sweep {sweep.name} has no runs yet")
        else:
            axes = json.loads(sweep.tags["sweep.axes"])
            report = Report(runs, axes, sweep.tags.get("sweep.search"), f"sweep {sweep.name}")
        if self.to == "png":
            self._write_figures(report, sweep)
        elif self.to == "html" or self.output is not None:
            name = f"comparison-{sweep.name}.html" if sweep else "comparison.html"
            print(write(Path(self.output or name), getattr(report, self.to)().encode()))
        else:
            sys.stdout.write(getattr(report, self.to)())

    def _write_figures(self, report: Report, sweep: RunRecord | None) -> None:
        if not report.figures:
            raise ConfigError("there are no figures to write: no run has a score")
        folder = Path(self.output or (f"comparison-{sweep.name}" if sweep else "comparison"))
        for name, figure in report.figures.items():
            print(write(folder / name, figure))
