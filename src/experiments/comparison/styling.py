"""What the figures of a comparison share beside what all pictures do: names, means of seeds, swept axes."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..config.figure import COLOURS, MARKERS, MAX_MARKERS, plain_numbers
from .grouping import Combination, Value, logarithmic, numbers
from .measures import Criterion, Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

OTHERS = "#bbbbbb"
MAX_TICKS = 8  # values of an axis that are all labelled
APART = 0.06  # of the width of an axis: ticks closer than this would be written over each other
MIN_SEEDS = 3  # from which on an interval says something
LONG = 40  # characters of all labels of an axis with words, above which they are turned
DASHES: tuple[Any, ...] = ("solid", (0, (4, 3)), (0, (1.2, 2.5)), (0, (6, 2, 1, 2)))  # of lines over each other
SIZES = (6.5, 5.0, 3.8, 3.0)  # of their markers


def label(criterion: Criterion, which: str) -> str:
    """The label of an axis of scores, like "best valid perplexity"."""
    return f"{which} {criterion.split} {criterion.unit}".strip()


def seeds_text(numbers_of_seeds: Sequence[int], few: str = "each run, mean and range") -> str:
    """What is drawn of so many seeds: "3 seeds: mean and 95 % interval"; `few`: what is drawn of fewer than three."""
    least, most = min(numbers_of_seeds), max(numbers_of_seeds)
    if most == 1:
        return "one seed"
    seeds = f"{most} seeds" if least == most else f"{least} to {most} seeds"
    if least >= MIN_SEEDS:
        return f"{seeds}: mean and 95 % interval"
    return f"{seeds}: {few}" if most < MIN_SEEDS else f"{seeds}: mean; 95 % interval from {MIN_SEEDS} seeds on"


def legend_name(combination: Combination) -> str:
    """A combination in a legend whose title names the axes."""
    return ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in combination)


def interval(found: Mean, criterion: Criterion) -> tuple[float, float]:
    """The 95 % interval, cut off at what the metric can be; NaN of fewer than three seeds."""
    if found.number < MIN_SEEDS or math.isnan(found.half_width):
        return math.nan, math.nan
    least, most = criterion.bounds
    return max(least, found.value - found.half_width), min(most, found.value + found.half_width)


def draw_line(
    plot: "Axes",
    means: Mapping[float, Mean],
    name: str,
    k: int,
    criterion: Criterion,
    over: int = 0,
    has_band: bool = True,
) -> None:
    """Draw means over seeds at their places as a line in the k-th colour, with the band of their intervals.

    `over` is the number of lines that it would hide: it is dashed where there are some.
    """
    if has_band and any(found.number >= MIN_SEEDS for found in means.values()):
        low, high = zip(*(interval(found, criterion) for found in means.values()))
        plot.fill_between(list(means), low, high, color=COLOURS[k], alpha=0.12, linewidth=0)
    middles, marker = [found.value for found in means.values()], MARKERS[k] if len(means) < MAX_MARKERS else None
    style, size = DASHES[min(over, len(DASHES) - 1)], SIZES[min(over, len(SIZES) - 1)]
    plot.plot(list(means), middles, color=COLOURS[k], marker=marker, markersize=size, linestyle=style, label=name)


def hidden_lines(lines: Sequence[Mapping[float, float]], span: float) -> list[int]:
    """For every line the number of earlier ones that it would hide somewhere, as heights of an axis of this span.

    Two lines hide each other where they are closer than a hundredth of the span at neighbouring places.
    """
    return [sum(coincide(line, other, span / 100) for other in lines[:k]) for k, line in enumerate(lines)]


def coincide(one: Mapping[float, float], other: Mapping[float, float], tolerance: float) -> bool:
    """Whether two lines run over each other between any two neighbouring places."""
    places = sorted(one.keys() & other.keys())
    close = [abs(one[place] - other[place]) <= tolerance for place in places]
    return any(map(all, itertools.pairwise(close))) if len(close) > 1 else all(close) and bool(close)


def lay_out_axis(axes: "Axes", name: str, values: Sequence[Value], names: Mapping[Value, str]) -> dict[Value, float]:
    """Set up a horizontal axis for these sorted values, words side by side and numbers to scale; where each stands.

    `names` has the label of each value.
    """
    axes.set_xlabel(name)
    found = numbers(values)
    if found is None:
        texts = [names[value] for value in values]
        turned: dict[str, Any] = {"rotation": 20, "ha": "right"} if sum(map(len, texts)) > LONG else {}
        axes.set_xticks(range(len(values)), texts, **turned)
        axes.set_xlim(-0.5, len(values) - 0.5)
        return {value: float(k) for k, value in enumerate(values)}
    if is_log := logarithmic(found):
        axes.set_xscale("log")
        axes.xaxis.minorticks_off()
    if len(found) <= MAX_TICKS:  # values that were tried, and nothing between
        ticks = apart([math.log(value) if is_log else value for value in found])
        axes.set_xticks([found[k] for k in ticks], [names[values[k]] for k in ticks])
    elif is_log:
        axes.set_xlim(found[0] / 1.1, found[-1] * 1.1)
        few_numbers(axes.xaxis)
    return {value: float(value) for value in found}


def few_numbers(axis: "Axis") -> None:
    """A logarithmic horizontal axis: powers of ten alone over two of them and more, as numbers are wide."""
    from matplotlib.ticker import LogLocator

    plain_numbers(axis)
    low, high = axis.get_view_interval()
    if high > 100 * low:
        axis.set_major_locator(LogLocator(subs=(1.0,)))


def apart(places: Sequence[float]) -> list[int]:
    """The numbers of those sorted places that can be labelled without touching: the last one, and from the first on."""
    room, chosen = APART * (places[-1] - places[0]), [0]
    for k in range(1, len(places)):
        if places[k] - places[chosen[-1]] >= room:
            chosen.append(k)
    return chosen
