"""Runs as a table: a row per point, means over its seeds."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ..tracking.record import Recorded
from .measures import Judge, Mean, average, best, completed, judge, last, mean, number
from .points import differing, group, without_seed

BEST, HALF_WIDTH = "best", "±"  # the ends of columns' names


def compare(runs: Sequence[Recorded], axes: Sequence[str] | None) -> pd.DataFrame:
    """One row per point: runs of equal values on the axes (None: those on which they differ), whatever their seed.

    Columns: the axes; `runs` and `outcome`, of all runs; SPLIT/loss best and SPLIT/METRIC best (means over the seeds of
    the value at the epoch of the lowest loss), each with the half width `±` of its 95 % confidence interval by
    Student's t; SPLIT/METRIC last; test/METRIC and `±`; updates, seconds, targets_per_second, num_parameters.

    Only completed runs enter the scores, each seed once: a run that was stopped had no chance to get better, so a point
    without a completed run has none. What such a point cost is the mean over all its runs. ValueError without runs.
    """
    if not runs:
        raise ValueError("there are no runs to compare")
    axes = differing(runs) if axes is None else without_seed(axes)
    judged_by, rows = judge(runs), []
    for point, members in group(runs, axes).items():
        done = completed(members)
        row = dict(zip(axes, point)) | {"runs": len(members), "outcome": outcomes(members)}
        rows.append(row | scores(done, judged_by) | costs(done or members))
    table = pd.DataFrame(rows)
    table = table.astype(dict.fromkeys(table.columns[len(axes) + 2 :], float))  # blanks as NaN, whole columns too
    test = f"test/{judged_by.metric}"
    return table.drop(columns=[test, f"{test} {HALF_WIDTH}"]) if table[test].isna().all() else table


def outcomes(runs: Sequence[Recorded]) -> str:
    """How the runs ended, like "4 completed, 1 diverged"."""
    counts = Counter(sorted(run.outcome for run in runs))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def scores(runs: Sequence[Recorded], judged_by: Judge) -> dict[str, float | None]:
    """The columns that say how good these runs are."""
    columns = {}
    for key in dict.fromkeys((judged_by.loss, judged_by.score)):
        columns |= with_half_width(f"{key} {BEST}", mean([best(run, key, judged_by) for run in runs]))
    columns[f"{judged_by.score} last"] = mean([last(run, judged_by.score) for run in runs]).value
    test = f"test/{judged_by.metric}"
    return columns | with_half_width(test, mean([last(run, test) for run in runs]))


def with_half_width(name: str, found: Mean) -> dict[str, float | None]:
    return {name: found.value, f"{name} {HALF_WIDTH}": found.half_width}


def costs(runs: Sequence[Recorded]) -> dict[str, float | None]:
    """The columns that say what these runs took."""
    return {
        "updates": mean([last(run, "train/updates") for run in runs]).value,
        "seconds": mean([number(run.tags.get("seconds")) for run in runs]).value,
        "targets_per_second": mean([average(run, "train/targets_per_second") for run in runs]).value,
        "num_parameters": mean([number(run.tags.get("num_parameters")) for run in runs]).value,
    }


def best_row(table: pd.DataFrame) -> int | None:
    """The index of the row with the lowest best loss; None if no row has one."""
    losses = table[loss_column(table)].dropna()
    return None if losses.empty else losses.idxmin()


def loss_column(table: pd.DataFrame) -> str:
    """The column that decides which row is best."""
    return next(column for column in table if column.endswith(f"/loss {BEST}"))
