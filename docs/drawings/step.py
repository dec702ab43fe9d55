"""Draw one step of the simple network: `python docs/drawings/step.py` writes docs/tutorial/step.png."""

import sys
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from shapes import BACKWARD, DOCS, FORWARD, PARAMETERS, arrow, box, canvas, label

MIDDLE, BOTTOM = 1.75, 0.5
BOXES = [
    ("ids\n(B,)", 0.65),
    ("x, d_x\n(B, E)", 2.35),
    ("z, d_z\n(B, H)", 4.25),
    ("h, d_h\n(B, H)", 6.1),
    ("outputs,\nd_outputs\n(B, V)", 8.0),
    ("loss\n()", 9.8),
]
WEIGHTS = [
    ("embedding.W\n(V, E)", 1.5),
    ("W_ih (H, E)\nb_ih (H,)", 3.3),
    ("output.W (V, H)\noutput.b (V,)", 7.05),
]


def draw() -> Figure:
    figure, axes = canvas(10.6, 4.2)
    for text, x in BOXES:
        box(axes, x, MIDDLE, text, FORWARD, size=(1.0, 0.7))
    for (_, start), (_, end) in pairwise(BOXES):
        arrow(axes, (start + 0.5, MIDDLE + 0.1), (end - 0.5, MIDDLE + 0.1), FORWARD)
    for (_, start), (_, end) in pairwise(BOXES[1:]):
        arrow(axes, (end - 0.5, MIDDLE - 0.1), (start + 0.5, MIDDLE - 0.1), BACKWARD, "--")
    for text, x in WEIGHTS:
        box(axes, x, 2.95, text, PARAMETERS, size=(1.35, 0.5))
        arrow(axes, (x, 2.7), (x, MIDDLE + 0.14), PARAMETERS)
    draw_recurrence(axes)
    label(axes, 5.3, 3.9, "One step of the simple network", fontsize=12, fontweight="bold")
    label(axes, 3.3, 3.48, "solid: forward", FORWARD)
    label(axes, 5.2, 3.48, "dashed: backward", BACKWARD)
    label(axes, 7.3, 3.48, "green: what is learned", PARAMETERS)
    return figure


def draw_recurrence(axes: Axes) -> None:
    """The state before comes in through W_hh; the new one goes on to the next step."""
    box(axes, 1.5, BOTTOM, "h_before, d_h_before\n(B, H)", FORWARD, size=(1.7, 0.55))
    box(axes, 3.1, 1.02, "W_hh\n(H, H)", PARAMETERS, size=(0.8, 0.42))
    arrow(axes, (3.1, 0.81), (3.1, BOTTOM + 0.13), PARAMETERS)
    axes.plot([2.35, 4.15], [BOTTOM + 0.09] * 2, color=FORWARD, linewidth=1.4)
    arrow(axes, (4.15, BOTTOM + 0.08), (4.15, MIDDLE - 0.35), FORWARD)
    axes.plot([4.35, 4.35], [MIDDLE - 0.35, BOTTOM - 0.09], "--", color=BACKWARD, linewidth=1.4)
    arrow(axes, (4.35, BOTTOM - 0.09), (2.35, BOTTOM - 0.09), BACKWARD, "--")
    arrow(axes, (6.0, MIDDLE - 0.35), (6.0, BOTTOM + 0.25), FORWARD)
    arrow(axes, (6.2, BOTTOM + 0.25), (6.2, MIDDLE - 0.35), BACKWARD, "--")
    label(axes, 6.1, BOTTOM, "next step (page 2)")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "tutorial"
    draw().savefig(folder / "step.png")
