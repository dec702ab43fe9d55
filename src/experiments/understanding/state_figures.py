"""The pictures of states and gates: heat maps over a text, and how often gates are saturated."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.figure import COLOURS, MARKERS, empty_grid
from .numpy_layers import SIGMOIDS, LayerValues
from .saturation import bounded_values, grouped
from .state_study import Recording
from .tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "i": "input gate i",
    "f": "forget gate f",
    "g": "candidate g",
    "o": "output gate o",
    "r": "reset gate r",
    "z": "update gate z (1 keeps)",
    "n": "candidate n",
    "c": "memory cell c, each unit relative to its largest value",
    "h": "hidden output h",
    "tanh c": "tanh of the memory cell",
}
LONGEST = 14  # characters of a symbol that are drawn
BINS = 40


def draw_states(each: LayerValues, symbols: Sequence[str], steps: slice, units: Sequence[int], title: str) -> "Figure":
    """Heat maps of a layer's quantities, a row per unit and a column per step, under which its symbol stands.

    `symbols` (N,) are all that were read. The caller chooses fonts (`names_in_any_script`), also for saving.
    """
    symbols = symbols[steps]
    rows, names = len(units), [*each.values]
    figure, plots = panels_over(symbols, len(names), 0.55 + 0.16 * rows)
    for plot, name in zip(plots, names):
        values = each.values[name][steps][:, units].T
        if name == "c":  # without a bound, so that one unit would hide the others
            values = values / np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-30)
        image = plot.imshow(values, aspect="auto", interpolation="nearest", **colours_of(name, values))
        figure.colorbar(image, ax=plot, pad=0.01, aspect=max(4, rows))
        plot.set_title(TITLES[name], fontsize="medium", loc="left")
        plot.set_yticks(range(rows), [str(unit) for unit in units], fontsize="x-small")
        plot.set_ylabel("unit")
    label_steps(plots[-1], symbols)
    figure.suptitle(f"{title}, {each.name}")
    return figure


def panels_over(symbols: Sequence[str], number: int, height: float) -> "tuple[Figure, list[Axes]]":
    """So many axes below each other, each of this height in inches, over the same symbols."""
    longest = max(len(shortened(symbol)) for symbol in symbols)
    width = min(40.0, max(6.0, 1.8 + (0.17 if longest < 3 else 0.24) * len(symbols)))
    total = 1.0 + number * height + (0.08 * longest if longest > 2 else 0)
    figure, plots = empty_grid(width, total, number, sharex=True)
    return figure, [plot for (plot,) in plots]


def draw_following(
    recording: Recording,
    found: Sequence[Row],
    properties: Mapping[str, np.ndarray],
    symbols: Sequence[str],
    steps: slice,
) -> "Figure":
    """For each row of `found` the value of its unit and the property that it follows, over the drawn steps."""
    figure, plots = panels_over(symbols[steps], len(found), 1.5)
    layers = {(each.layer, each.direction): each for each in recording.layers}
    for plot, row in zip(plots, found):
        each, quantity, name = (
            layers[int(row["layer"]), str(row["direction"])],
            str(row["quantity"]),
            str(row["property"]),
        )
        values, places = each.values[quantity][steps, int(row["unit"])], np.arange(len(symbols[steps]))
        plot.plot(places, values, color=COLOURS[0])
        plot.set_ylabel(f"{quantity} of unit {row['unit']}", color=COLOURS[0])
        plot.grid(alpha=0.3, axis="x")
        other = plot.twinx()
        other.step(places, properties[name][steps], where="mid", color=COLOURS[1], linestyle="--", linewidth=1.0)
        other.tick_params(axis="y", colors=COLOURS[1])
        r = f"r = {float(row['second_half']):.2f} in the second half of all steps"
        plot.set_title(f"{each.name}, unit {row['unit']}: {name} (dashed), {r}", fontsize="medium", loc="left")
    label_steps(plots[-1], symbols[steps])
    plots[-1].set_xlim(-0.5, len(symbols[steps]) - 0.5)
    return figure


def colours_of(name: str, values: np.ndarray) -> dict[str, Any]:
    """Gates from closed (dark) to open (bright); what has a sign from blue by white to red, the same on both sides."""
    if name in SIGMOIDS:
        return {"cmap": "viridis", "vmin": 0.0, "vmax": 1.0}
    limit = max(1.0, float(np.abs(values).max()))  # above 1 only with rectifiers
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


def label_steps(plot: "Axes", symbols: Sequence[str]) -> None:
    """The symbols under the columns, upright as far as they are short."""
    is_short = all(len(symbol) < 3 for symbol in symbols)
    plot.set_xticks(
        range(len(symbols)),
        [shortened(symbol) for symbol in symbols],
        rotation=0 if is_short else 90,
        fontsize="small" if is_short else "x-small",
    )
    plot.tick_params(axis="x", length=2)


def shortened(symbol: str) -> str:
    """A symbol as it is drawn; a dollar sign begins no formula."""
    return (symbol if len(symbol) <= LONGEST else f"{symbol[: LONGEST - 1]}…").replace("$", r"\$")


def draw_histograms(recording: Recording, saturated: float, is_rectified: bool, title: str) -> "Figure":
    """The distribution of each quantity over all units and steps: a row per layer and direction."""
    found = [bounded_values(each, is_rectified) for each in recording.layers]
    figure, plots = small_panels(len(found), len(found[0]))
    for row, (each, quantities) in enumerate(zip(recording.layers, found)):
        for column, (name, values) in enumerate(quantities.items()):
            plot, lowest = plots[row][column], 0.0 if name in SIGMOIDS else -1.0
            counts, edges = np.histogram(values, bins=BINS, range=(lowest, 1.0))
            plot.stairs(counts / values.size, edges, fill=True, color=COLOURS[0])
            for limit in (1.0 - saturated if name in SIGMOIDS else -saturated, saturated):
                plot.axvline(limit, color=COLOURS[1], linewidth=1.0, linestyle="--")
            plot.set(title=f"{each.name}: {TITLES[name]}" if len(found) > 1 else TITLES[name], xlim=(lowest, 1.0))
            plot.title.set_fontsize("medium")
        plots[row][0].set_ylabel("share of values")
    figure.suptitle(title)
    return figure


def draw_saturation(rows: Sequence[Row], saturated: float, title: str) -> "Figure":
    """A dot per unit, a panel per quantity: the shares of the steps in which it is saturated below, and above."""
    groups = grouped(rows)
    names, places = ([*dict.fromkeys(key[k] for key in keys)] for k, keys in ((2, groups), (0, groups)))
    figure, plots = small_panels(1, len(names))
    for (layer, direction, name), found in groups.items():
        k = places.index(layer)
        label = f"layer {layer}" if direction == "forward" else f"layer {layer} {direction}"
        below, above = ([float(row[side]) for row in found] for side in ("below", "above"))
        marker = MARKERS[k % len(MARKERS)] if direction == "forward" else "x"
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": marker, "alpha": 0.6}
        plots[0][names.index(name)].scatter(below, above, s=18, label=label, **look)
    for plot, name in zip(plots[0], names):
        plot.plot([0, 1], [1, 0], color="black", linewidth=0.7, linestyle=":")
        plot.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", title=TITLES[str(name)])
        plot.title.set_fontsize("medium")
        lowest = 1.0 - saturated if name in SIGMOIDS else -saturated
        plot.set_xlabel(f"share of steps below {lowest:.2g}")
        plot.grid(alpha=0.3)
    plots[0][0].set_ylabel(f"share of steps above {saturated:.2g}")
    if len(groups) > len(names):
        plots[0][-1].legend(fontsize="small")
    figure.suptitle(title)
    return figure


def small_panels(rows: int, columns: int) -> "tuple[Figure, list[list[Axes]]]":
    """A figure of so many axes."""
    return empty_grid(1.0 + 2.9 * columns, 1.1 + 2.8 * rows, rows, columns)
