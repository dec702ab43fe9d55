"""The figures of a comparison: which there are, and a heat map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..config.figure import empty_figure, is_logarithmic, plain_numbers
from ..tracking.record import RunRecord
from .axis_figures import Axis, draw_against_axis
from .columns import EVERYTHING, Layout
from .curves import Curves, draw_curves
from .grouping import compared_axes, group, leading, levels, varying
from .importance import importance
from .measures import Criterion, completed, criterion_of, mean
from .search_figures import draw_importance, draw_scatter
from .styling import label, seeds_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SEARCHES = ("random", "tpe")
MAX_NUMBERS = 150  # in a heat map


def draw(
    runs: Sequence[RunRecord],
    axes: Sequence[str] | None,
    search: str | None,
    layout: Layout = EVERYTHING,
) -> "dict[str, Figure]":
    """Name -> figure: all that can be drawn of these runs, so none if no run has a score.

    `search` says how the combinations were chosen: for a search every run is shown, for a grid means over seeds.
    Of the layout the metric counts, None: what describes the task, and `curve_x`; one by one: a curve for each run.
    """
    criterion = criterion_of(runs, layout.metric)
    axes = ["run"] if layout.one_by_one else compared_axes(runs, axes)
    tried = [run for run in runs if criterion.score(run) is not None]
    is_search = search in SEARCHES
    varied = [Axis(axis, ()) for axis in varying(tried, axes)] if is_search else axes_of(tried, axes)
    figures = {}
    by_epoch = criterion if criterion.split != "test" else criterion_of(runs)
    if curves := Curves.of([run for run in tried if by_epoch.key in run.metrics], varied, by_epoch, layout.curve_x):
        figures["curves"] = draw_curves(curves)
    if is_search:
        figures |= {f"by_{axis.lead}": draw_scatter(tried, axis, criterion) for axis in varied}
        if tried and (shares := importance(runs, axes)):
            figures["importance"] = draw_importance(shares)
        return figures
    done = [run for run in tried if run.outcome == "completed"]
    varied = axes_of(done, axes)
    figures |= {f"by_{axis.lead}": draw_against_axis(done, varied, axis, criterion) for axis in varied}
    if len(varied) == 2:
        figures["heat_map"] = draw_heat_map(done, varied, criterion)
    return figures


def axes_of(runs: Sequence[RunRecord], axes: Sequence[str]) -> list[Axis]:
    """The axes that these runs vary, those that go along with another one (zip) together with it."""
    return [Axis(lead, along) for lead, along in leading(runs, axes).items()]


def draw_heat_map(runs: Sequence[RunRecord], axes: Sequence[Axis], criterion: Criterion) -> "Figure":
    """The mean best score over two axes, a field left white where no run completed."""
    groups = group(runs, [axis.lead for axis in axes])
    means = {key: mean(criterion.scores(completed(members))) for key, members in groups.items()}
    rows, columns = (levels(runs, axis.lead) for axis in axes)
    fields = [[means[row, column].value if (row, column) in means else np.nan for column in columns] for row in rows]
    scores = np.array(fields)
    figure, plot = empty_figure(3.5 + 0.8 * len(columns), 2 + 0.6 * len(rows))
    is_log = is_logarithmic(criterion.metric, scores[np.isfinite(scores)].tolist())
    better_is_darker = "viridis_r" if criterion.higher_is_better else "viridis"
    image = plot.imshow(scores, cmap=better_is_darker, norm="log" if is_log else "linear", aspect="auto")
    if scores.size <= MAX_NUMBERS:
        write_numbers(plot, image, scores)
    names = [axis.names(runs) for axis in axes]
    plot.set_xticks(range(len(columns)), [names[1][column] for column in columns])
    plot.set_yticks(range(len(rows)), [names[0][row] for row in rows])
    plot.set(xlabel=axes[1].name, ylabel=axes[0].name)
    seeds = seeds_text([found.number for found in means.values()]).partition(":")[0]
    figure.suptitle(f"{criterion.key.replace('/', ' ')}, mean of {seeds}", fontsize="medium")
    bar = figure.colorbar(image, label=label(criterion, "best") + (" (log scale)" if is_log else ""))
    if is_log:
        plain_numbers(bar.ax.yaxis)
    return figure


def write_numbers(plot: "Axes", image: "AxesImage", scores: np.ndarray) -> None:
    """Write each number into its field of a heat map, black on light and white on dark colours."""
    for (row, column), score in np.ndenumerate(scores):
        if np.isfinite(score):
            red, green, blue, _ = image.cmap(image.norm(score))
            ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
            plot.text(column, row, f"{score:.4g}", ha="center", va="center", color=ink, fontsize="small")
