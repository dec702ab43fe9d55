"""Empty figures for the pictures of a run and of a comparison."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it logs details about fonts

# Fonts of systems that have letters which matplotlib's own font lacks, each with its fallbacks.
FONTS = [
    *("Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans KR", "NanumGothic", "Malgun Gothic"),
    *("AppleGothic", "Apple SD Gothic Neo", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "WenQuanYi Zen Hei"),
]


@contextlib.contextmanager
def names_in_any_script() -> Iterator[None]:
    """In it, text that is drawn uses what fonts there are for its letters; others are boxes without a warning."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in FONTS if name in there)]
    with mpl.rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        yield


def empty_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """A figure of a size in inches, and its axes."""
    from matplotlib.figure import Figure  # takes half a second, so it is not imported at the top

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots()
