"""A table of runs on the screen: as wide as the terminal, what all rows share once below it."""

from .rendering import in_every_row, legend, rounded
from .table import Table

GAP = "  "


def to_screen(table: Table, width: int | None = None) -> str:
    """The table as aligned text with stacked headings, in at most so many columns of characters (None: any number).

    The axes, what decides and the columns that were asked for stay; of the others those that fit, from the left.
    """
    texts, same = rounded(table)
    best = table.best
    columns = {name: heading(table, name) + texts[name] for name in texts}
    shown = fitting(table, columns, width)
    marks = ["*" if row == best else "" for row in range(len(table.frame))]
    parts = [marks] + [columns[name] for name in shown]
    height = max(map(len, parts))
    parts = [[""] * (height - len(part)) + part for part in parts]
    widths = [max(map(len, part)) for part in parts]
    lines = [GAP.join(map(str.rjust, row, widths)).rstrip() for row in zip(*parts)]
    if best is not None:
        lines.append(f"* {legend(table)}")
    if left_out := [name for name in columns if name not in shown]:
        lines.append(
            f"not shown, as the terminal is too narrow: {', '.join(left_out)}; runner.width=0 shows all columns, "
            f"'runner.columns=[+{left_out[0]}]' one of them"
        )
    if same:
        lines.append(in_every_row(same))
    return "\n".join(lines)


def fitting(table: Table, columns: dict[str, list[str]], width: int | None) -> list[str]:
    """The names of the columns that are shown."""
    if width is None:
        return list(columns)
    sizes = {name: max(map(len, cells)) + len(GAP) for name, cells in columns.items()}
    always = {*table.axes, table.decides, *table.chosen}
    room = width - 1 - sum(size for name, size in sizes.items() if name in always)
    shown = set(always)
    for name, size in sizes.items():
        if name not in always:
            if size > room:
                break
            room -= size
            shown.add(name)
    return [name for name in columns if name in shown]


def heading(table: Table, name: str) -> list[str]:
    """A column's name in words below each other; the name of an axis stays as one types it."""
    return [name] if name in table.axes else name.replace("/", " ").replace("_", " ").split()
