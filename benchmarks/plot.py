"""docs/speed.png from the stored parts."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Curves = Mapping[str, Mapping[str, float]]


def draw(drawn: Mapping[str, Curves], path: Path) -> None:
    """Tokens per second of each side by size; cost per token along each axis. A part that is not there stays empty."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    if "torch" in drawn:
        _bars(left, drawn["torch"])
    if "growth" in drawn:
        _curves(right, drawn["growth"])
    left.set(title="LSTM over 10,000 words, B=20, T=35", ylabel="tokens per second")
    right.set(title="Cost of a token, 2x200", xlabel="times the smallest", ylabel="microseconds per token")
    figure.savefig(path, dpi=120, metadata={"Software": None})  # the same figures give the same file


def _bars(axes: Axes, by_size: Curves) -> None:
    """A group of bars for each size, with their values."""
    sides = list(dict.fromkeys(side for rates in by_size.values() for side in rates))
    width = 0.84 / len(sides)
    for k, side in enumerate(sides):
        at = [
            place + width * (k - (len(sides) - 1) / 2) for place, rates in enumerate(by_size.values()) if side in rates
        ]
        bars = axes.bar(at, [rates[side] for rates in by_size.values() if side in rates], 0.92 * width, label=side)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=6)
    axes.set_xticks(range(len(by_size)), list(by_size))
    axes.set_yscale("log")
    axes.legend(fontsize=8)


def _curves(axes: Axes, by_axis: Curves) -> None:
    """The cost along each axis, whose values are texts in the file."""
    for axis, costs in by_axis.items():
        values = [float(value) for value in costs]
        label = f"{axis} {values[0]:,.0f} to {values[-1]:,.0f}"
        axes.plot([value / values[0] for value in values], list(costs.values()), marker="o", label=label)
    axes.set(xscale="log", yscale="log")
    axes.legend(fontsize=8)
