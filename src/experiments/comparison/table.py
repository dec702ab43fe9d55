"""Runs as a table: a row per combination of values, means over its seeds."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ..tracking.record import RunRecord
from .columns import BEST as BEST
from .columns import EVERYTHING, Layout, Members, kept, order_of, with_column, with_half_width
from .columns import HALF_WIDTH as HALF_WIDTH
from .comparability import TYPES, unknown_share
from .grouping import Combination, Value, compared_axes, group, levels
from .measures import Criterion, completed, criterion_of, mean
from .objective import LOWEST_LOSS, Objective

BITS = "test/bits_per_character"
COSTS = ("updates", "seconds", "targets_per_second", "num_parameters")


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of a comparison."""

    frame: pd.DataFrame
    axes: list[str]  # the first columns, which say what a row is
    decides: str  # the column that decides which row is best
    higher_is_better: bool
    scores: list[list[float]]  # of every row what decides, of each of its seeds
    chosen: list[str]  # the columns that were asked for, which are shown also where all rows are equal
    ranked: bool = True  # whether one row is better than another

    @property
    def best(self) -> int | None:
        """The number of the best row; None if no row has a score."""
        values = self.frame[self.decides]
        if not self.ranked or values.isna().all():
            return None
        return int(values.argmax() if self.higher_is_better else values.argmin())


def compare(
    runs: Sequence[RunRecord],
    axes: Sequence[str] | None,
    layout: Layout = EVERYTHING,
    objective: Objective = LOWEST_LOSS,
) -> Table:
    """One row per combination of values on the axes (None: those on which the runs differ), over all seeds.

    Columns: the axes; `runs` and `outcome`, of all runs; SPLIT/loss best and SPLIT/METRIC best, at the epoch of the
    lowest loss; SPLIT/METRIC last; test/METRIC; updates, seconds, targets_per_second, num_parameters; and of texts
    test/bits_per_character, vocabulary_size and test/unknown_share. A column named `±` is the half width of the 95 %
    confidence interval, by Student's t, of the mean before it. The layout chooses and adds columns and rows.

    Scores are means over the completed runs, each seed once: a run that was stopped had no chance to get better. A row
    without a completed run has no scores, and its costs are means over all its runs. With one row for each run, a run
    that was stopped has the scores that it reached. ValueError without runs.
    """
    if not runs:
        raise ValueError("there are no runs to compare")
    axes = compared_axes(runs, axes)
    if layout.one_by_one:
        axes = ["run", *axes, *(["seed"] if len(levels(runs, "seed")) > 1 else [])]
    criterion, groups = criterion_of(runs), group(runs, axes, layout.one_by_one)
    rows = [(members, members if layout.one_by_one else completed(members)) for members in groups.values()]
    frame = frame_of(groups, axes, rows, criterion)
    split = objective.split or criterion.split
    decides = criterion_of(runs, layout.metric) if layout.metric else Criterion(split, objective.metric, "")
    if decides.column not in frame:
        means = [with_half_width(decides.column, mean([*map(decides.score, measured)])) for _, measured in rows]
        frame = frame.assign(**pd.DataFrame(means))
    higher = decides.higher_is_better if layout.metric else objective.higher_is_better
    scores = [decides.scores(measured) for _, measured in rows]
    return arranged(Table(frame, axes, decides.column, higher, scores, []), rows, layout)


def arranged(table: Table, rows: Sequence[Members], layout: Layout) -> Table:
    """The table with the columns and rows that a layout asks for, in its order."""
    frame, names = table.frame, []
    for name in layout.added:
        frame, column = with_column(frame, name, rows, "runner.columns")
        names.append(column)
    sort = None
    if layout.sort:
        frame, sort = with_column(frame, layout.sort.removeprefix("-"), rows, "runner.sort")
    descending = bool(layout.sort and layout.sort.startswith("-"))
    order = order_of(frame, table.decides, table.higher_is_better, sort, descending, layout.top)
    if layout.chooses:
        frame = kept(frame, list(dict.fromkeys([*table.axes, *names, table.decides])))
    frame = frame.iloc[order].reset_index(drop=True)
    return dataclasses.replace(table, frame=frame, scores=[table.scores[k] for k in order], chosen=names)


def frame_of(
    groups: dict[Combination, list[RunRecord]], axes: Sequence[str], rows: Sequence[Members], criterion: Criterion
) -> pd.DataFrame:
    """The usual columns of the rows; those that no row has are left out."""
    found: list[dict[str, Value]] = []
    for combination, (members, measured) in zip(groups, rows):
        counts: dict[str, Value] = {"runs": len(members), "outcome": count_outcomes(members)}
        numbers = score_columns(measured, criterion) | cost_columns(measured or members) | text_columns(members)
        found.append({**dict(zip(axes, combination)), **counts, **numbers})
    frame = pd.DataFrame(found)
    frame = frame.astype(dict.fromkeys(frame.columns[len(axes) + 2 :], float))
    optional = [f"test/{criterion.metric}", BITS, *text_columns([])]
    empty = {name for name in optional if frame[name].isna().all()}
    return frame.drop(columns=[name for name in frame.columns if name.removesuffix(f" {HALF_WIDTH}") in empty])


def count_outcomes(runs: Sequence[RunRecord]) -> str:
    """How the runs ended, like "4 completed, 1 diverged"."""
    counts = Counter(sorted(run.outcome or "running" for run in runs))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def score_columns(runs: Sequence[RunRecord], criterion: Criterion) -> dict[str, Value]:
    """The columns that say how good these runs are."""
    columns: dict[str, Value] = {}
    for metric in dict.fromkeys(("loss", criterion.metric)):
        found = mean([run.at_best(metric, criterion.split) for run in runs])
        columns |= with_half_width(f"{criterion.split}/{metric} {BEST}", found)
    columns[f"{criterion.key} last"] = mean([run.last(criterion.key) for run in runs]).value
    for test in (f"test/{criterion.metric}", BITS):
        columns |= with_half_width(test, mean([run.last(test) for run in runs]))
    return columns


def cost_columns(runs: Sequence[RunRecord]) -> dict[str, float]:
    """The columns that say what these runs cost."""
    return {
        "updates": mean([run.last("train/updates") for run in runs]).value,
        "seconds": mean([float(run.tags.get("seconds", "nan")) for run in runs]).value,
        "targets_per_second": mean([average(run, "train/targets_per_second") for run in runs]).value,
        "num_parameters": mean([float(run.tags.get("num_parameters", "nan")) for run in runs]).value,
    }


def text_columns(runs: Sequence[RunRecord]) -> dict[str, float]:
    """The columns that say whether perplexities can be compared."""
    return {
        "vocabulary_size": mean([float(run.tags.get(TYPES, "nan")) for run in runs]).value,
        "test/unknown_share": mean([unknown_share(run) for run in runs]).value,
    }


def average(run: RunRecord, key: str) -> float | None:
    """The mean of a metric over the epochs."""
    values = run.metrics.get(key, {}).values()
    return sum(values) / len(values) if values else None
