"""What a part of the benchmarks hands back: a table, and every turn of its sides.

Two results can be compared on different machines because the sides of a group take turns: what is compared is the
quotient of two sides of one turn.
"""

import dataclasses
import inspect
from collections.abc import Mapping

from .alternate import Figures

Turn = dict[str, float]  # what one process measured, see side.Measured
PRODUCTS = "products alone"  # the side that only multiplies matrices


@dataclasses.dataclass(frozen=True)
class Result:
    """A part's table, its turns, and what is drawn of it."""

    title: str
    about: str  # what was measured, above the table
    head: list[str]
    rows: list[list[str]]
    turns: dict[str, dict[str, list[Turn]]]  # by group, whose sides took turns, and by side
    peers: list[str]  # the sides that are not this project's: if they get slower, that is no loss of ours
    figures: list[str]  # of a turn, which are compared: seconds (of an update), memory, whole (seconds of a run)
    drawn: dict[str, dict[str, float]]  # by curve and place

    @classmethod
    def of(
        cls,
        title: str,
        about: str | None,
        head: list[str],
        rows: list[list],
        found: Mapping[str, Mapping[str, Figures]] | None = None,
        *,
        peers: tuple[str, ...] = (),
        figures: tuple[str, ...] = ("seconds",),
        drawn: Mapping[str, Mapping] | None = None,
    ) -> "Result":
        """Cells of any kind become text, short rows get empty cells. `found`: by group, what `alternate` gave."""
        cells = [[cell(value) for value in row] + [""] * (len(head) - len(row)) for row in rows]
        turns = {group: {label: one.turns for label, one in sides.items()} for group, sides in (found or {}).items()}
        curves = {curve: {str(at): value for at, value in values.items()} for curve, values in (drawn or {}).items()}
        text = inspect.cleandoc(about or "")
        return cls(title, text, head, cells, turns, [PRODUCTS, *peers], list(figures), curves)

    def table(self) -> str:
        """In Markdown."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def section(self) -> str:
        """Title, what was measured, table."""
        return f"## {self.title}\n\n{self.about}\n\n{self.table()}"


def section(title: str, about: str | None, head: list[str], rows: list[list]) -> str:
    """The text that a part may return in the place of a Result."""
    return Result.of(title, about, head, rows).section()


def result_of(returned: "Result | tuple[str, dict]") -> Result:
    """What a part returned; of one that returns its text and what is drawn, no turns are known."""
    if isinstance(returned, Result):
        return returned
    text, drawn = returned
    lines = text.splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    about = "\n".join(line for line in lines if not line.startswith(("|", "## "))).strip()
    return Result.of(lines[0].removeprefix("## "), about, table[0], table[2:], drawn=drawn)


def cell(value: object) -> str:
    return "" if value is None else f"{value:.1g}" if isinstance(value, float) and value < 0.01 else str(value)
