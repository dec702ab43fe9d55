"""A table of runs for people: rounded, as Markdown and HTML."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
from tabulate import tabulate

from .columns import BEST, HALF_WIDTH
from .table import Table

Cell = float | str
MOST_WHOLE = 1e15  # from which on digits up to the decimal point say nothing, and perplexities may have hundreds
TEMPLATE = Path(__file__).with_name("report.html.j2")


class Texts(NamedTuple):
    """A table as text."""

    columns: dict[str, list[str]]  # those in which rows differ or that were asked for; none is empty
    same: dict[str, str]  # what all rows share


class Section(NamedTuple):
    """A part of a page: the runs of one task."""

    title: str
    table: Table
    note: str
    figures: Mapping[str, str]  # name -> base64 of a PNG


def rounded(table: Table) -> Texts:
    """The columns as text, half widths beside their means."""
    frame, columns, same = table.frame, {}, {}
    for name in map(str, frame.columns[~frame.columns.str.endswith(f" {HALF_WIDTH}")]):
        widths = frame.get(f"{name} {HALF_WIDTH}", [math.nan] * len(frame))
        texts = [with_width(cell, width) for cell, width in zip(frame[name], widths)]
        if len(texts) > 1 and len(set(texts)) == 1 and name not in (*table.chosen, table.decides):
            same[name] = texts[0]
        elif any(texts):
            columns[name] = texts
    return Texts(columns, {name: text for name, text in same.items() if text})


def with_width(cell: Cell, width: float) -> str:
    """A cell and its half width, if it has one: that with two digits, and the mean with as many decimals."""
    if not width or not math.isfinite(width) or isinstance(cell, str):
        return plain(cell)
    if abs(cell) >= MOST_WHOLE:
        return f"{cell:.4g} ± {width:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(width)))
    return f"{cell:,.{decimals}f} ± {width:,.{decimals}f}"


def plain(cell: Cell) -> str:
    """A cell as text, a number with four significant digits; "" for NaN."""
    if isinstance(cell, str):
        return cell
    if math.isnan(cell):
        return ""
    return f"{cell:,.0f}" if 1000 <= abs(cell) < MOST_WHOLE else f"{cell:.4g}"


def legend(table: Table) -> str:
    """What decides which row is best, and what ± is."""
    which = "highest" if table.higher_is_better else "lowest"
    has_widths = any(f"{name} {HALF_WIDTH}" in table.frame for name in table.frame) and any(
        len(scores) > 1 for scores in table.scores
    )
    return f"{which} {table.decides}" + ("; ± half of the 95 % confidence interval over seeds" if has_widths else "")


def in_every_row(same: Mapping[str, str]) -> str:
    """What all rows share, in a line; empty if that is nothing."""
    return "in every row: " + "; ".join(f"{name} {text}" for name, text in same.items()) if same else ""


def to_markdown(table: Table) -> str:
    """The table in Markdown, the best row in bold."""
    texts, same = rounded(table)
    rows = [[cell.replace("|", "\\|") for cell in row] for row in zip(*texts.values())]
    if table.best is not None:
        rows[table.best] = [cell and f"**{cell}**" for cell in rows[table.best]]
    printed = tabulate(rows, list(texts), "pipe", disable_numparse=True, colalign=["right"] * len(texts)) + "\n"
    return printed + (f"\nI{in_every_row(same)[1:]}.\n" if same else "")


def to_html(title: str, head: Mapping[str, str], fixed: Mapping[str, str], sections: Sequence[Section]) -> str:
    """One page that needs no other file: what was compared, and of every task a table, a note and the figures."""
    shown = [page_section(section) for section in sections]
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True, trim_blocks=True)
    return str(template.render(title=title, head=head, fixed=fixed, sections=shown))


def page_section(section: Section) -> dict[str, object]:
    """A section as the page shows it, with every digit beside each cell, for sorting by a column."""
    (texts, same), table = rounded(section.table), section.table
    exact = table.frame.astype(object).where(table.frame.notna(), "")
    columns = [list(zip(exact[name], texts[name])) for name in texts]
    rows = [(row == table.best, cells) for row, cells in enumerate(zip(*columns))]
    about = f"{'highest' if table.higher_is_better else 'lowest'} {table.decides.removesuffix(f' {BEST}')}"
    shown = {"heads": list(texts), "rows": rows, "about": about, "same": same and f"I{in_every_row(same)[1:]}."}
    return {**section._asdict(), **shown}
