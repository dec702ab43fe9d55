"""Empty figures for the pictures of a run and of a comparison."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it logs details about fonts


def empty_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """A figure of a size in inches, and its axes."""
    from matplotlib.figure import Figure  # takes half a second, so it is not imported at the top

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots()
