"""What the drawings of the documentation share: boxes, arrows, and a canvas without axes."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from experiments.comparison.styling import COLOURS

DOCS = Path(__file__).parents[1]
FORWARD, BACKWARD, PARAMETERS = COLOURS[0], COLOURS[1], COLOURS[2]
PLAIN = "#555555"


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches whose axes count inches from the lower left corner."""
    figure = Figure(figsize=(width, height), dpi=130)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def box(axes: Axes, x: float, y: float, text: str, colour: str = PLAIN, size: tuple[float, float] = (0.5, 0.4)) -> None:
    """A box of `size` inches around (x, y) with its text."""
    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "white", "edgecolor": colour, "linewidth": 1.4}
    width, height = size
    axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, zorder=2, **style))
    axes.text(x, y, text, ha="center", va="center", zorder=3, fontsize=9)


def arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = PLAIN,
    style: str = "-",
    bend: float = 0.0,
) -> None:
    """An arrow between two points; `bend` makes it an arc."""
    look = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    look["connectionstyle"] = f"arc3,rad={bend}"
    axes.annotate("", xy=end, xytext=start, arrowprops=look, zorder=1)


def label(axes: Axes, x: float, y: float, text: str, colour: str = "black", **look: object) -> None:
    """Text around (x, y)."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 9, "color": colour, **look})
