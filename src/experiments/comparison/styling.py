"""What the figures of a comparison share: colours, scales, names."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .grouping import Combination, Value, logarithmic, numbers, wide
from .measures import Criterion, Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito's colours, which are distinguishable with every kind of colour blindness; without their yellow
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OTHERS = "#bbbbbb"
UNITS = {"perplexity": "perplexity", "accuracy": "accuracy (share of targets)", "loss": "loss (per target)"}
MAX_MARKERS = 40  # on a line
MAX_TICKS = 8  # values of an axis that are all labelled


def label(criterion: Criterion, which: str) -> str:
    """The label of an axis of scores, like "best valid perplexity"."""
    return f"{which} {criterion.split} {UNITS[criterion.metric]}".strip()


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


def scale_scores(axes: "Axes", values: Sequence[float], is_log: bool | None = None) -> None:
    """Limits around these values, not around their intervals, which are very wide with only two seeds.

    The scale is logarithmic if `is_log`, or if that is None and the values span much.
    """
    low, high = min(values), max(values)
    if wide(values) if is_log is None else is_log:
        factor = max((high / low) ** 0.2, 1.02)
        axes.set(yscale="log", ylim=(low / factor, high * factor))
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
