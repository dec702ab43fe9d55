"""Draw truncated backpropagation through time: `python docs/drawings/windows.py` writes docs/windows.png.

Windows of T steps: the state is carried from window to window, the gradient stops at the cut.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from shapes import BACKWARD, DOCS, FORWARD, PLAIN, arrow, box, canvas, label

T, NUM_WINDOWS, PITCH, LEFT = 4, 3, 0.85, 1.35
CELLS, LOSSES, INPUTS = 1.75, 2.6, 0.95  # heights of the rows


def place(step: int) -> float:
    """Where step 1, 2, ... stands; windows are set apart."""
    return LEFT + (step - 1) * PITCH + (step - 1) // T * 0.45


def draw_step(axes: Axes, step: int) -> None:
    """Input, state and loss of one step, with the arrows between them."""
    x = place(step)
    box(axes, x, INPUTS, f"x{step}")
    box(axes, x, CELLS, f"h{step}", FORWARD)
    box(axes, x, LOSSES, f"loss{step}", size=(0.58, 0.4))
    arrow(axes, (x, INPUTS + 0.2), (x, CELLS - 0.2))
    arrow(axes, (x - 0.08, CELLS + 0.2), (x - 0.08, LOSSES - 0.2))
    arrow(axes, (x + 0.08, LOSSES - 0.2), (x + 0.08, CELLS + 0.2), BACKWARD, "--")


def draw_transition(axes: Axes, step: int) -> None:
    """From the state of a step to the next: forward always, backward within a window."""
    start, end = place(step) + 0.25, place(step + 1) - 0.25
    arrow(axes, (start, CELLS + 0.08), (end, CELLS + 0.08), FORWARD)
    if step % T:
        arrow(axes, (end, CELLS - 0.08), (start, CELLS - 0.08), BACKWARD, "--")
        return
    middle = (start + end) / 2
    arrow(axes, (end, CELLS - 0.08), (middle, CELLS - 0.08), BACKWARD, "--")
    axes.plot([middle, middle], [CELLS - 0.42, CELLS], color=BACKWARD, linewidth=3, solid_capstyle="butt")
    label(axes, middle, CELLS - 0.55, "cut", BACKWARD, fontweight="bold")


def draw() -> Figure:
    steps = T * NUM_WINDOWS
    figure, axes = canvas(place(steps) + 0.75, 3.75)
    for step in range(1, steps + 1):
        draw_step(axes, step)
    for step in range(1, steps):
        draw_transition(axes, step)
    box(axes, 0.45, CELLS, "zeros", PLAIN, size=(0.55, 0.4))
    arrow(axes, (0.73, CELLS + 0.08), (place(1) - 0.25, CELLS + 0.08), FORWARD)
    for window in range(NUM_WINDOWS):
        first, last = place(window * T + 1), place(window * T + T)
        axes.plot([first - 0.3, last + 0.3], [0.62, 0.62], color=PLAIN, linewidth=1)
        label(axes, (first + last) / 2, 0.44, f"window {window + 1}: one backward pass", PLAIN)
    title = f"Truncated backpropagation through time, T = {T}"
    label(axes, axes.get_xlim()[1] / 2, 3.52, title, fontsize=12, fontweight="bold")
    legend = place(1) - 0.25
    arrow(axes, (legend, 3.12), (legend + 0.5, 3.12), FORWARD)
    label(axes, legend + 0.6, 3.12, "state: carried through all windows", FORWARD, ha="left")
    legend = place(6) - 0.25
    arrow(axes, (legend + 0.5, 3.12), (legend, 3.12), BACKWARD, "--")
    label(axes, legend + 0.6, 3.12, "gradient: stops where the window begins", BACKWARD, ha="left")
    return figure


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    draw().savefig(folder / "windows.png")
