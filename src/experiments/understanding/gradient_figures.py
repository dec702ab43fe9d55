"""The pictures of gradients through time: their norms by lag, and what truncations keep and cost."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.figure import COLOURS, MARKERS, empty_grid, plain_numbers, round_numbers
from .gradient_study import START, TRAINED, Study, steps_text
from .lag_norms import PARTS, LagNorms, factor_per_step, fall_to
from .truncated_gradient import Kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {START: "at the start", TRAINED: "after training"}
STYLES = {START: "--", TRAINED: "-"}
PART_STYLES = {"h": "-", "c": "--"}
FLOOR, MOST = 1e-12, 1e300  # relative norms below are not drawn; above, an axis would have no end


def draw_lag_norms(studies: Sequence[Study], title: str) -> "Figure":
    """Norms relative to lag 1 on a logarithmic axis, start and trained side by side, h solid and c dashed.

    Of several networks the parts h and c of each over all layers, of one network those of each layer.
    """
    kinds = [kind for kind in TITLES if any(study.weights == kind for study in studies)]
    networks = list(dict.fromkeys(study.network for study in studies))
    figure, plots = panels(len(kinds), shared=True)
    for plot, kind in zip(plots, kinds):
        for study in studies:
            if study.weights == kind:
                draw_study(plot, study, networks)
        plot.axhline(0.5, color="black", linewidth=0.7, linestyle=":")
        plot.set(xlabel="lag k (steps)", title=TITLES[kind], yscale="log")
        plot.grid(alpha=0.3)
        legend_below(plot, "steps until half / 1 % of k = 1")
    plots[0].set_ylabel("norm relative to k = 1 (log scale)")
    figure.suptitle(f"gradient of loss(t) by state(t-k): {title}")
    return figure


def draw_norms(norms: LagNorms, title: str) -> "Figure":
    """Norms relative to lag 1 of one network, those of each layer where there are several."""
    figure, (plot,) = panels(1)
    draw_study(plot, Study("", TRAINED, norms, [], []), [""])
    plot.axhline(0.5, color="black", linewidth=0.7, linestyle=":")
    plot.set(xlabel="lag k (steps)", ylabel="norm relative to k = 1 (log scale)", yscale="log")
    largest = max(np.nan_to_num(relative(means)).max() for means in norms.means)
    plot.set_ylim(FLOOR / 2, min(max(2.0, 2.0 * largest), MOST))  # the same unless gradients explode
    plot.grid(alpha=0.3)
    legend_below(plot, "steps until half / 1 % of k = 1")
    figure.suptitle(f"gradient of loss(t) by state(t-k)\n{title}", fontsize="medium")
    return figure


def draw_study(plot: "Axes", study: Study, networks: Sequence[str]) -> None:
    """A line for each part of a network's state, as far as the norms are above FLOOR."""
    single, names = len(networks) == 1, study.norms.names
    drawn = [name for name in names if name.startswith("layer")] if single else []
    for name in drawn or [name for name in names if name in PARTS]:
        means = study.norms.means[names.index(name)]
        lags, heights = np.arange(1, len(means) + 1), relative(means)
        is_drawn = heights > FLOOR
        number = int(name.split()[1]) - 1 if drawn else networks.index(study.network)
        label = f"{name if single else f'{study.network} {name}'}: {course(means)}"
        style, colour = PART_STYLES[name[-1]], COLOURS[number % len(COLOURS)]
        plot.plot(lags[is_drawn], heights[is_drawn], style, color=colour, label=label)
    round_numbers(plot.xaxis)


def relative(norms: np.ndarray) -> np.ndarray:
    """Norms (K,) -> relative to lag 1; NaN where that is no number, as where gradients overflow or are all zero."""
    with np.errstate(all="ignore"):
        ratios = norms / norms[0]
    found: np.ndarray = np.where(np.isfinite(ratios), ratios, np.nan)
    return found


def course(norms: np.ndarray) -> str:
    """Norms (K,) in short: the steps in which they fall to half / to 1 %, or if never what each step multiplies."""
    half, hundredth = fall_to(0.5, norms), fall_to(0.01, norms)
    if math.isinf(half):
        return f"times {factor_per_step(norms):.3f} per step"
    return f"{half:.1f} / {steps_text(hundredth, len(norms))}"


def draw_truncations(studies: Sequence[Study], title: str) -> "Figure":
    """Relative error of the gradient of W_hh (of all parameters without such), time and memory, against T."""
    figure, plots = panels(3)
    networks = list(dict.fromkeys(study.network for study in studies))
    for study in studies:
        k = networks.index(study.network)
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "markersize": 4,
        }
        x = [kept.truncation for kept in study.kept]
        label = f"{study.network}, {TITLES[study.weights]}"
        errors = [error_of(kept) or np.nan for kept in study.kept]  # a logarithmic axis has no zero
        plots[0].plot(x, errors, STYLES[study.weights], label=label, **look)
        if study is [other for other in studies if other.network == study.network][-1]:
            plots[1].plot(x, [cost.milliseconds for cost in study.costs], label=study.network, **look)
            plots[2].plot(x, [cost.mebibytes for cost in study.costs], label=study.network, **look)
    labels = ("relative error of the gradient of W_hh", "ms per 1,000 steps", "MiB in use for one window")
    for plot, label in zip(plots, labels):
        plot.set(xlabel="truncation T (steps)", title=label, xscale="log", yscale="log")
        plot.grid(alpha=0.3)
        legend_below(plot)
        label_truncations(plot, x)
    figure.suptitle(f"truncated gradients beside those through whole passages: {title}")
    return figure


def error_of(kept: Kept) -> float:
    """The error of the recurrent weights, or without them of all parameters."""
    return kept.error if np.isnan(kept.recurrent_error) else kept.recurrent_error


def panels(number: int, shared: bool = False) -> "tuple[Figure, list[Axes]]":
    """A figure with so many axes side by side, which are `shared`, so that lines can be compared, or not."""
    figure, (plots,) = empty_grid(1.5 + 5.0 * number, 5.2, columns=number, sharex=shared, sharey=shared)
    return figure, plots


def legend_below(plot: "Axes", title: str | None = None) -> None:
    """The legend under the axes, where it hides no line."""
    plot.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, title=title)


def label_truncations(plot: "Axes", truncations: Sequence[int]) -> None:
    """The truncations themselves on the horizontal axis, and plain numbers on the vertical one."""
    from matplotlib.ticker import NullLocator

    plot.xaxis.set_minor_locator(NullLocator())
    plot.set_xticks(truncations, [str(truncation) for truncation in truncations])
    plain_numbers(plot.yaxis)
