"""What the figures of a comparison share beside what all pictures do: names, lines with bands, swept axes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..config.figure import COLOURS as COLOURS
from ..config.figure import MARKERS as MARKERS
from ..config.figure import MAX_MARKERS
from ..config.figure import plain_numbers as plain_numbers
from .grouping import Combination, Value, logarithmic, numbers
from .measures import Criterion, Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OTHERS = "#bbbbbb"
MAX_TICKS = 8  # values of an axis that are all labelled


def label(criterion: Criterion, which: str) -> str:
    """The label of an axis of scores, like "best valid perplexity"."""
    return f"{which} {criterion.split} {criterion.unit}".strip()


def legend_name(combination: Combination) -> str:
    """A combination in a legend whose title names the axes."""
    return ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in combination)


def draw_line(plot: "Axes", means: Mapping[float, Mean], name: str, k: int) -> None:
    """Draw means over seeds at their places as a line in the k-th colour, with the band of their confidence."""
    low = [found.value - found.margin for found in means.values()]
    high = [found.value + found.margin for found in means.values()]
    plot.fill_between(list(means), low, high, color=COLOURS[k], alpha=0.15, linewidth=0)
    middles, marker = [found.value for found in means.values()], MARKERS[k] if len(means) < MAX_MARKERS else None
    plot.plot(list(means), middles, color=COLOURS[k], marker=marker, markersize=5, label=name)


def lay_out_axis(axes: "Axes", name: str, values: Sequence[Value]) -> dict[Value, float]:
    """Set up a horizontal axis for these sorted values, words side by side and numbers to scale; where each stands."""
    axes.set_xlabel(name)
    found = numbers(values)
    if found is None:
        axes.set_xticks(range(len(values)), [str(value) for value in values])
        axes.set_xlim(-0.5, len(values) - 0.5)
        return {value: float(k) for k, value in enumerate(values)}
    if logarithmic(found):
        axes.set_xscale("log")
        axes.xaxis.minorticks_off()
    if len(found) <= MAX_TICKS:  # every value that was tried, and nothing between
        axes.set_xticks(found, [f"{value:g}" for value in found])
    return {value: float(value) for value in found}
