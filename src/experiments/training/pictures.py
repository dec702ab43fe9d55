"""The picture of a classifier: its confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config.figure import empty_figure, names_in_any_script, save_figure

MOST_NAMED, LONGEST = 30, 30  # classes whose names are drawn, and their letters


def draw_confusion_matrix(counts: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    """Draw counts (K, K), rows the true classes and columns the predicted ones, as a PNG with counts and shares.

    Of more than MOST_NAMED classes only the colours are drawn.
    """
    with names_in_any_script():
        _draw_confusion_matrix(counts, names, path, title)


def _draw_confusion_matrix(counts: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    size = 0.8 * min(len(names), MOST_NAMED)
    figure, axes = empty_figure(2.5 + size, 2 + size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if len(names) <= MOST_NAMED:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count:,}\n{shares[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        shown = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
        axes.set_xticks(range(len(names)), shown)
        if sum(map(len, shown)) > 7 * len(shown):  # they would overlap
            for label in axes.get_xticklabels():
                label.set(rotation=30, ha="right")
        axes.set_yticks(range(len(names)), shown)
    save_figure(figure, path)
