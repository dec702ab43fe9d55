"""The picture of a map of symbols, with labels that do not cover each other where there is room."""

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from ..config.figure import COLOURS, MARKERS, empty_figure
from ..interfaces.vocabulary import shown
from .neighbours import Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE, LINE = 8.0, 1.25  # of the labels in points, and their height in sizes
WIDTH = 0.58  # of a letter, in sizes; a wide guess. Those of East Asian scripts are as wide as high
# Where a label's middle may stand, in its own half widths and half heights from its point
AROUND = np.array(
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 2), (0, -2), (1, 2), (-1, -2)]
)
GAP = 4.0  # points between a point and its label; more beside a large mark


def draw_map(found: Map, title: str) -> "Figure":
    """A point for each symbol, in the colour of the symbol that was asked for, which has a large mark and bold text."""
    figure, axes = empty_figure(11.0, 8.5)
    groups = list(dict.fromkeys(found.asked))
    for k, group in enumerate(groups):
        mine = [place for place, asked in enumerate(found.asked) if asked == group]
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS) % len(MARKERS)]
        sizes = [60.0 if found.symbols[place] == group else 14.0 for place in mine]
        x, y = found.places[mine].T
        axes.scatter(x, y, s=sizes, color=colour, marker=marker, linewidths=0)
    first, second = found.explained
    axes.set(xlabel=f"first principal axis ({first:.1%} of the variance)", title=title)
    axes.set_ylabel(f"second principal axis ({second:.1%})")
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    figure.draw_without_rendering()  # fixes the layout that the labels' places are computed from
    label(axes, found, groups)
    return figure


def label(axes: "Axes", found: Map, groups: list[str]) -> None:
    """Write the symbols beside their points; those that were asked for first, as they find the best places."""
    points = axes.transData.transform(found.places) * 72.0 / axes.figure.dpi
    taken = [np.concatenate([point, [2.0, 2.0]]) for point in points]  # middle, half width, half height
    is_asked = [symbol == asked for symbol, asked in zip(found.symbols, found.asked)]
    for place in sorted(range(len(points)), key=lambda place: not is_asked[place]):
        text, size = shown(found.symbols[place]), SIZE + 2.0 * is_asked[place]
        half = np.array([width(text), LINE]) * size / 2
        half[0] *= 1.0 + 0.15 * is_asked[place]  # bold
        middle = best_place(points[place], half, GAP + 4.0 * is_asked[place], np.array(taken))
        taken.append(np.concatenate([middle, half]))
        axes.annotate(
            text,
            found.places[place],
            tuple(middle - points[place]),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            fontweight="bold" if is_asked[place] else "normal",
            color=COLOURS[groups.index(found.asked[place]) % len(COLOURS)],
            parse_math=False,  # a dollar is a word
        )


def width(text: str) -> float:
    """About how wide a text is, in sizes of its letters."""
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else WIDTH for letter in text)


def best_place(point: np.ndarray, half: np.ndarray, gap: float, taken: np.ndarray) -> np.ndarray:
    """The first place around a point where a label of this half width and height covers least of what is there."""
    middles = point + AROUND * (half + gap)
    apart = np.abs(middles[:, None] - taken[:, :2])
    shared = np.clip(half + taken[:, 2:] - apart, 0.0, None).prod(axis=2).sum(axis=1)
    best: np.ndarray = middles[shared.argmin()]
    return best
