"""What the pictures of a run and of a comparison share: empty figures, colours, scales of their axes."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from .atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

HIGHER_IS_BETTER_SHARES = ("accuracy", "f1", "auc", "precision", "recall")  # the ends of the metrics' names

logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it logs details about fonts
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # and warns of those that have no bold letters

# Fonts of systems that have letters which matplotlib's own font lacks, each with its fallbacks.
FONTS = [
    *("Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans KR", "NanumGothic", "Malgun Gothic"),
    *("AppleGothic", "Apple SD Gothic Neo", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "WenQuanYi Zen Hei"),
]


# Okabe and Ito's colours, which are distinguishable with every kind of colour blindness; without their yellow
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MAX_MARKERS = 40  # on a line
DECADE = 10.0  # values that span this factor or more are drawn on a logarithmic axis, unless another scale is chosen
FEW_EPOCHS = 3  # up to which training is drawn by its interval/* points
X_LABELS = {"epochs": "epoch", "targets": "training targets seen", "seconds": "seconds of training"}

UNDATED: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}

Scale = Literal["auto", "linear", "log"]
XAxis = Literal["epochs", "targets", "seconds"]


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


def encoded(figure: "Figure", form: str) -> bytes:
    """A figure as png, pdf or svg; equal figures are equal files."""
    figure.savefig(buffer := io.BytesIO(), format=form, metadata=UNDATED.get(form))
    return buffer.getvalue()


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded(figure, "png"))


def empty_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """A figure of a size in inches, and its axes."""
    figure, [[axes]] = empty_grid(width, height)
    return figure, axes


def empty_grid(
    width: float, height: float, rows: int = 1, columns: int = 1, *, sharex: bool = False, sharey: bool = False
) -> tuple["Figure", list[list["Axes"]]]:
    """A figure of a size in inches, and so many axes, which share their scales or do not."""
    from matplotlib.figure import Figure  # takes half a second, so it is not imported at the top

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).tolist()


def is_share(metric: str) -> bool:
    """Whether a metric lies between 0 and 1."""
    return metric.endswith((*HIGHER_IS_BETTER_SHARES, "share"))


def is_logarithmic(metric: str, values: Sequence[float], scale: Scale = "auto") -> bool:
    """Whether an axis with these values of a metric is logarithmic. That of an accuracy is always linear."""
    if scale == "linear" or is_share(metric) or not values:
        return False
    if scale == "log":
        return any(value > 0 for value in values)
    return min(values) > 0 and max(values) >= DECADE * min(values)


def scale_scores(axes: "Axes", metric: str, values: Sequence[float], scale: Scale = "auto") -> None:
    """Scale of a vertical axis, and limits around these values of a metric.

    Not around their intervals, which are very wide with only two seeds. Without a value above 0 it is linear.
    """
    if is_logarithmic(metric, values, scale):
        low, high = min(value for value in values if value > 0), max(values)
        factor = max((high / low) ** 0.1, 1.02)
        axes.set(yscale="log", ylim=(low / factor, high * factor))
        plain_numbers(axes.yaxis)
        return
    low, high = min(values), max(values)
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = max(0.0, low - margin) if low > 0 else low - margin
    if is_share(metric):
        bottom, high = max(bottom, -0.02), min(high + margin, 1.02) - margin
    axes.set_ylim(bottom, high + margin)


def plain_numbers(axis: "Axis") -> None:
    """A logarithmic axis with 200 written as 200.

    At 1, 2 and 5 of every power of ten; at the powers alone where there are many, or closer where there is but one.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high < 10**4 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs) if high > 8 * low else MaxNLocator(7))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def round_numbers(axis: "Axis", whole: bool = True) -> None:
    """A linear axis with at most seven round numbers, whole ones where fractions mean nothing."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=whole))


def places_of(steps: Sequence[int], x: XAxis, metrics: Mapping[str, Mapping[int, float]]) -> list[float]:
    """Where steps, which are training targets seen, are on a horizontal axis; `metrics` are those of the run."""
    if x == "targets" or not steps:
        return [float(step) for step in steps]
    if x == "epochs":
        return epochs_at(steps, metrics["train/epoch"])
    return seconds_at(steps, metrics["train/targets_per_second"])


def seconds_at(steps: Sequence[int], rates: Mapping[int, float]) -> list[float]:
    """Steps in training targets -> seconds of training, without those of validation.

    `rates` are the mean targets per second of each epoch, by the step at which it ended; the last one goes on.
    """
    ends, speeds = [0, *rates], [*rates.values()]
    ends.append(max(ends[-1], *steps) + 1)
    known = np.cumsum([0.0, *(np.diff(ends) / [*speeds, speeds[-1]])])
    return [float(place) for place in np.interp(steps, ends, known)]


def epochs_at(steps: Sequence[int], ends: Mapping[int, float]) -> list[float]:
    """Steps in training targets -> epochs, within one by the share of its targets.

    `ends` are the steps at which epochs ended. An epoch that was not finished is as long as those before.
    """
    places, epochs = list(ends), list(ends.values())
    more = max(steps) / places[-1]
    known = [0, *places, places[-1] * (1 + more)], [0, *epochs, epochs[-1] * (1 + more)]
    return [float(place) for place in np.interp(steps, *known)]


def scale_x(axes: "Axes", x: XAxis, places: Sequence[float]) -> None:
    """Label and numbers of a horizontal axis that has points at these places."""
    from matplotlib.ticker import StrMethodFormatter

    axes.set_xlabel(X_LABELS[x])
    if x != "epochs":
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    whole = all(float(place).is_integer() for place in places)
    round_numbers(axes.xaxis, whole)
    if not whole:
        axes.set_xlim(left=0)
    if len(set(places)) == 1:  # with no points around it, a place would get a tiny interval
        axes.set_xlim(places[0] * 0.5, places[0] * 1.5)
