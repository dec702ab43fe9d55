"""A table of runs for people: rounded, as text, Markdown and HTML."""

import math
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pandas as pd
from tabulate import tabulate

from .table import BEST, HALF_WIDTH, best_row, what_is_best

Cell = float | str
TEMPLATE = Path(__file__).with_name("report.html.j2")


def rounded(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns as text, half widths beside their means; empty columns are left out."""
    columns = {}
    for name in table.columns[~table.columns.str.endswith(f" {HALF_WIDTH}")]:
        widths = table.get(f"{name} {HALF_WIDTH}", [math.nan] * len(table))
        columns[name] = [with_width(cell, width) for cell, width in zip(table[name], widths)]
    return {name: texts for name, texts in columns.items() if any(texts)}


def with_width(cell: Cell, width: float) -> str:
    """A cell and its half width, if it has one: that with two digits, and the mean with as many decimals."""
    if not width or math.isnan(width):
        return plain(cell)
    decimals = max(0, 1 - math.floor(math.log10(width)))
    return f"{cell:,.{decimals}f} ± {width:,.{decimals}f}"


def plain(cell: Cell) -> str:
    """A cell as text, a number with four significant digits; "" for NaN."""
    if isinstance(cell, str):
        return cell
    if math.isnan(cell):
        return ""
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.4g}"


def to_screen(table: pd.DataFrame) -> str:
    """The table as aligned text with stacked headings; values that all rows share stand once below it."""
    texts, best = rounded(table), best_row(table)
    same = [name for name in texts if len(table) > 1 and len(set(texts[name])) == 1]
    marks = ["*" if row == best else "" for row in range(len(table))]
    columns = [marks] + [heading(table, name) + texts[name] for name in texts if name not in same]
    height = max(map(len, columns))
    columns = [[""] * (height - len(column)) + column for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = ["  ".join(map(str.rjust, row, widths)).rstrip() for row in zip(*columns)]
    if best is not None:
        lines.append(f"* {what_is_best(table)}; ± half of the 95 % confidence interval over seeds")
    if same:
        lines.append("in every row: " + "; ".join(f"{name} {texts[name][0]}" for name in same))
    return "\n".join(lines)


def heading(table: pd.DataFrame, name: str) -> list[str]:
    """A column's name in words below each other; the name of an axis stays as one types it."""
    axes = list(table)[: list(table).index("runs")]
    return [name] if name in axes else name.replace("/", " ").replace("_", " ").split()


def to_markdown(table: pd.DataFrame) -> str:
    """The table in Markdown, the best row in bold."""
    texts, best = rounded(table), best_row(table)
    rows = [[cell.replace("|", "\\|") for cell in row] for row in zip(*texts.values())]
    if best is not None:
        rows[best] = [cell and f"**{cell}**" for cell in rows[best]]
    return tabulate(rows, list(texts), "pipe", disable_numparse=True, colalign=["right"] * len(texts)) + "\n"


def to_html(table: pd.DataFrame, title: str, figures: Mapping[str, str], note: str = "") -> str:
    """One page that needs no other file: the table, a note if there is one, the figures (name -> base64 of a PNG)."""
    texts, best = rounded(table), what_is_best(table).removesuffix(f" {BEST}")
    exact = table.astype(object).where(table.notna(), "")  # every digit, for sorting by a column
    columns = [list(zip(exact[name], texts[name])) for name in texts]
    rows = [(row == best_row(table), cells) for row, cells in enumerate(zip(*columns))]
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True, trim_blocks=True)
    return str(template.render(title=title, best=best, note=note, heads=list(texts), rows=rows, figures=figures))
