"""Published numbers beside ours: a row for each claim of a recipe, with the runs that it was measured on."""

import dataclasses
import math
import statistics
import time
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from ..config.published import Claim, Published
from ..tracking.record import RunRecord

HEADS = ("recipe", "metric", "published", "ours", "seeds", "result", "minutes", "measured")


@dataclasses.dataclass(frozen=True)
class Row:
    """One claim as far as it was measured."""

    recipe: str
    source: str
    claim: Claim
    wanted: int  # seeds
    values: list[float]  # of the seeds that were measured
    minutes: float | None  # of a seed, the mean
    date: str | None  # of the last one
    commit: str | None
    hardware: str | None

    @property
    def result(self) -> str:
        """PASS or FAIL, or what is missing before that can be said."""
        if len(self.values) < self.wanted:
            return f"{len(self.values)} of {self.wanted} seeds" if self.values else "not yet run"
        return "PASS" if self.claim.holds(statistics.fmean(self.values)) else "FAIL"

    @property
    def ours(self) -> str:
        """The mean, and the standard deviation over seeds."""
        if not self.values:
            return ""
        metric = self.claim.metric
        spread = f" ± {number(statistics.stdev(self.values), metric)}" if len(self.values) > 1 else ""
        return f"{number(statistics.fmean(self.values), metric)}{spread}"

    def cells(self) -> list[str]:
        """What a table shows, in the order of HEADS."""
        claim = self.claim
        metric = claim.metric if claim.of == "last" else f"{claim.of} {claim.metric}"
        published = "" if claim.published is None else number(claim.published, claim.metric)
        minutes = "" if self.minutes is None else f"{self.minutes:.1f}"
        measured = ", ".join(filter(None, (self.date, self.hardware, self.commit and f"commit {self.commit}")))
        return [self.recipe, metric, published, self.ours, str(len(self.values)), self.result, minutes, measured]


def number(value: float, metric: str) -> str:
    """A value as people write this metric: an accuracy in percent, others with four digits."""
    if metric.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    return f"{value:.2f}" if abs(value) >= 100 or not value else f"{value:.4g}"


def rows_of(recipe: str, published: Published, runs: Iterable[RunRecord]) -> list[Row]:
    """The claims of a recipe, measured on the completed runs among these, each seed once."""
    runs = {run.parameters.get("seed", run.name): run for run in runs if run.outcome == "completed"}.values()
    wanted = [*runs][: published.seeds]
    return [row_of(recipe, published, claim, wanted) for claim in published.claims]


def row_of(recipe: str, published: Published, claim: Claim, runs: Sequence[RunRecord]) -> Row:
    """One claim, measured on these runs."""
    found = [(run, claim.value([*run.metrics.get(claim.metric, {}).values()])) for run in runs]
    measured = [(run, value) for run, value in found if not math.isnan(value)]
    last = max((run for run, _ in measured), key=lambda run: run.started, default=None)
    seconds = [float(run.tags["seconds"]) for run, _ in measured if "seconds" in run.tags]
    return Row(
        recipe=recipe,
        source=published.source,
        claim=claim,
        wanted=published.seeds,
        values=[value for _, value in measured],
        minutes=statistics.fmean(seconds) / 60 if seconds else None,
        date=None if last is None else time.strftime("%Y-%m-%d", time.gmtime(last.started)),
        commit=None if last is None else last.tags.get("git_commit", "")[:7] or None,
        hardware=None if last is None else hardware_of(last),
    )


def hardware_of(run: RunRecord) -> str:
    """The device and threads of a run."""
    device, threads = run.tags.get("device", "cpu"), run.tags.get("threads", "?")
    return device if device != "cpu" else f"{threads} CPU thread{'' if threads == '1' else 's'}"


def to_text(rows: Sequence[Row], form: str) -> str:
    """A table: `simple` for a screen, `github` for Markdown."""
    return tabulate([row.cells() for row in rows], HEADS, form, disable_numparse=True)


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every digit, from which `from_json` makes the rows again; the keys of a claim stand among the others."""
    stored = []
    for row in rows:
        plain = dataclasses.asdict(row)
        claim = plain.pop("claim")
        stored.append({"recipe": row.recipe, "source": row.source} | claim | plain)
    return stored


def from_json(stored: Sequence[dict[str, Any]]) -> list[Row]:
    """The inverse of `to_json`."""
    keys = [field.name for field in dataclasses.fields(Claim)]
    return [Row(claim=Claim(**{key: row.pop(key) for key in keys}), **row) for row in map(dict, stored)]
