"""The figures of a comparison: curves, the score against each axis, a heat map, what matters in a search."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..tracking.record import Recorded
from .axis_figures import draw_against_axis, draw_scatter, scores
from .importance import importance
from .measures import Judge, Mean, best, completed, judge, mean
from .points import Point, differing, group, levels, wide, without_seed
from .styling import COLOURS, MARKERS, OTHERS, band, blank, label, name_of, plain_numbers, scale_scores

Curve = dict[int, Mean]  # step -> mean over seeds

SEARCHES = ("random", "tpe")


def draw(runs: Sequence[Recorded], axes: Sequence[str] | None, search: str | None) -> dict[str, object]:
    """Name -> figure: all that these runs have enough for, so none at all if no run has a score.

    `search` says how the points were chosen: those of a search show every run, those of a grid means over seeds.
    """
    judged_by = judge(runs)
    axes = differing(runs) if axes is None else without_seed(axes)
    tried = [run for run in runs if best(run, judged_by.score, judged_by) is not None]
    if not tried:
        return {}
    figures = {}
    if curves := curves_of(tried, varying(tried, axes), judged_by):
        figures["curves"] = draw_curves(curves, varying(tried, axes), judged_by)
    if search in SEARCHES:
        for axis in varying(tried, axes):
            figures[f"by_{axis}"] = draw_scatter(tried, axis, judged_by)
        if shares := importance(runs, axes):
            figures["importance"] = draw_importance(shares)
        return figures
    done = [run for run in tried if run.outcome == "completed"]
    varied = varying(done, axes)
    for axis in varied:
        figures[f"by_{axis}"] = draw_against_axis(done, varied, axis, judged_by)
    if len(varied) == 2:
        figures["heat_map"] = draw_heat_map(done, varied, judged_by)
    return figures


def varying(runs: Sequence[Recorded], axes: Sequence[str]) -> list[str]:
    """The axes on which these runs have more than one value."""
    points = list(group(runs, axes))
    return [axis for k, axis in enumerate(axes) if len(levels(points, k)) > 1]


def curves_of(runs: Sequence[Recorded], axes: Sequence[str], judged_by: Judge) -> dict[Point, Curve]:
    """The mean score of every point as far as all its runs go; one without a completed run shows what there is."""
    curves = {}
    for point, members in group(runs, axes).items():
        seeds = [dict(run.metrics[judged_by.score]) for run in completed(members) or members]
        if steps := sorted(set.intersection(*map(set, seeds))):
            curves[point] = {step: mean([seed[step] for seed in seeds]) for step in steps}
    return curves


def draw_curves(curves: Mapping[Point, Curve], axes: Sequence[str], judged_by: Judge):
    """Scores against training targets, means over seeds with 95 % bands; of many the best coloured, the others grey."""
    figure, plot = blank(9, 5)
    coloured = best_of(curves, judged_by)
    for point in curves:
        if point not in coloured:
            heights = [found.value for found in curves[point].values()]
            plot.plot(list(curves[point]), heights, color=OTHERS, linewidth=0.7, zorder=1)
    for k, point in enumerate(coloured):
        steps, found = list(curves[point]), curves[point].values()
        low, high = zip(*map(band, found))
        plot.fill_between(steps, low, high, color=COLOURS[k], alpha=0.15, linewidth=0)
        marker = MARKERS[k] if len(steps) < 40 else None
        plot.plot(steps, [each.value for each in found], color=COLOURS[k], marker=marker, label=name_of(point))
    every = [found.value for curve in curves.values() for found in curve.values()]
    scale_scores(plot, every, judged_by.metric == "perplexity" or wide(every))
    if axes:
        left = len(curves) - len(coloured)
        title = "\n".join([*axes, *([f"best {len(coloured)}, {left} more in grey"] if left else [])])
        figure.legend(title=title, fontsize="small", title_fontsize="small", loc="outside right upper")
    scale = " (log scale)" if plot.get_yscale() == "log" else ""
    plot.set(xlabel="training targets seen", ylabel=label(judged_by, "") + scale)
    plot.set_title("means over seeds and their 95 % confidence")
    plot.grid(alpha=0.3)
    return figure


def best_of(curves: Mapping[Point, Curve], judged_by: Judge) -> list[Point]:
    """As many points as there are colours, those that come furthest, in the order of the table."""
    sign = -1 if judged_by.metric == "accuracy" else 1
    furthest = {point: min(sign * found.value for found in curve.values()) for point, curve in curves.items()}
    chosen = sorted(curves, key=furthest.get)[: len(COLOURS)]
    return [point for point in curves if point in chosen]


def draw_heat_map(runs: Sequence[Recorded], axes: Sequence[str], judged_by: Judge):
    """The mean best score over two axes, a field left white where no run completed."""
    points = {point: mean(scores(members, judged_by)).value for point, members in group(runs, axes).items()}
    rows, columns = (levels(list(points), k) for k in range(2))
    heights = np.array([[points.get((row, column), np.nan) for column in columns] for row in rows], dtype=float)
    figure, plot = blank(3 + 0.8 * len(columns), 2 + 0.6 * len(rows))
    scale = "log" if wide(heights[np.isfinite(heights)].tolist()) else "linear"
    better_is_darker = "viridis_r" if judged_by.metric == "accuracy" else "viridis"
    image = plot.imshow(heights, cmap=better_is_darker, norm=scale, aspect="auto")
    if heights.size <= 150:
        for (row, column), height in np.ndenumerate(heights):
            if np.isfinite(height):
                red, green, blue, _ = image.cmap(image.norm(height))
                ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
                plot.text(column, row, f"{height:.4g}", ha="center", va="center", color=ink, fontsize="small")
    plot.set_xticks(range(len(columns)), [str(column) for column in columns])
    plot.set_yticks(range(len(rows)), [str(row) for row in rows])
    plot.set(xlabel=axes[1], ylabel=axes[0], title="means over seeds")
    bar = figure.colorbar(image, label=label(judged_by, "best"))
    if scale == "log":
        plain_numbers(bar.ax.yaxis)
    return figure


def draw_importance(shares: Mapping[str, float]):
    """Axis -> share, as bars."""
    figure, plot = blank(7, 1.5 + 0.4 * len(shares))
    bars = plot.barh(list(shares), list(shares.values()), color=COLOURS[0])
    plot.bar_label(bars, fmt="{:.0%}", padding=3)
    plot.invert_yaxis()
    plot.set(xlim=(0, 1.1), xlabel="share of what decides the lowest loss (PED-ANOVA)")
    return figure
