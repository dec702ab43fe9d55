"""The learning curve of a run: what describes its task, over the epochs, or within them where they are few."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..config.figure import (
    COLOURS,
    FEW_EPOCHS,
    MARKERS,
    MAX_MARKERS,
    Scale,
    XAxis,
    empty_grid,
    names_in_any_script,
    places_of,
    save_figure,
    scale_scores,
    scale_x,
)
from ..interfaces.task import Task
from ..tracking.journal import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLITS = {"train": (COLOURS[0], MARKERS[0], "-"), "valid": (COLOURS[1], MARKERS[1], "--")}

Series = Mapping[str, Mapping[int, float]]  # SPLIT/METRIC -> training targets seen -> value


class Curves(NamedTuple):
    """What is drawn of a run."""

    series: Series
    metrics: list[str]  # of the panels, from top to bottom
    training: str  # the kind of the points of training: train, or interval where epochs are few
    x: XAxis  # targets where no epoch ended, whose length is not known then

    @classmethod
    def of(cls, points: Iterable[Point], task: Task, x: XAxis) -> "Curves":
        """The curves of what a run has recorded so far; without metrics if it has recorded nothing to be drawn."""
        series: dict[str, dict[int, float]] = {}
        for point in points:
            kind, _, metric = point.key.partition("/")
            if kind in SPLITS or (kind == "interval" and (metric == "loss" or task.curves((metric,)))):
                series.setdefault(point.key, {}).setdefault(point.step, point.value)
        num_epochs, within = len(series.get("train/epoch", {})), len(series.get("interval/loss", {}))
        training = "interval" if num_epochs <= FEW_EPOCHS and within > num_epochs else "train"
        parts = [key.split("/", 1) for key in series]
        metrics = task.curves({metric for kind, metric in parts if kind in (training, "valid")})
        return cls(series, metrics, training, x if num_epochs else "targets")

    @property
    def deciding(self) -> str:
        """The split that decides which epoch was best."""
        return "valid" if "valid/loss" in self.series else "train"

    def best(self) -> int | None:
        """The step of the best epoch; None with fewer than two epochs."""
        losses = self.series.get(f"{self.deciding}/loss", {})
        return min(losses, key=losses.__getitem__) if len(losses) > 1 else None

    def places(self, steps: Sequence[int]) -> list[float]:
        """Where these steps are on the horizontal axis."""
        return places_of(steps, self.x, self.series)


def draw_learning_curve(points: Iterable[Point], path: Path, title: str, task: Task, x: XAxis, scale: Scale) -> None:
    """Write `learning_curve` as a PNG, if there is one."""
    with names_in_any_script():
        if (figure := learning_curve(points, title, task, x, scale)) is not None:
            save_figure(figure, path)


def learning_curve(points: Iterable[Point], title: str, task: Task, x: XAxis, scale: Scale) -> "Figure | None":
    """What describes the task, a panel for each metric; None if nothing of it was recorded.

    Training is a solid line with dots and validation a dashed one with squares. Of few epochs training is drawn by its
    interval/* points, each the mean since the one before. A dotted line marks the epoch of the lowest deciding loss.
    """
    curves = Curves.of(points, task, x)
    if not curves.metrics:
        return None
    number = len(curves.metrics)
    figure, rows = empty_grid(7, 1.5 + 2.5 * number, number, sharex=True)
    panels = [axes for (axes,) in rows]
    drawn: list[float] = []
    for axes, metric in zip(panels, curves.metrics):
        drawn += draw_panel(axes, curves, metric, scale)
        axes.set_ylabel(task.unit(metric) + (", log scale" if axes.get_yscale() == "log" else ""))
    scale_x(panels[-1], curves.x, drawn)
    panels[0].set_title(f"learning curve of {title}")
    return figure


def draw_panel(axes: "Axes", curves: Curves, metric: str, scale: Scale) -> list[float]:
    """Draw one metric of training and validation, and mark the best epoch; where the points are horizontally."""
    values: list[float] = []
    drawn: list[float] = []
    for split, (colour, marker, line) in SPLITS.items():
        kind = curves.training if split == "train" else split
        if found := curves.series.get(f"{kind}/{metric}"):
            places, heights = curves.places(list(found)), list(found.values())
            shown = marker if len(found) <= MAX_MARKERS else None
            name = split if kind == split else f"{split}, within epochs"
            axes.plot(places, heights, label=name, color=colour, marker=shown, markersize=4, linestyle=line)
            values += heights
            drawn += places
    scale_scores(axes, metric, values, scale)
    if (best := curves.best()) is not None:
        height = curves.series.get(f"{curves.deciding}/{metric}", {}).get(best)
        epoch = list(curves.series[f"{curves.deciding}/loss"]).index(best) + 1
        at = "" if height is None else f", {curves.deciding} {height:.4g}"
        axes.axvline(*curves.places([best]), color="black", linestyle=":", label=f"best: epoch {epoch}{at}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return drawn
