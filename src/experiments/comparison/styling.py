"""What the figures of a comparison share: colours, scales, names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .measures import Judge, Mean
from .points import Point, Value, logarithmic, numeric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people who see no red or no green can tell apart; without their yellow
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OTHERS = "#bbbbbb"
UNITS = {"perplexity": "perplexity", "accuracy": "accuracy (share of targets)", "loss": "loss (per target)"}


def blank(width: float, height: float) -> tuple["Figure", "Axes"]:
    """An empty figure in inches and its axes."""
    from matplotlib.figure import Figure  # half a second, so only when something is drawn

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots()


def label(judged_by: Judge, which: str) -> str:
    """What stands beside an axis of scores, like "best valid perplexity"."""
    return f"{which} {judged_by.split} {UNITS[judged_by.metric]}".strip()


def name_of(point: Point) -> str:
    """A point in a legend, under whose title the axes stand."""
    return ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in point)


def scale_scores(axes: "Axes", values: Sequence[float], logarithmic: bool) -> None:
    """Limits around these values and not around their intervals, which are many times as wide with two seeds only."""
    low, high = min(values), max(values)
    if logarithmic:
        margin = max((high / low) ** 0.2, 1.02)
        axes.set(yscale="log", ylim=(low / margin, high * margin))
        plain_numbers(axes.yaxis)
    else:
        margin = 0.2 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)


def plain_numbers(axis: "Axis") -> None:
    """A logarithmic axis with 200 written as 200, at 1, 2 and 5 of every power of ten, or closer if that is too few."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 8 * low else MaxNLocator(7))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def places(axes: "Axes", name: str, values: Sequence[Value]) -> dict[Value, float]:
    """Lay out a horizontal axis for these sorted values; where each stands: words side by side, numbers to scale."""
    axes.set_xlabel(name)
    if not numeric(values):
        axes.set_xticks(range(len(values)), [str(value) for value in values])
        axes.set_xlim(-0.5, len(values) - 0.5)
        return {value: float(k) for k, value in enumerate(values)}
    if logarithmic(values):
        axes.set_xscale("log")
        axes.xaxis.minorticks_off()
    if len(values) <= 8:  # every value that was tried, and nothing between
        axes.set_xticks(values, [f"{value:g}" for value in values])
    return {value: float(value) for value in values}


def band(found: Mean) -> tuple[float, float]:
    """Both ends of a confidence interval, the mean itself where there is none."""
    return found.value - (found.half_width or 0.0), found.value + (found.half_width or 0.0)
