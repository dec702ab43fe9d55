"""A comparison of runs in every form it can take."""

import base64
import dataclasses
import functools
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..config.atomic import atomic_write
from ..tracking.record import Recorded
from . import figures, rendering
from .table import compare


@dataclasses.dataclass(frozen=True)
class Report:
    """Some runs and on what they are compared; each form is made when it is asked for."""

    runs: Sequence[Recorded]
    axes: Sequence[str] | None  # None: on what the runs differ
    search: str | None  # grid, random or tpe; None where nobody chose the runs
    title: str

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        return compare(self.runs, self.axes)

    @functools.cached_property
    def pictures(self) -> dict[str, bytes]:
        """File name -> PNG."""
        drawn = {}
        for name, figure in figures.draw(self.runs, self.axes, self.search).items():
            figure.savefig(buffer := io.BytesIO(), format="png")
            drawn[f"{name.replace('/', '-')}.png"] = buffer.getvalue()
        return drawn

    def screen(self) -> str:
        return f"{self.title}\n{rendering.to_screen(self.table)}\n"

    def csv(self) -> str:
        """All columns and every digit."""
        return self.table.to_csv(index=False)

    def markdown(self) -> str:
        return rendering.to_markdown(self.table)

    def html(self) -> str:
        encoded = {name: base64.b64encode(picture).decode() for name, picture in self.pictures.items()}
        return rendering.to_html(self.table, self.title, encoded)


def write_report(report: Report, folder: Path) -> list[Path]:
    """comparison.csv, .md and .html and the figures as PNG in this folder; the paths of what was written."""
    texts = {"csv": report.csv(), "md": report.markdown(), "html": report.html()}
    contents = {f"comparison.{end}": text.encode() for end, text in texts.items()} | report.pictures
    return [write(folder / name, content) for name, content in contents.items()]


def write(path: Path, content: bytes) -> Path:
    """Put a file in place whole, so that nobody ever meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path
