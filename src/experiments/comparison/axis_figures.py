"""The score against one axis of a sweep."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..config.figure import COLOURS, MARKERS, empty_figure, scale_scores
from ..tracking.record import RunRecord
from .grouping import Combination, Value, group, levels, numbers, value_on
from .measures import Criterion, completed, mean
from .styling import OTHERS, draw_line, label, lay_out_axis, legend_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Series = dict[Value, list[float]]  # value on the axis -> scores of the seeds


def draw_against_axis(runs: Sequence[RunRecord], axes: Sequence[str], axis: str, criterion: Criterion) -> "Figure":
    """Means over seeds with their 95 % confidence: a line and its band over numbers, points and bars over words.

    One series per combination of the other axes if these are few, else the best one at each value. Dots are runs.
    """
    scores = {combination: criterion.scores(completed(members)) for combination, members in group(runs, axes).items()}
    values = levels(runs, axis)
    figure, plot = empty_figure(7, 4.5)
    places = lay_out_axis(plot, axis, values)
    scale_scores(plot, criterion.metric, [score for found in scores.values() for score in found])
    series, is_line = series_of(scores, axes.index(axis), criterion), numbers(values) is not None
    for k, (name, members) in enumerate(series.items()):
        shift = 0.0 if is_line else 0.5 * ((k + 0.5) / len(series) - 0.5)  # side by side over words
        seeds = {places[value] + shift: members[value] for value in values if value in members}
        for place, found in seeds.items():
            plot.plot([place] * len(found), found, ".", color=COLOURS[k], alpha=0.4, markersize=5)
        means = {place: mean(found) for place, found in seeds.items()}
        if is_line:
            draw_line(plot, means, name, k)
        else:
            middles, margins = [found.value for found in means.values()], [found.margin for found in means.values()]
            plot.errorbar(list(means), middles, margins, color=COLOURS[k], fmt=MARKERS[k], capsize=4, label=name)
    plot.set(ylabel=label(criterion, "best"), title=f"{axis}: means over seeds and their 95 % confidence")
    if len(axes) > 1:
        plot.legend(title=", ".join(other for other in axes if other != axis), fontsize="small")
    plot.grid(alpha=0.3)
    return figure


def series_of(scores: Mapping[Combination, list[float]], position: int, criterion: Criterion) -> dict[str, Series]:
    """Name of a series -> its scores at each value of the axis at this position of a combination."""
    others = {combination: combination[:position] + combination[position + 1 :] for combination in scores}
    if len(set(others.values())) > len(COLOURS):
        worst_first = sorted(scores, key=lambda c: mean(scores[c]).value, reverse=not criterion.higher_is_better)
        return {"the best at each value": {c[position]: scores[c] for c in worst_first}}  # the last one stays
    series: dict[str, Series] = {}
    for combination, found in scores.items():
        series.setdefault(legend_name(others[combination]), {})[combination[position]] = found
    return series


def draw_scatter(runs: Sequence[RunRecord], axis: str, criterion: Criterion) -> "Figure":
    """The score of every run of a search against one axis; a cross is the best of a stopped run."""
    figure, plot = empty_figure(7, 4.5)
    places = lay_out_axis(plot, axis, levels(runs, axis))
    scale_scores(plot, criterion.metric, criterion.scores(runs))
    done = [run for run in runs if run.outcome == "completed"]
    stopped = [run for run in runs if run.outcome != "completed"]
    styles = ("completed", "o", COLOURS[0], 0.8), ("did not complete: best until then", "x", COLOURS[1], 0.9)
    for members, (name, marker, colour, alpha) in zip((done, stopped), styles):
        if members:
            at = [places[value_on(run, axis)] for run in members]
            plot.plot(at, criterion.scores(members), marker, color=colour, alpha=alpha, label=name)
    plot.set(ylabel=label(criterion, "best"), title=f"{axis}: every run of the search")
    plot.legend(fontsize="small")
    plot.grid(alpha=0.3, color=OTHERS)
    return figure
