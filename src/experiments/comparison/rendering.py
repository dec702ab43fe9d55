"""A table of runs for people: rounded, as text, Markdown and HTML."""

import html
import math
from typing import Any

import pandas as pd

from .table import BEST, HALF_WIDTH, best_row, loss_column

GAP = "  "

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd }}
th {{ cursor: pointer; vertical-align: bottom; border-bottom: 2px solid #222 }}
td {{ white-space: nowrap }}
tr.best {{ background: #fff1c2; font-weight: 600 }}
div {{ overflow-x: auto }}
img {{ max-width: 100%; margin: 1em 0 }}
</style></head><body><h1>{title}</h1>
<p>Means over seeds ± half the width of the 95&nbsp;% confidence interval. The row with the lowest {loss}, at its
best, is highlighted; a click on a heading sorts.</p>
<div><table><thead><tr>{heads}</tr></thead><tbody>
{rows}
</tbody></table></div>
{figures}
<script>
document.querySelectorAll("th").forEach((head, column) => head.addEventListener("click", () => {{
  const body = document.querySelector("tbody"), down = head.dataset.sorted === "up" ? -1 : 1;
  const key = row => row.cells[column].dataset.value;
  const both = (a, b) => (a === "") - (b === "") || isNaN(a) - isNaN(b)
    || down * (isNaN(a) ? a.localeCompare(b) : a - b);  // blanks last, numbers before words
  document.querySelectorAll("th").forEach(other => delete other.dataset.sorted);
  head.dataset.sorted = down > 0 ? "up" : "down";
  [...body.rows].sort((a, b) => both(key(a), key(b))).forEach(row => body.append(row));
}}));
</script></body></html>
"""


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text, half widths beside their means; columns in which nothing stands are left out."""
    columns = {}
    for name in table:
        if not name.endswith(f" {HALF_WIDTH}"):
            widths = table.get(f"{name} {HALF_WIDTH}", [None] * len(table))
            columns[name] = [with_width(entry, width) for entry, width in zip(table[name], widths)]
    return pd.DataFrame({name: texts for name, texts in columns.items() if any(texts)}, index=table.index)


def with_width(entry: Any, width: float | None) -> str:
    """A cell and its half width, if it has one: that with two digits, and the mean with as many decimals."""
    if not width or math.isnan(width):
        return plain(entry)
    decimals = max(0, 1 - math.floor(math.log10(width)))
    return f"{entry:,.{decimals}f} ± {width:,.{decimals}f}"


def plain(entry: Any) -> str:
    """A cell as text, a number with four digits that count; "" for a blank."""
    if isinstance(entry, str):
        return entry
    if math.isnan(entry):
        return ""
    return f"{entry:,.0f}" if abs(entry) >= 1000 else f"{entry:.4g}"


def to_screen(table: pd.DataFrame) -> str:
    """The table as aligned text, its headings stacked; what is the same in every row stands below, once."""
    texts, best = rounded(table), best_row(table)
    same = [name for name in texts if len(texts) > 1 and texts[name].nunique() == 1]
    shown = [name for name in texts if name not in same]
    axes = list(table)[: list(table).index("runs")]  # their names stay as one types them
    heads = [[name] if name in axes else name.replace("/", " ").replace("_", " ").split() for name in shown]
    height = max(map(len, heads), default=0)
    columns = [[""] * (height - len(head)) + head + list(texts[name]) for head, name in zip(heads, shown)]
    marks = [""] * height + ["*" if index == best else "" for index in table.index]
    columns = [[cell.rjust(max(map(len, column))) for cell in column] for column in (marks, *columns)]
    lines = [GAP.join(row).rstrip() for row in zip(*columns)]
    notes = (
        [] if best is None else [f"* lowest {loss_column(table)}; ± half of the 95 % confidence interval over seeds"]
    )
    notes += ["in every row: " + "; ".join(f"{name} {texts[name].iloc[0]}" for name in same)] if same else []
    return "\n".join([*lines, *notes])


def to_markdown(table: pd.DataFrame) -> str:
    """The table in Markdown, the best row in bold."""
    texts, best = rounded(table), best_row(table)
    if best is not None:
        texts.loc[best] = [text and f"**{text}**" for text in texts.loc[best]]
    escaped = texts.map(lambda text: text.replace("|", "\\|"))
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=["right"] * len(texts.columns)) + "\n"


def to_html(table: pd.DataFrame, title: str, pictures: dict[str, str]) -> str:
    """One page that needs no other file: the table and the pictures (name -> base64 of a PNG)."""
    texts, best = rounded(table), best_row(table)
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in texts)
    rows = []
    for index in table.index:
        cells = "".join(cell(table.at[index, name], texts.at[index, name]) for name in texts)
        mark = ' class="best"' if index == best else ""
        rows.append(f"<tr{mark}>{cells}</tr>")
    figures = "\n".join(
        f'<img alt="{html.escape(name)}" src="data:image/png;base64,{data}">' for name, data in pictures.items()
    )
    loss = html.escape(loss_column(table).removesuffix(f" {BEST}"))
    return PAGE.format(title=html.escape(title), loss=loss, heads=heads, rows="\n".join(rows), figures=figures)


def cell(entry: Any, text: str) -> str:
    """A cell of a page with what it is sorted by."""
    exact = entry if isinstance(entry, str) else "" if text == "" else repr(float(entry))
    return f'<td data-value="{html.escape(exact)}">{html.escape(text)}</td>'
