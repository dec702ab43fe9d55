"""Rows as aligned text and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from .numpy_layers import ONWARD

Row = dict[str, str | int | float]


def table(heads: Sequence[str], rows: Sequence[Sequence[str | int | float]], num_texts: int) -> str:
    """Aligned text, the first `num_texts` columns to the left."""
    sides = ["left"] * num_texts + ["right"] * (len(heads) - num_texts)
    return tabulate(rows, heads, "plain", colalign=sides, disable_numparse=True)


def place_of(row: Row) -> str:
    """The layer of a row, and its direction where that is in reverse."""
    return f"{row['layer']}" if row["direction"] == ONWARD else f"{row['layer']} {row['direction']}"


def as_csv(rows: Iterable[Row]) -> str:
    """Rows with the same keys as CSV, every digit; of no rows "", since nothing names the columns."""
    rows = [*rows]
    if not rows:
        return ""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
