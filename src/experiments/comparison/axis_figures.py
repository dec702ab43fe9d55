"""The score against one axis of a sweep."""

from collections.abc import Sequence

from ..tracking.record import Recorded
from .measures import Judge, Mean, best, completed, mean
from .points import Point, Value, group, levels, numeric, wide
from .styling import COLOURS, MARKERS, OTHERS, band, blank, label, name_of, places, scale_scores

STOPPED = "did not complete: best until then"


def draw_against_axis(runs: Sequence[Recorded], axes: Sequence[str], axis: str, judged_by: Judge):
    """Means over seeds with their 95 % confidence: a line and its band over numbers, points and bars over words.

    One series per point on the other of the axes if these are few, else the best point at each value. Dots are runs.
    """
    points = {point: scores(members, judged_by) for point, members in group(runs, axes).items()}
    points = {point: found for point, found in points.items() if found}
    position, values = axes.index(axis), levels(list(points), axes.index(axis))
    figure, plot = blank(7, 4.5)
    where = places(plot, axis, values)
    series = series_of(points, axes, position, judged_by)
    every = [score for found in points.values() for score in found]
    scale_scores(plot, every, wide(every))
    for k, (name, members) in enumerate(series.items()):
        spread = 0.0 if numeric(values) else 0.5 * ((k + 0.5) / len(series) - 0.5)  # side by side over words
        draw_series(plot, {where[value] + spread: members[value] for value in members}, name, k, numeric(values))
    plot.set(ylabel=label(judged_by, "best"), title=f"{axis}: means over seeds and their 95 % confidence")
    if len(axes) > 1:
        plot.legend(title=", ".join(other for other in axes if other != axis), fontsize="small")
    plot.grid(alpha=0.3)
    return figure


def scores(runs: Sequence[Recorded], judged_by: Judge) -> list[float]:
    """The best score of every completed run that has one."""
    found = [best(run, judged_by.score, judged_by) for run in completed(runs)]
    return [score for score in found if score is not None]


def series_of(
    points: dict[Point, list[float]], axes: Sequence[str], position: int, judged_by: Judge
) -> dict[str, dict[Value, list[float]]]:
    """Name of a series -> value on the axis -> scores of the seeds."""
    rest = [k for k in range(len(axes)) if k != position]
    others = {point: tuple(point[k] for k in rest) for point in points}
    series: dict[str, dict[Value, list[float]]] = {}
    if len(set(others.values())) <= len(COLOURS):
        for point, found in points.items():
            series.setdefault(name_of(others[point]), {})[point[position]] = found
        return series
    reached: dict[Value, list[float]] = {}
    for point in sorted(points, key=lambda point: mean(points[point]).value, reverse=judged_by.metric != "accuracy"):
        reached[point[position]] = points[point]  # the best comes last
    return {"the best at each value": {value: reached[value] for value in levels(list(points), position)}}


def draw_series(plot, members: dict[float, list[float]], name: str, k: int, line: bool) -> None:
    """One series: place -> scores of the seeds."""
    colour, marker = COLOURS[k], MARKERS[k]
    found: list[Mean] = [mean(scores) for scores in members.values()]
    middles = [each.value for each in found]
    for place, scores in members.items():
        plot.plot([place] * len(scores), scores, ".", color=colour, alpha=0.4, markersize=5)
    if line:
        low, high = zip(*map(band, found))
        plot.fill_between(list(members), low, high, color=colour, alpha=0.15, linewidth=0)
        plot.plot(list(members), middles, color=colour, marker=marker, markersize=5, label=name)
    else:
        widths = [each.half_width or 0.0 for each in found]
        plot.errorbar(list(members), middles, widths, color=colour, fmt=marker, capsize=4, label=name)


def draw_scatter(runs: Sequence[Recorded], axis: str, judged_by: Judge):
    """Every run of a search against one axis; what was stopped early is a cross at the best it had reached."""
    found = [(run, best(run, judged_by.score, judged_by)) for run in runs]
    found = [(run, score) for run, score in found if score is not None]
    points = group([run for run, _ in found], [axis])
    figure, plot = blank(7, 4.5)
    where = places(plot, axis, levels(list(points), 0))
    place = {run.run_id: where[value] for (value,), members in points.items() for run in members}
    every = [score for _, score in found]
    scale_scores(plot, every, wide(every))
    shown = {"completed": ("o", COLOURS[0], 0.8), STOPPED: ("x", COLOURS[1], 0.9)}
    for name, (marker, colour, alpha) in shown.items():
        kind = [(run, score) for run, score in found if (run.outcome == "completed") == (name == "completed")]
        if kind:
            xs, ys = [place[run.run_id] for run, _ in kind], [score for _, score in kind]
            plot.plot(xs, ys, marker, color=colour, alpha=alpha, label=name)
    plot.set(ylabel=label(judged_by, "best"), title=f"{axis}: every run of the search")
    plot.legend(fontsize="small")
    plot.grid(alpha=0.3, color=OTHERS)
    return figure
