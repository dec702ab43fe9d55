"""The score against one axis of a sweep."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..config.figure import empty_figure
from ..tracking.record import RunRecord
from .grouping import Combination, Value, group, levels, numbers
from .measures import Criterion, mean
from .styling import COLOURS, MARKERS, OTHERS, label, lay_out_axis, legend_name, scale_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STOPPED = "did not complete: best until then"
Series = dict[Value, list[float]]  # value on the axis -> scores of the seeds


def draw_against_axis(runs: Sequence[RunRecord], axes: Sequence[str], axis: str, criterion: Criterion) -> "Figure":
    """Means over seeds with their 95 % confidence: a line and its band over numbers, points and bars over words.

    One series per combination of the other axes if these are few, else the best one at each value. Dots are runs.
    """
    scores = {combination: criterion.scores(members) for combination, members in group(runs, axes).items()}
    scores = {combination: found for combination, found in scores.items() if found}
    position = axes.index(axis)
    values = levels(scores, position)
    figure, plot = empty_figure(7, 4.5)
    places = lay_out_axis(plot, axis, values)
    scale_scores(plot, [score for found in scores.values() for score in found])
    series, is_line = series_of(scores, position, criterion), numbers(values) is not None
    for k, (name, members) in enumerate(series.items()):
        shift = 0.0 if is_line else 0.5 * ((k + 0.5) / len(series) - 0.5)  # side by side over words
        draw_series(plot, {places[value] + shift: members[value] for value in members}, name, k, is_line)
    plot.set(ylabel=label(criterion, "best"), title=f"{axis}: means over seeds and their 95 % confidence")
    if len(axes) > 1:
        plot.legend(title=", ".join(other for other in axes if other != axis), fontsize="small")
    plot.grid(alpha=0.3)
    return figure


def series_of(scores: Mapping[Combination, list[float]], position: int, criterion: Criterion) -> dict[str, Series]:
    """Name of a series -> its scores at each value of the axis at this position of a combination."""
    others = {combination: combination[:position] + combination[position + 1 :] for combination in scores}
    if len(set(others.values())) <= len(COLOURS):
        series: dict[str, Series] = {}
        for combination, found in scores.items():
            series.setdefault(legend_name(others[combination]), {})[combination[position]] = found
        return series
    best: Series = {}
    for combination in sorted(scores, key=lambda c: mean(scores[c]).value, reverse=not criterion.higher_is_better):
        best[combination[position]] = scores[combination]  # the best comes last
    return {"the best at each value": {value: best[value] for value in levels(scores, position)}}


def draw_series(plot: "Axes", members: Mapping[float, list[float]], name: str, k: int, is_line: bool) -> None:
    """Draw the k-th series: place on the axis -> scores of the seeds."""
    colour, marker, places = COLOURS[k], MARKERS[k], list(members)
    means = [mean(scores) for scores in members.values()]
    middles = [found.value for found in means]
    for place, scores in members.items():
        plot.plot([place] * len(scores), scores, ".", color=colour, alpha=0.4, markersize=5)
    if is_line:
        low, high = zip(*(found.interval for found in means))
        plot.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
        plot.plot(places, middles, color=colour, marker=marker, markersize=5, label=name)
    else:
        widths = [0.0 if math.isnan(found.half_width) else found.half_width for found in means]
        plot.errorbar(places, middles, widths, color=colour, fmt=marker, capsize=4, label=name)


def draw_scatter(runs: Sequence[RunRecord], axis: str, criterion: Criterion) -> "Figure":
    """Every run of a search against one axis; a run that was stopped is a cross at the best it had reached."""
    scores = {run.run_id: score for run in runs if (score := criterion.score(run)) is not None}
    groups = group([run for run in runs if run.run_id in scores], [axis])
    figure, plot = empty_figure(7, 4.5)
    places = lay_out_axis(plot, axis, levels(groups, 0))
    scale_scores(plot, list(scores.values()))
    at = [(run, places[value], scores[run.run_id]) for (value,), members in groups.items() for run in members]
    shown = {"completed": ("o", COLOURS[0], 0.8), STOPPED: ("x", COLOURS[1], 0.9)}
    for name, (marker, colour, alpha) in shown.items():
        points = [(x, y) for run, x, y in at if (run.outcome == "completed") == (name == "completed")]
        if points:
            plot.plot(*zip(*points), marker, color=colour, alpha=alpha, label=name)
    plot.set(ylabel=label(criterion, "best"), title=f"{axis}: every run of the search")
    plot.legend(fontsize="small")
    plot.grid(alpha=0.3, color=OTHERS)
    return figure
