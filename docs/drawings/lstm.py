"""Draw one step of the LSTM: `python docs/drawings/lstm.py` writes docs/tutorial/lstm.png."""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from shapes import BACKWARD, DOCS, FORWARD, PARAMETERS, PLAIN, arrow, box, canvas, label

TOP, GATES, BOTTOM = 3.1, 1.75, 0.6
COLUMNS = {"f": 2.4, "i": 4.0, "g": 5.2, "o": 7.4}


def draw() -> Figure:
    figure, axes = canvas(10.4, 4.4)
    label(axes, 5.2, 4.15, "One step of the LSTM", fontsize=12, fontweight="bold")
    draw_memory(axes)
    draw_gates(axes)
    draw_output(axes)
    return figure


def draw_memory(axes: Axes) -> None:
    """The row of c: multiplied by f, then i * g is added."""
    box(axes, 0.7, TOP, "c_before", FORWARD, size=(0.9, 0.45))
    box(axes, 2.4, TOP, "*", size=(0.4, 0.4))
    box(axes, 4.6, TOP, "+", size=(0.4, 0.4))
    box(axes, 6.0, TOP, "c", FORWARD, size=(0.6, 0.45))
    for start, end in ((1.15, 2.2), (2.6, 4.4), (4.8, 5.7)):
        arrow(axes, (start, TOP + 0.08), (end, TOP + 0.08), FORWARD)
        arrow(axes, (end, TOP - 0.08), (start, TOP - 0.08), BACKWARD, "--")
    arrow(axes, (6.3, TOP + 0.08), (9.3, TOP + 0.08), FORWARD)
    arrow(axes, (9.3, TOP - 0.08), (6.3, TOP - 0.08), BACKWARD, "--")
    label(axes, 9.4, TOP, "next step", ha="left")
    label(axes, 3.5, TOP + 0.42, "backward: d_c * f, no matrix and no tanh", BACKWARD)


def draw_gates(axes: Axes) -> None:
    """The four gates, of x and of h_before."""
    names = {"f": "f = sigmoid", "i": "i = sigmoid", "g": "g = tanh", "o": "o = sigmoid"}
    for gate, x in COLUMNS.items():
        box(axes, x, GATES, names[gate], PARAMETERS, size=(1.05, 0.4))
        arrow(axes, (x, BOTTOM + 0.22), (x, GATES - 0.2))
    box(axes, 4.9, BOTTOM, "z = W_ih x + W_hh h_before + b   (B, 4H), a quarter for each gate", PLAIN, size=(6.2, 0.42))
    box(axes, 0.7, BOTTOM, "x, h_before", FORWARD, size=(1.0, 0.45))
    arrow(axes, (1.2, BOTTOM), (1.8, BOTTOM), FORWARD)
    box(axes, 4.6, 2.45, "*", size=(0.36, 0.34))
    arrow(axes, (2.4, GATES + 0.2), (2.4, TOP - 0.2))
    arrow(axes, (4.0, GATES + 0.2), (4.42, 2.4))
    arrow(axes, (5.2, GATES + 0.2), (4.78, 2.4))
    arrow(axes, (4.6, 2.62), (4.6, TOP - 0.2))


def draw_output(axes: Axes) -> None:
    """h = o * tanh(c)."""
    box(axes, 6.6, 2.45, "tanh", size=(0.6, 0.36))
    arrow(axes, (6.1, TOP - 0.23), (6.5, 2.64))
    box(axes, 7.7, 2.45, "*", size=(0.36, 0.34))
    arrow(axes, (6.9, 2.45), (7.52, 2.45))
    arrow(axes, (7.4, GATES + 0.2), (7.66, 2.28))
    box(axes, 8.7, 2.45, "h", FORWARD, size=(0.6, 0.45))
    arrow(axes, (7.88, 2.45), (8.4, 2.45), FORWARD)
    label(axes, 9.1, 2.45, "output,\nnext step", ha="left")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "tutorial"
    draw().savefig(folder / "lstm.png")
