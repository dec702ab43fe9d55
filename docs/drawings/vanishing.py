"""Draw the norm of products of Jacobians: `python docs/drawings/vanishing.py` writes docs/tutorial/vanishing.png.

A simple network of 64 units whose W_hh is g times a random orthogonal matrix, so that W_hh alone multiplies every norm
by exactly g. The gradient runs back through tanh, too. Prints the factor by which each step multiplies it on average.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from shapes import DOCS

from experiments.comparison.styling import COLOURS

H, LAGS, GAINS = 64, 50, (0.5, 0.9, 1.5, 3.0)


def norms_by_lag(gain: float) -> np.ndarray:
    """(LAGS + 1,): the norm of d_h as it travels back, relative to where it starts."""
    draw = np.random.default_rng(0)
    orthogonal, _ = np.linalg.qr(draw.normal(size=(H, H)))
    W_hh, h, states = gain * orthogonal, np.zeros(H), []
    for x in draw.normal(scale=0.2, size=(2 * LAGS, H)):
        h = np.tanh(x + W_hh @ h)
        states.append(h)
    d_h = draw.normal(size=H)
    norms = [np.linalg.norm(d_h)]
    for h in states[: -LAGS - 1 : -1]:
        d_z = d_h * (1.0 - h * h)
        d_h = d_z @ W_hh
        norms.append(np.linalg.norm(d_h))
    return np.array(norms) / norms[0]


def draw() -> Figure:
    figure = Figure(figsize=(8, 4.6), dpi=130, layout="constrained")
    axes, lags = figure.subplots(), np.arange(LAGS + 1)
    for gain, colour in zip(GAINS, COLOURS):
        axes.plot(lags, norms_by_lag(gain), color=colour, label=f"g = {gain}")
        axes.plot(lags, gain**lags, color=colour, linestyle=":")
    axes.plot([], [], color="black", linestyle=":", label="W_hh alone: g to the power k")
    axes.set(yscale="log", ylim=(1e-12, 1e10), xlabel="lag k (steps back)", ylabel="norm of d_h, relative to lag 0")
    axes.set_title("The gradient through k steps of a simple network")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")
    return figure


if __name__ == "__main__":
    for gain in GAINS:
        print(f"g = {gain}: each step multiplies the gradient by {norms_by_lag(gain)[-1] ** (1 / LAGS):.2f}")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "tutorial"
    draw().savefig(folder / "vanishing.png")
