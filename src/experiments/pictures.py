"""The learning curve of a run as a picture."""

import logging
from collections.abc import Sequence
from pathlib import Path

from .tracking import Point

logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of its fonts

COLOURS = {"train": "#4c72b0", "valid": "#dd8452"}


def draw_learning_curve(points: Sequence[Point], path: Path, title: str) -> None:
    """Perplexity (loss where there is none) against training targets, as a PNG; nothing without an epoch's value."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second, so only when a run ends
    from matplotlib.figure import Figure

    metric = "perplexity" if any(point.key == "train/perplexity" for point in points) else "loss"
    series = {split: [(p.step, p.value) for p in points if p.key == f"{split}/{metric}"] for split in COLOURS}
    if not series["train"]:
        return
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for split, values in series.items():
        if values:
            steps, heights = zip(*values)
            axes.plot(steps, heights, label=split, color=COLOURS[split], marker="." if len(steps) < 40 else None)
    axes.set(xlabel="training targets seen", ylabel=f"{metric} (log scale)", title=title, yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
