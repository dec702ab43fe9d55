"""The pictures of gradients through time: their norms by lag, and what truncations keep and cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison.styling import COLOURS, MARKERS, plain_numbers
from .gradient_study import START, TRAINED, Study, life_text
from .lag_norms import half_life
from .truncated_gradient import Kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {START: "at the start", TRAINED: "after training"}
STYLES = {START: "--", TRAINED: "-"}
FLOOR = 1e-12  # relative norms below it are not drawn


def draw_lag_norms(studies: Sequence[Study], title: str) -> "Figure":
    """Norms relative to lag 1 on a logarithmic axis, start and trained side by side.

    Of several networks a line for the whole state of each; of one network a line for each part of its state.
    """
    kinds = [kind for kind in TITLES if any(study.weights == kind for study in studies)]
    single = len({study.network for study in studies}) == 1
    figure, plots = panels(len(kinds), shared=True)
    for plot, kind in zip(plots, kinds):
        number = 0
        for study in studies:
            if study.weights != kind:
                continue
            for name, means in list(zip(study.norms.names, study.norms.means))[0 if single else -1 :]:
                life = life_text(half_life(means), len(means))
                draw_norms(plot, means, f"{name if single else study.network} (half-life {life})", number)
                number += 1
        plot.axhline(0.5, color="black", linewidth=0.7, linestyle=":")
        plot.set(xlabel="lag k (steps)", title=TITLES[kind])
        plot.legend(fontsize="small")
    plots[0].set_ylabel("norm of d loss(t) / d state(t-k),\nrelative to k = 1 (log scale)")
    figure.suptitle(title)
    return figure


def draw_norms(plot: "Axes", means: np.ndarray, name: str, number: int) -> None:
    """One line in the colour of this number, as far as the norms are above FLOOR."""
    lags = np.arange(1, len(means) + 1)
    relative = means / means[0]
    drawn = relative > FLOOR
    colour, style = COLOURS[number % len(COLOURS)], "-" if number < len(COLOURS) else "--"
    plot.plot(lags[drawn], relative[drawn], style, color=colour, label=name)
    plot.set_yscale("log")
    plot.grid(alpha=0.3)


def draw_truncations(studies: Sequence[Study], title: str) -> "Figure":
    """Relative error of the gradient of W_hh (of all parameters without such), time and memory, against T."""
    figure, plots = panels(3, shared=False)
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
    labels = ("relative error of the gradient of W_hh", "ms per 1,000 targets", "MiB kept for one window")
    for plot, label in zip(plots, labels):
        plot.set(xlabel="truncation T (steps)", title=label, xscale="log", yscale="log")
        plot.grid(alpha=0.3)
        plot.legend(fontsize="small")
        label_truncations(plot, x)
    figure.suptitle(title)
    return figure


def error_of(kept: Kept) -> float:
    """The error of the recurrent weights, or without them of all parameters."""
    return kept.error if np.isnan(kept.recurrent_error) else kept.recurrent_error


def panels(number: int, *, shared: bool) -> "tuple[Figure, list[Axes]]":
    """A figure with so many axes side by side, which share their vertical axis or not."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.5 + 4.5 * number, 4.5), dpi=120, layout="constrained")
    return figure, [*figure.subplots(1, number, sharey=shared, squeeze=False)[0]]


def label_truncations(plot: "Axes", truncations: Sequence[int]) -> None:
    """The truncations themselves on the horizontal axis, and plain numbers on the vertical one."""
    from matplotlib.ticker import NullLocator

    plot.xaxis.set_minor_locator(NullLocator())
    plot.set_xticks(truncations, [str(truncation) for truncation in truncations])
    plain_numbers(plot.yaxis)
