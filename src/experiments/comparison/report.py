"""A comparison of runs in all its forms."""

import base64
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..config.atomic import atomic_write
from ..config.figure import encoded, names_in_any_script
from ..interfaces.task import Task
from ..tracking.record import RunRecord
from . import figures as drawing
from . import rendering
from .columns import EVERYTHING, Layout
from .comparability import note
from .head import Head
from .latex import to_latex
from .objective import LOWEST_LOSS, Objective
from .screen import to_screen
from .table import Table, compare

KINDS = {"symbols": "language models", "labels": "labels", "numbers": "numbers as targets"}


@dataclasses.dataclass(frozen=True)
class Part:
    """The runs of one task: only their numbers say who is better."""

    task: str
    runs: Sequence[RunRecord]
    axes: Sequence[str] | None
    search: str | None
    layout: Layout
    objective: Objective

    @functools.cached_property
    def table(self) -> Table:
        return compare(self.runs, self.axes, self.layout, self.objective)

    @functools.cached_property
    def note(self) -> str:
        """Why the rows' perplexities cannot be compared, as one sentence; empty if they can."""
        return note(self.runs) or ""

    def figures(self, form: str) -> dict[str, bytes]:
        """File name -> content in this form: png, pdf or svg."""
        files, layout = {}, self.layout
        with names_in_any_script():
            drawn = drawing.draw(self.runs, self.axes, self.search, layout)
            for name, figure in drawn.items():
                files[f"{name.replace('/', '-')}.{form}"] = encoded(figure, form)
        return files


@dataclasses.dataclass(frozen=True)
class Report:
    """Runs and the axes on which they are compared, a table for each task; each form is computed on first use."""

    runs: Sequence[RunRecord]
    axes: Sequence[str] | None  # None: those on which the runs differ
    search: str | None  # grid, random or tpe; None if the runs are not of a sweep
    title: str
    objective: Objective = LOWEST_LOSS  # by which the best row is marked, where the layout names no metric
    sweeps: Sequence[RunRecord] = ()  # the parents of the runs
    layout: Layout = EVERYTHING

    @functools.cached_property
    def parts(self) -> list[Part]:
        """The runs of each task; those without a metric and without a tag that says it go with the first."""
        if not self.runs:
            raise ValueError("there are no runs to compare")
        known = [run for run in self.runs if run.metrics or has_task(run)]
        tasks: dict[Task, list[RunRecord]] = {
            task: [] for task in dict.fromkeys(run.task for run in known or self.runs)
        }
        first = next(iter(tasks))
        for run in self.runs:
            tasks[run.task if run.metrics or has_task(run) else first].append(run)
        return [
            Part(task.name, runs, self.axes, self.search, self.layout, self.objective) for task, runs in tasks.items()
        ]

    @property
    def table(self) -> pd.DataFrame:
        """The rows, those of several tasks one below the other."""
        return pd.concat([part.table.frame for part in self.parts], ignore_index=True)

    @functools.cached_property
    def head(self) -> Head:
        return Head.of(self.runs, self.sweeps)

    @functools.cached_property
    def note(self) -> str:
        """All that is to be said of what cannot be compared; empty if there is nothing."""
        notes = [part.note for part in self.parts if part.note]
        if len(self.parts) > 1:
            kinds = " and ".join(KINDS[part.task] for part in self.parts)
            notes.insert(0, f"{kinds} are never ranked together: each has a table of its own")
        return "; ".join(notes)

    @functools.cached_property
    def figures(self) -> dict[str, bytes]:
        """File name -> PNG."""
        return self.drawn("png")

    def drawn(self, form: str) -> dict[str, bytes]:
        """File name -> content, named by the task where there are several."""
        several = len(self.parts) > 1
        files: dict[str, bytes] = {}
        for part in self.parts:
            found = part.figures(form)
            files |= {(f"{part.task}-{name}" if several else name): content for name, content in found.items()}
        return files

    def screen(self, width: int | None = None) -> str:
        """Head and tables, in at most so many columns of characters (None: any number)."""
        head = [f"{name:9} {text}" for name, text in self.head.lines().items()]
        tables = [f"{self._heading(part)}{to_screen(part.table, width)}" for part in self.parts]
        warning = f"warning: {self.note}\n" if self.note else ""
        return "\n".join([self.title, *head, "\n\n".join(tables)]) + f"\n{warning}"

    def csv(self) -> str:
        """All columns and every digit; with several tasks the first column says of which a row is."""
        frames = [part.table.frame for part in self.parts]
        if len(frames) > 1:
            named = [frame.assign(task=part.task) for part, frame in zip(self.parts, frames)]
            frames = [pd.concat(named)[["task", *dict.fromkeys(name for frame in frames for name in frame)]]]
        return frames[0].to_csv(index=False)

    def markdown(self) -> str:
        tables = [f"{self._heading(part)}{rendering.to_markdown(part.table)}" for part in self.parts]
        return "\n".join(tables) + (f"\nWarning: {self.note}.\n" if self.note else "")

    def latex(self) -> str:
        """The tables, and what they are of as comments."""
        lines = [f"% {name}: {text}" for name, text in {"compared": self.title, **self.head.lines()}.items()]
        several = len(self.parts) > 1
        tables = []
        for part in self.parts:
            what = f"{self.title}, {KINDS[part.task]}" if several else self.title
            tables.append(to_latex(part.table, what, f"comparison-{part.task}" if several else "comparison"))
        notes = [f"% warning: {self.note}"] if self.note else []
        return "\n".join([*lines, *notes, "\n".join(tables)])

    def html(self) -> str:
        sections = []
        for part in self.parts:
            encoded = {name: base64.b64encode(png).decode() for name, png in part.figures("png").items()}
            sections.append(rendering.Section(KINDS[part.task], part.table, part.note, encoded))
        return rendering.to_html(self.title, self.head.lines(), self.head.fixed, sections)

    def _heading(self, part: Part) -> str:
        return f"{KINDS[part.task]}\n" if len(self.parts) > 1 else ""


def has_task(run: RunRecord) -> bool:
    """Whether the run says itself what its data asks for."""
    return "dataset.task" in run.tags


def write_report(report: Report, folder: Path) -> list[Path]:
    """comparison.csv, .md and .html and the figures as PNG in this folder; the paths of what was written."""
    texts = {"csv": report.csv(), "md": report.markdown(), "html": report.html()}
    files: Mapping[str, bytes] = {f"comparison.{extension}": text.encode() for extension, text in texts.items()}
    return [write(folder / name, content) for name, content in {**files, **report.figures}.items()]


def write(path: Path, content: bytes) -> Path:
    """Write a file atomically, creating its folder; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path
