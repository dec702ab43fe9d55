"""The picture of a benchmark."""

from pathlib import Path

from matplotlib.figure import Figure


def draw(drawn: dict[str, dict], path: Path) -> None:
    """Tokens per second of each side by size; cost per token along each axis."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    by_size = drawn["torch"]
    sides = list(next(iter(by_size.values())))
    for k, side in enumerate(sides):
        at = [place + 0.2 * (k - (len(sides) - 1) / 2) for place in range(len(by_size))]
        bars = left.bar(at, [rates[side] for rates in by_size.values()], 0.18, label=side)
        left.bar_label(bars, fmt="{:,.0f}", fontsize=7)
    left.set_xticks(range(len(by_size)), by_size)
    left.set(yscale="log", ylabel="tokens per second", title="LSTM over 10,000 words, B=20, T=35")
    left.legend(fontsize=8)
    for axis, costs in drawn["growth"].items():
        values = list(costs)
        right.plot(
            [value / values[0] for value in values],
            list(costs.values()),
            marker="o",
            label=f"{axis} {values[0]:,}-{values[-1]:,}",
        )
    right.set(
        xscale="log",
        yscale="log",
        xlabel="times the smallest",
        ylabel="microseconds per token",
        title="Cost of a token, 2x200",
    )
    right.legend(fontsize=8)
    figure.savefig(path, dpi=120)
