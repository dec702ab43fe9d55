"""The score against one axis of a sweep."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..config.figure import COLOURS, MARKERS, empty_grid, scale_scores
from ..tracking.record import RunRecord
from .grouping import Combination, Value, group, levels, numbers, value_on
from .measures import Criterion, Mean, completed, mean
from .styling import (
    MAX_TICKS,
    MIN_SEEDS,
    draw_line,
    hidden_lines,
    interval,
    label,
    lay_out_axis,
    legend_name,
    seeds_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Series = dict[Value, list[float]]  # value on the axis -> scores of the seeds
BEST_ONE = "the best at each value"
MAX_PANELS = 3
STEP = 5.0  # pixels between series at one place


class Axis(NamedTuple):
    """An axis of a sweep, and the axes that go along with it (zip)."""

    lead: str
    along: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.lead} ({', '.join(self.along)})" if self.along else self.lead

    def names(self, runs: Sequence[RunRecord]) -> dict[Value, str]:
        """The name of each value: with those that go along with it, unless they are the same."""
        found: dict[Value, str] = {}
        for run in runs:
            value = value_on(run, self.lead)
            others = [other for axis in self.along if (other := value_on(run, axis)) != value]
            along = f" ({legend_name(tuple(others))})" if others else ""
            found[value] = f"{legend_name((value,))}{along}"
        return found


class Panel(NamedTuple):
    """One plot of a figure."""

    title: str
    series: dict[str, Series]  # name -> scores


def draw_against_axis(runs: Sequence[RunRecord], axes: Sequence[Axis], axis: Axis, criterion: Criterion) -> "Figure":
    """Scores over the values of an axis: means of seeds with their 95 % interval, of fewer than three their range.

    A line over numbers, points side by side over words; a series for each value of another axis, and panels for a third
    one with few values. Of many combinations the best one at each value. Dots are runs.
    """
    others = [other for other in axes if other.lead != axis.lead]
    panels, legend = panels_of(runs, axis, others, criterion)
    values, names = levels(runs, axis.lead), axis.names(runs)
    width = 2 + (6 if len(panels) == 1 else 4.5) * len(panels)
    figure, (plots,) = empty_grid(width, 4.5, columns=len(panels), sharey=True)
    every = [
        score for panel in panels for series in panel.series.values() for found in series.values() for score in found
    ]
    for plot, panel in zip(plots, panels):
        places = lay_out_axis(plot, axis.name, values, names)
        scale_scores(plot, criterion.metric, every)
        if numbers(values) is None:
            draw_side_by_side(plot, panel.series, places, criterion)
        else:
            draw_lines(plot, panel.series, places, criterion)
        plot.set_title(panel.title, fontsize="small")
        plot.grid(alpha=0.3)
    plots[0].set_ylabel(label(criterion, "best") + (" (log scale)" if plots[0].get_yscale() == "log" else ""))
    seeds = [len(found) for panel in panels for series in panel.series.values() for found in series.values()]
    title = f"{criterion.key.replace('/', ' ')} against {axis.lead}, {seeds_text(seeds)}"
    if len(plots) == 1:
        plots[0].set_title(title, fontsize="medium")
    else:
        figure.suptitle(title, fontsize="medium")
    if legend:
        handles = {text: handle for plot in plots for handle, text in zip(*plot.get_legend_handles_labels())}
        figure.legend(
            list(handles.values()),
            list(handles),
            title=legend,
            fontsize="small",
            title_fontsize="small",
            loc="outside right upper" if len(plots) == 1 else "outside right center",
        )
    return figure


def panels_of(
    runs: Sequence[RunRecord], axis: Axis, others: Sequence[Axis], criterion: Criterion
) -> tuple[list[Panel], str]:
    """The panels and the title of their legend, which is empty if a single series needs none."""
    few = min(others, key=lambda other: len(levels(runs, other.lead)), default=None)
    splits = len(others) > 1 and few is not None and len(levels(runs, few.lead)) <= MAX_PANELS
    if not splits or few is None:
        series = series_of(runs, axis, others, criterion)
        return [Panel("", series)], "\n".join(other.name for other in others)
    rest, names = [other for other in others if other is not few], few.names(runs)
    panels = []
    for value in levels(runs, few.lead):
        members = [run for run in runs if value_on(run, few.lead) == value]
        panels.append(Panel(f"{few.lead}={names[value]}", series_of(members, axis, rest, criterion)))
    return panels, "\n".join(other.name for other in rest)


def series_of(runs: Sequence[RunRecord], axis: Axis, others: Sequence[Axis], criterion: Criterion) -> dict[str, Series]:
    """Name of a series -> its scores at each value of the axis."""
    groups = group(runs, [axis.lead, *(other.lead for other in others)])
    scores = {combination: criterion.scores(completed(members)) for combination, members in groups.items()}
    scores = {combination: found for combination, found in scores.items() if found}
    if len({combination[1:] for combination in scores}) > len(COLOURS):
        worst_first = sorted(scores, key=lambda c: mean(scores[c]).value, reverse=not criterion.higher_is_better)
        return {BEST_ONE: {c[0]: scores[c] for c in worst_first}}  # the last one stays
    names = [other.names(runs) for other in others]
    series: dict[str, Series] = {}
    for combination, found in sorted(scores.items(), key=lambda item: order(item[0], list(scores))):
        name = ", ".join(texts[part] for texts, part in zip(names, combination[1:]))
        series.setdefault(name, {})[combination[0]] = found
    return series


def order(combination: Combination, sorted_ones: Sequence[Combination]) -> tuple[int, int]:
    """The key that brings the series of sorted combinations into the order of their names."""
    same = [k for k, other in enumerate(sorted_ones) if other[1:] == combination[1:]]
    return same[0], sorted_ones.index(combination)


def draw_lines(plot: "Axes", series: Mapping[str, Series], places: Mapping[Value, float], criterion: Criterion) -> None:
    """A line of means for each series, dashed where it would hide another; at few places bars instead of bands."""
    lines = [{value: mean(found) for value, found in sorted_by(places, scores)} for scores in series.values()]
    low, high = plot.get_ylim()
    heights = [{places[value]: found.value for value, found in line.items()} for line in lines]
    covered, has_bars = hidden_lines(heights, high - low), len(places) <= MAX_TICKS
    for k, (name, scores) in enumerate(series.items()):
        at = {value: aside(plot, place, k - (len(series) - 1) / 2) for value, place in places.items()}
        means = {at[value]: found for value, found in lines[k].items()}
        draw_line(plot, means, name, k, criterion, covered[k], has_band=not has_bars)
        if has_bars:
            draw_bars(plot, means, k, criterion)
        for value, found in scores.items():
            draw_runs(plot, at[value], found, k)


def draw_bars(plot: "Axes", means: Mapping[float, Mean], k: int, criterion: Criterion) -> None:
    """The intervals of three seeds and more as broad bars."""
    known = {place: interval(found, criterion) for place, found in means.items() if found.number >= MIN_SEEDS}
    if known:
        low, high = zip(*known.values())
        plot.vlines(list(known), low, high, color=COLOURS[k], linewidth=5, alpha=0.25)


def aside(plot: "Axes", place: float, steps: float) -> float:
    """A place moved to the right by some steps, which keep bars and dots of several series apart."""
    to_screen, to_data = plot.transData, plot.transData.inverted()
    x, y = to_screen.transform((place, 1.0))
    return float(to_data.transform((x + steps * STEP, y))[0])


def sorted_by(places: Mapping[Value, float], scores: Series) -> list[tuple[Value, list[float]]]:
    """The scores in the order of the places."""
    return sorted(scores.items(), key=lambda item: places[item[0]])


def draw_side_by_side(
    plot: "Axes", series: Mapping[str, Series], places: Mapping[Value, float], criterion: Criterion
) -> None:
    """Points of means with bars for each series, side by side at each word."""
    for k, (name, scores) in enumerate(series.items()):
        shift = 0.5 * ((k + 0.5) / len(series) - 0.5)
        means = {places[value] + shift: mean(found) for value, found in sorted_by(places, scores)}
        ends = [interval(found, criterion) for found in means.values()]
        middles = [found.value for found in means.values()]
        margins = [[middle - low for middle, (low, _) in zip(middles, ends)]]
        margins.append([high - middle for middle, (_, high) in zip(middles, ends)])
        plot.errorbar(list(means), middles, margins, color=COLOURS[k], fmt=MARKERS[k], capsize=4, label=name)
        for value, found in scores.items():
            draw_runs(plot, places[value] + shift, found, k)


def draw_runs(plot: "Axes", place: float, scores: Sequence[float], k: int) -> None:
    """Runs as dots, and of fewer than three their range."""
    if 1 < len(scores) < MIN_SEEDS:
        plot.vlines(place, min(scores), max(scores), color=COLOURS[k], linewidth=1.2)
    if len(scores) > 1:
        plot.plot([place] * len(scores), scores, ".", color=COLOURS[k], alpha=0.5, markersize=5)
