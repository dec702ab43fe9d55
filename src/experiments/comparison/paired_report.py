"""The paired comparison of two runs in all forms of a report."""

import base64
import dataclasses
import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..config.figure import COLOURS, empty_figure, encoded, names_in_any_script
from .latex import to_latex
from .paired import Difference, difference
from .rendering import Section, to_html, to_markdown
from .screen import to_screen
from .table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 300  # along a text


@dataclasses.dataclass(frozen=True)
class PairedReport:
    """Losses of two runs for the same targets."""

    names: tuple[str, str]
    data: str  # what was scored, like "ptb, test split"
    nats: tuple[np.ndarray, np.ndarray]  # (N,) each
    sequences: np.ndarray | None  # (N,) the sequence of each target; None of one text
    is_language: bool  # whether targets are symbols, so that there is a perplexity
    block: int | None
    resamples: int

    @functools.cached_property
    def differences(self) -> np.ndarray:
        """(N,) the loss of the second run minus that of the first."""
        found: np.ndarray = self.nats[1] - self.nats[0]
        return found

    @functools.cached_property
    def found(self) -> Difference:
        return difference(self.differences, self.sequences, self.block, self.resamples)

    @property
    def title(self) -> str:
        return f"{self.names[1]} minus {self.names[0]}: {self.data}, {len(self.differences):,} targets"

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        found = self.found
        factor = f", a factor of {math.exp(found.mean):.4f} in perplexity" if self.is_language else ""
        clear = "0 is outside" if found.is_clear else "0 is inside, so that neither is better beyond doubt"
        lower = float(np.mean(self.differences < 0))
        return (
            f"difference {found.mean:+.5f} nats per target{factor}, 95 % interval {found.low:+.5f} to "
            f"{found.high:+.5f} ({clear}; {found.method}); {self.names[1]} has the lower loss at {lower:.1%} of the "
            "targets"
        )

    @functools.cached_property
    def table(self) -> Table:
        """A row for each run and one for the difference."""
        means = [float(nats.mean()) for nats in self.nats]
        found = self.found
        columns: dict[str, list[str | float]] = {"run": [*self.names, "difference"]}
        columns["nats per target"] = [*means, found.mean]
        columns["95 % low"], columns["95 % high"] = [math.nan, math.nan, found.low], [math.nan, math.nan, found.high]
        if self.is_language:
            columns["perplexity"] = [*map(math.exp, means), math.nan]
        frame = pd.DataFrame(columns)
        return Table(frame, ["run"], "nats per target", False, [[], [], []], list(columns), ranked=False)

    def screen(self, width: int | None = None) -> str:
        return f"{self.title}\n{to_screen(self.table, width)}\n{self.sentence}\n"

    def csv(self) -> str:
        """Every digit."""
        return self.table.frame.to_csv(index=False)

    def markdown(self) -> str:
        return f"{to_markdown(self.table)}\n{self.sentence[0].upper()}{self.sentence[1:]}.\n"

    def latex(self) -> str:
        return to_latex(self.table, f"{self.title}: {self.sentence}", "paired")

    def html(self) -> str:
        encoded = {name: base64.b64encode(png).decode() for name, png in self.drawn("png").items()}
        head = {"compared": self.title, "result": self.sentence}
        return to_html("Paired comparison", head, {}, [Section("", self.table, "", encoded)])

    def drawn(self, form: str) -> dict[str, bytes]:
        """File name -> content in this form: png, pdf or svg."""
        with names_in_any_script():
            return {f"differences.{form}": encoded(self.draw(), form)}

    def draw(self) -> "Figure":
        """Along a text the mean difference of consecutive targets; of sequences how often each difference occurs."""
        figure, plot = empty_figure(8, 4)
        found, line = self.found, plot.axhline if self.sequences is None else plot.axvline
        span = plot.axhspan if self.sequences is None else plot.axvspan
        if self.sequences is None:
            size = max(1, len(self.differences) // MOST_POINTS)
            parts = np.array_split(self.differences, math.ceil(len(self.differences) / size))
            means = f"\nmeans of {size:,} targets" if size > 1 else ""
            places = np.cumsum([len(part) for part in parts])
            plot.plot(places, [part.mean() for part in parts], ".", color="#888888", markersize=4)
            plot.set(xlabel="target", ylabel="difference (nats per target)" + means)
            plot.xaxis.set_major_formatter("{x:,.0f}")
        else:
            plot.hist(self.differences, bins=60, color="#bbbbbb", log=True)
            plot.set(xlabel="difference (nats per target)", ylabel="targets (log scale)")
        line(0.0, color="black", linewidth=0.8)
        line(found.mean, color=COLOURS[0], linewidth=1.5, label=f"mean {found.mean:+.4f}")
        span(found.low, found.high, color=COLOURS[0], alpha=0.25, linewidth=0, label="95 % interval (bootstrap)")
        plot.set_title(f"loss of {self.names[1]}\nminus loss of {self.names[0]}", fontsize="medium")
        figure.legend(loc="outside lower center", ncols=2, fontsize="small")
        return figure
