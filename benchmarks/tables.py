"""Cells that several tables share."""

from .alternate import Figures
from .problem import Problem

TIMES = ["tokens/s", "ms", "ms of CPU"]


def times(figures: Figures, problem: Problem) -> list[str]:
    """The cells under TIMES: of an update."""
    rate = problem.batch * problem.truncation / figures.seconds
    return [f"{rate:,.0f}", three_digits(1e3 * figures.seconds), three_digits(1e3 * figures.cpu_seconds)]


def three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def ratios(figures: Figures, peer: Figures, floor: Figures) -> list[str]:
    """How many times as fast as a peer; the share of the speed of the products alone."""
    return [f"{peer.seconds / figures.seconds:.2f}", f"{floor.seconds / figures.seconds:.0%}"]
