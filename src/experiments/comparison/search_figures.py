"""The figures of a search: every run against one axis, and how much each axis matters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..config.figure import COLOURS, empty_figure, scale_scores
from ..tracking.record import RunRecord
from .axis_figures import Axis
from .grouping import levels, value_on
from .measures import Criterion
from .styling import OTHERS, label, lay_out_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_scatter(runs: Sequence[RunRecord], axis: Axis, criterion: Criterion) -> "Figure":
    """The score of every run of a search against one axis; a cross is the best of a stopped run."""
    figure, plot = empty_figure(8, 4.5)
    places = lay_out_axis(plot, axis.name, levels(runs, axis.lead), axis.names(runs))
    scale_scores(plot, criterion.metric, criterion.scores(runs))
    done = [run for run in runs if run.outcome == "completed"]
    stopped = [run for run in runs if run.outcome != "completed"]
    styles = ("completed", "o", COLOURS[0], 0.8), ("did not complete:\nbest until then", "x", COLOURS[1], 0.9)
    for members, (name, marker, colour, alpha) in zip((done, stopped), styles):
        if members:
            at = [places[value_on(run, axis.lead)] for run in members]
            plot.plot(at, criterion.scores(members), marker, color=colour, alpha=alpha, label=name)
    plot.set_ylabel(label(criterion, "best") + (" (log scale)" if plot.get_yscale() == "log" else ""))
    plot.set_title(f"{criterion.key.replace('/', ' ')} against {axis.lead}: {len(runs)} runs of the search")
    figure.legend(fontsize="small", loc="outside right upper")
    plot.grid(alpha=0.3, color=OTHERS)
    return figure


def draw_importance(shares: Mapping[str, float]) -> "Figure":
    """Axis -> share, as bars."""
    figure, plot = empty_figure(7, 1.5 + 0.4 * len(shares))
    bars = plot.barh(list(shares), list(shares.values()), color=COLOURS[0])
    plot.bar_label(bars, fmt="{:.0%}", padding=3)
    plot.invert_yaxis()
    plot.set(xlim=(0, 1.1), xlabel="share (PED-ANOVA)", title="what decides the lowest loss")
    return figure
