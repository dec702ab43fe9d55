"""A comparison of runs in all its forms."""

import base64
import dataclasses
import functools
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..config.atomic import atomic_write
from ..tracking.record import RunRecord
from . import figures as drawing
from . import rendering
from .comparability import note
from .objective import LOWEST_LOSS, Objective
from .table import compare


@dataclasses.dataclass(frozen=True)
class Report:
    """Runs and the axes on which they are compared; each form is computed on first use."""

    runs: Sequence[RunRecord]
    axes: Sequence[str] | None  # None: those on which the runs differ
    search: str | None  # grid, random or tpe; None if the runs are not of a sweep
    title: str
    objective: Objective = LOWEST_LOSS  # by which the best row is marked

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        return compare(self.runs, self.axes, self.objective)

    @functools.cached_property
    def note(self) -> str:
        """Why the rows' perplexities cannot be compared, as one sentence; empty if they can."""
        return note(self.runs) or ""

    @functools.cached_property
    def figures(self) -> dict[str, bytes]:
        """File name -> PNG."""
        pngs = {}
        for name, figure in drawing.draw(self.runs, self.axes, self.search).items():
            figure.savefig(buffer := io.BytesIO(), format="png")
            pngs[f"{name.replace('/', '-')}.png"] = buffer.getvalue()
        return pngs

    def screen(self) -> str:
        warning = f"warning: {self.note}\n" if self.note else ""
        return f"{self.title}\n{rendering.to_screen(self.table)}\n{warning}"

    def csv(self) -> str:
        """All columns and every digit."""
        return self.table.to_csv(index=False)

    def markdown(self) -> str:
        return rendering.to_markdown(self.table) + (f"\nWarning: {self.note}.\n" if self.note else "")

    def html(self) -> str:
        encoded = {name: base64.b64encode(figure).decode() for name, figure in self.figures.items()}
        return rendering.to_html(self.table, self.title, encoded, self.note)


def write_report(report: Report, folder: Path) -> list[Path]:
    """comparison.csv, .md and .html and the figures as PNG in this folder; the paths of what was written."""
    texts = {"csv": report.csv(), "md": report.markdown(), "html": report.html()}
    files = {f"comparison.{extension}": text.encode() for extension, text in texts.items()} | report.figures
    return [write(folder / name, content) for name, content in files.items()]


def write(path: Path, content: bytes) -> Path:
    """Write a file atomically, creating its folder; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path
