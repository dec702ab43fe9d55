"""Sweeps, or any runs of the store, as a table and figures."""

import contextlib
import dataclasses
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from ..checkpoints.initial_weights import find_weights
from ..comparison.columns import Layout
from ..comparison.objective import LOWEST_LOSS, Objective
from ..comparison.paired_report import PairedReport
from ..comparison.report import Report, write
from ..config.binding import bind
from ..config.checks import at_least
from ..config.errors import ConfigError
from ..config.figure import XAxis
from ..config.paths import cache_folder
from ..config.recorded_form import todays_form
from ..experiment import Experiment, late_arguments
from ..interfaces.task import SYMBOLS, task_of
from ..scoring.target_losses import losses_of_split
from ..tracking.provenance import different_code
from ..tracking.record import RunRecord
from ..tracking.selection import Selection
from ..training.device_choice import choose_device
from .requirements import check_split

log = logging.getLogger("experiments")

Form = Literal["screen", "csv", "markdown", "html", "latex", "png", "pdf", "svg"]
PICTURES = ("png", "pdf", "svg")  # forms with a file for each figure


class Compare:
    """Compare the runs of sweeps, means over seeds, or any training runs, or two of them target by target."""

    def __init__(
        self,
        *,
        runs: str | list[str] | None,
        to: Form,
        output: str | None,
        columns: str | list[str] | None,
        metric: str | None,
        sort: str | None,
        top: int | None,
        curve_x: XAxis | None,
        rows: Literal["auto", "seeds", "runs"],
        width: int | None,
        paired: Literal["train", "valid", "test"] | None,
        block: int | None,
        resamples: int,
    ):
        at_least(1, top=top, block=block)
        at_least(0, width=width)
        at_least(100, resamples=resamples)
        self.runs, self.to, self.output, self.rows, self.width = as_list(runs), to, output, rows, width
        self.layout = Layout(tuple(as_list(columns)), metric, sort, top, curve_x=curve_x)
        self.paired, self.block, self.resamples = paired, block, resamples

    def run(self, experiment: Experiment) -> None:
        if self.paired is not None:
            self._write(self._paired(experiment, self.paired), f"paired-{self.paired}")
            return
        selection = experiment.store.select(self.runs)
        if not selection.runs:
            raise ConfigError(f"the {selection.title} has no runs yet")
        report = report_of(selection, self._layout(selection))
        if self.to == "screen" and (note := different_code(run.tags for run in selection.runs)):
            log.warning("%s", note)
        single = len(selection.sweeps) == 1
        self._write(report, f"comparison-{selection.sweeps[0].name}" if single else "comparison")

    def _paired(self, experiment: Experiment, split: str) -> PairedReport:
        """What every target of a split costs the two runs. ConfigError unless they read and predict the same."""
        pair = experiment.store.select(self.runs).runs if self.runs else []
        if len(pair) != 2:
            raise ConfigError(f"runner.paired={split} compares two runs, got {len(pair)}: give runner.runs=[A,B]")
        first, second = (of_checkpoint(experiment, run) for run in pair)
        with without_messages():  # the screen or the file that a table is written to is to have nothing else
            dataset = first.build_dataset()
        check_split(dataset, split, "paired")
        if dataset.real_targets:
            raise ConfigError("runner.paired needs symbols or labels as targets: numbers have no probability")
        is_other = len({run.tags.get("dataset_fingerprint") for run in pair}) > 1
        found = [
            losses_of_split(each.build_model(dataset), dataset, split, each.settings, each.device)
            for each in (first, second)
        ]
        what = f"{first.choices['data']}, {split} split"
        what += f" of {pair[0].name}, as {pair[1].name} was trained on other data" if is_other else ""
        names = (pair[0].name, pair[1].name)
        is_language = task_of(dataset) is SYMBOLS
        nats = (found[0].nats, found[1].nats)
        return PairedReport(names, what, nats, found[0].sequences, is_language, self.block, self.resamples)

    def _layout(self, selection: Selection) -> Layout:
        one_by_one = selection.one_by_one if self.rows == "auto" else self.rows == "runs"
        return self.layout._replace(one_by_one=one_by_one)

    def _write(self, report: Report | PairedReport, name: str) -> None:
        """To the screen, or to a file or folder, whose path is printed."""
        if self.to in PICTURES:
            print_written(report.drawn(self.to), Path(self.output or name))
            return
        text = report.screen(self._terminal()) if self.to == "screen" else getattr(report, self.to)()
        if self.to == "html" or self.output is not None:
            print(write(Path(self.output or f"{name}.html"), text.encode()))
        else:
            sys.stdout.write(text)

    def _terminal(self) -> int | None:
        """The columns of characters that there are; None for any number, as where a file or another program reads."""
        if self.width is not None:
            return self.width or None
        is_narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
        return shutil.get_terminal_size().columns if is_narrow and self.output is None else None


@contextlib.contextmanager
def without_messages() -> Iterator[None]:
    """In it only warnings are printed."""
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def of_checkpoint(experiment: Experiment, run: RunRecord) -> Experiment:
    """The experiment with the weights, model, data and precision of a run."""
    is_here = (experiment.store.folder / run.name / "best.pt").is_file()
    weights = find_weights(run.name if is_here else run.run_id, experiment.store)
    other, config = experiment.with_weights(weights), todays_form(weights.content["config"])
    if "cache" in config["data"]:
        config["data"] = {**config["data"], "cache": cache_folder()}  # of this machine
    data = bind(config, "data", late_arguments(config, "data"))
    sizes = {key: config[key] for key in ("precision", "batch_size", "eval_batch_size", "seed")}
    settings = dataclasses.replace(experiment.settings, **sizes)
    device = choose_device(settings, other.model.target)
    choices = other.choices | weights.content["choices"]
    return dataclasses.replace(other, data=data, settings=settings, device=device, choices=choices)


def as_list(given: str | list[str] | None) -> list[str]:
    """One, several or none as a list."""
    return [] if given is None else [given] if isinstance(given, str) else given


def report_of(selection: Selection, layout: Layout) -> Report:
    """The report of what was selected, with the axes of the sweep if it is one and all its runs are compared."""
    runs, sweeps = selection.runs, selection.sweeps
    axes = search = None
    if len(sweeps) == 1 and {run.tags.get("sweep") for run in runs} == {sweeps[0].name}:
        axes, search = json.loads(sweeps[0].tags["sweep.axes"]), sweeps[0].tags.get("sweep.search")
    objective = Objective.of_tags(sweeps[0].tags) if axes is not None else LOWEST_LOSS
    return Report(runs, axes, search, selection.title, objective, sweeps, layout)


def print_written(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the figures and print their paths. ConfigError if there are none."""
    if not files:
        raise ConfigError("there are no figures to write: no run has a score")
    for name, content in files.items():
        print(write(folder / name, content))
