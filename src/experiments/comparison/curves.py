"""The learning curves of a comparison: means over seeds, in the axes that the runs chose for their own."""

import statistics
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, cast

from ..config.figure import COLOURS, FEW_EPOCHS, X_LABELS, Scale, XAxis, empty_figure, places_of, scale_scores, scale_x
from ..tracking.folder import JOURNAL
from ..tracking.journal import points_of
from ..tracking.record import RunRecord
from .axis_figures import Axis
from .grouping import Combination, group
from .measures import Criterion, Mean, completed, mean
from .styling import MIN_SEEDS, OTHERS, draw_line, hidden_lines, label, legend_name, seeds_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = dict[float, Mean]  # place on the horizontal axis -> mean over seeds


class Curves(NamedTuple):
    """What the figure shows of some runs."""

    axes: Sequence[Axis]  # on which the runs differ
    criterion: Criterion
    x: XAxis
    scale: Scale
    scores: dict[Combination, Curve]
    seeds: dict[Combination, list[dict[float, float]]]  # the runs themselves
    training: dict[Combination, Curve]  # within epochs, where these are few and the runs' journals are here

    @classmethod
    def of(
        cls, runs: Sequence[RunRecord], axes: Sequence[Axis], criterion: Criterion, x: XAxis | None = None
    ) -> "Curves | None":
        """The mean of every combination as far as all its runs go; None if there is nothing to draw.

        Of a combination its completed runs count, or all if none of them completed. `x` None: as the runs chose.
        """
        x = x or cast(XAxis, common(runs, "runner.curve_x", "epochs"))
        x = x if all(run.metrics[criterion.key].keys() <= ends_of_epochs(run, x) for run in runs) else "targets"
        members = {key: completed(found) or found for key, found in grouped(runs, axes).items()}
        single = {
            key: [placed(run, run.metrics[criterion.key], x, seeds) for run in seeds] for key, seeds in members.items()
        }
        scores = {key: curve for key, seeds in single.items() if (curve := mean_curve(seeds))}
        training = {}
        if scores and criterion.split == "valid" and max(map(len, scores.values())) <= FEW_EPOCHS:
            for key in scores:
                within = [placed(run, within_epochs(run, criterion.metric), x, members[key]) for run in members[key]]
                training[key] = mean_curve(within)
        scale = cast(Scale, common(runs, "runner.curve_scale", "auto"))
        return cls(axes, criterion, x, scale, scores, single, training) if scores else None


def grouped(runs: Sequence[RunRecord], axes: Sequence[Axis]) -> dict[Combination, list[RunRecord]]:
    """The runs of every combination, by its name."""
    names = [axis.names(runs) for axis in axes]
    groups = group(runs, [axis.lead for axis in axes])
    return {tuple(n[part] for n, part in zip(names, key)): members for key, members in groups.items()}


def common(runs: Sequence[RunRecord], option: str, default: str) -> str:
    """The value that an option has in all these runs; the default if they differ or have none."""
    found = {run.parameters.get(option, default) for run in runs}
    return found.pop() if len(found) == 1 else default


def ends_of_epochs(run: RunRecord, x: XAxis) -> Set[int]:
    """The steps at which epochs ended, as far as the run has what the places of others on this axis follow from."""
    return run.metrics.get("train/targets_per_second" if x == "seconds" else "train/epoch", {}).keys()


def placed(run: RunRecord, values: Mapping[int, float], x: XAxis, seeds: Sequence[RunRecord]) -> dict[float, float]:
    """The values of a run by their place on the horizontal axis in place of their step.

    Seconds are the mean over all `seeds` of its combination, whose curve is a mean at the same targets.
    """
    places = [places_of(list(values), x, each.metrics) for each in (seeds if x == "seconds" else [run])]
    return dict(zip(map(statistics.fmean, zip(*places)), values.values()))


def within_epochs(run: RunRecord, metric: str) -> dict[int, float]:
    """The interval/* points of a metric, which only the run's journal has; nothing where that is not here."""
    points = points_of(run.folder / JOURNAL) if run.has_journal else ()
    return {point.step: point.value for point in points if point.key == f"interval/{metric}"}


def mean_curve(seeds: Sequence[Mapping[float, float]]) -> Curve:
    """The mean over seeds at every place that all of them have."""
    places = sorted(set.intersection(*map(set, seeds)))
    return {place: mean([seed[place] for seed in seeds]) for place in places}


def draw_curves(curves: Curves) -> "Figure":
    """Scores against epochs, training targets or seconds, with 95 % bands; of many the best coloured, the others grey.

    Of fewer than three seeds each run is a thin line, and there is no band.
    """
    figure, plot = empty_figure(9, 5)
    scores, coloured = curves.scores, best_of(curves.scores, curves.criterion)
    for combination in [key for key in scores if key not in coloured]:
        draw_grey(plot, scores[combination])
    few = [combination for combination in coloured if 1 < len(curves.seeds[combination]) < MIN_SEEDS]
    drawn = [*scores.values(), *(curves.training[key] for key in coloured if key in curves.training)]
    values = [found.value for curve in drawn for found in curve.values()]
    values += [value for combination in few for seed in curves.seeds[combination] for value in seed.values()]
    scale_scores(plot, curves.criterion.metric, values, curves.scale)
    heights = [{place: found.value for place, found in scores[combination].items()} for combination in coloured]
    covered = hidden_lines(heights, max(values) - min(values))
    for k, combination in enumerate(coloured):
        if within := curves.training.get(combination):
            plot.plot(list(within), [found.value for found in within.values()], color=COLOURS[k], linewidth=0.7)
        for seed in curves.seeds[combination] if combination in few else ():
            plot.plot(list(seed), list(seed.values()), color=COLOURS[k], linewidth=0.6, alpha=0.6)
        draw_line(plot, scores[combination], legend_name(combination), k, curves.criterion, covered[k])
    scale_x(plot, curves.x, [place for curve in drawn for place in curve])
    describe(figure, plot, curves, len(scores) - len(coloured))
    return figure


def describe(figure: "Figure", plot: "Axes", curves: Curves, num_grey: int) -> None:
    """Legend, labels and title."""
    if curves.axes:
        note = [f"best {len(curves.scores) - num_grey}, {num_grey} more in grey"] if num_grey else []
        title = "\n".join([*(axis.name for axis in curves.axes), *note])
        figure.legend(title=title, fontsize="small", title_fontsize="small", loc="outside right upper")
    log = " (log scale)" if plot.get_yscale() == "log" else ""
    plot.set_ylabel(label(curves.criterion, "") + log)
    thin = "\nthin: training, within epochs" if any(curves.training.values()) else ""
    is_one = len(curves.axes) == 1 and curves.axes[0].lead == "run"
    seeds = (
        "" if is_one else f", {seeds_text([len(curves.seeds[key]) for key in curves.scores], 'mean, thin: each run')}"
    )
    plot.set_title(f"{curves.criterion.key.replace('/', ' ')} by {X_LABELS[curves.x]}{seeds}{thin}")
    plot.grid(alpha=0.3)


def draw_grey(plot: "Axes", curve: Curve) -> None:
    """A curve among many that are worse than the coloured ones."""
    heights = [found.value for found in curve.values()]
    plot.plot(list(curve), heights, color=OTHERS, linewidth=0.7, zorder=1, marker="." if len(curve) == 1 else None)


def best_of(curves: Mapping[Combination, Curve], criterion: Criterion) -> list[Combination]:
    """The combinations with the best scores, as many as there are colours, in the order of the table."""
    sign = -1 if criterion.higher_is_better else 1
    furthest = {key: min(sign * found.value for found in curve.values()) for key, curve in curves.items()}
    chosen = sorted(curves, key=furthest.__getitem__)[: len(COLOURS)]
    return [combination for combination in curves if combination in chosen]
