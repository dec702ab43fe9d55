"""Runs as a table: a row per combination of values, means over its seeds."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ..tracking.record import RunRecord
from .comparability import TYPES, unknown_share
from .grouping import compared_axes, group
from .measures import Criterion, Mean, completed, criterion_of, mean
from .objective import LOWEST_LOSS, Objective

BEST, HALF_WIDTH = "best", "±"  # the ends of columns' names
BITS = "test/bits_per_character"
DECIDES, HIGHER = "decides", "higher is better"  # attributes of a table: which column says what row is best, and how


def compare(runs: Sequence[RunRecord], axes: Sequence[str] | None, objective: Objective = LOWEST_LOSS) -> pd.DataFrame:
    """One row per combination of values on the axes (None: those on which the runs differ), over all seeds.

    Columns: the axes; `runs` and `outcome`, of all runs; SPLIT/loss best and SPLIT/METRIC best, at the epoch of the
    lowest loss; SPLIT/METRIC last; test/METRIC; updates, seconds, targets_per_second, num_parameters; and of texts
    test/bits_per_character, vocabulary_size and test/unknown_share. A column named `±` is the half width of the 95 %
    confidence interval, by Student's t, of the mean before it.

    Scores are means over the completed runs, each seed once: a run that was stopped had no chance to get better. A row
    without a completed run has no scores, and its costs are means over all its runs. ValueError without runs.
    """
    if not runs:
        raise ValueError("there are no runs to compare")
    axes = compared_axes(runs, axes)
    criterion, rows = criterion_of(runs), []
    for combination, members in group(runs, axes).items():
        done = completed(members)
        counts = {"runs": len(members), "outcome": count_outcomes(members)}
        numbers = score_columns(done, criterion, objective) | cost_columns(done or members) | text_columns(members)
        rows.append({**dict(zip(axes, combination)), **counts, **numbers})
    table = pd.DataFrame(rows)
    table = table.astype(dict.fromkeys(table.columns[len(axes) + 2 :], float))
    optional = [f"test/{criterion.metric}", BITS, *text_columns([])]
    empty = {name for name in optional if table[name].isna().all()}
    table = table.drop(columns=[name for name in table.columns if name.removesuffix(f" {HALF_WIDTH}") in empty])
    decides = f"{objective.split or criterion.split}/{objective.metric} {BEST}"
    table.attrs = {DECIDES: decides, HIGHER: objective.higher_is_better}
    return table


def count_outcomes(runs: Sequence[RunRecord]) -> str:
    """How the runs ended, like "4 completed, 1 diverged"."""
    counts = Counter(sorted(run.outcome or "running" for run in runs))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def score_columns(runs: Sequence[RunRecord], criterion: Criterion, objective: Objective) -> dict[str, float]:
    """The columns that say how good these runs are."""
    columns: dict[str, float] = {}
    shown = [(criterion.split, "loss"), criterion[:2], (objective.split or criterion.split, objective.metric)]
    for split, metric in dict.fromkeys(shown):
        found = mean([run.at_best(metric, split) for run in runs])
        columns |= with_half_width(f"{split}/{metric} {BEST}", found)
    columns[f"{criterion.key} last"] = mean([run.last(criterion.key) for run in runs]).value
    for test in (f"test/{criterion.metric}", BITS):
        columns |= with_half_width(test, mean([run.last(test) for run in runs]))
    return columns


def with_half_width(name: str, found: Mean) -> dict[str, float]:
    """A column and the one of its half width."""
    return {name: found.value, f"{name} {HALF_WIDTH}": found.half_width}


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


def best_row(table: pd.DataFrame) -> int | None:
    """The number of the row that is best by the sweep's metric, the lowest loss if it has none; None if unknown."""
    values = table[deciding_column(table)]
    if values.isna().all():
        return None
    return int(values.argmax() if table.attrs.get(HIGHER) else values.argmin())


def what_is_best(table: pd.DataFrame) -> str:
    """By what the best row is chosen, like "lowest valid/loss best"."""
    return f"{'highest' if table.attrs.get(HIGHER) else 'lowest'} {deciding_column(table)}"


def deciding_column(table: pd.DataFrame) -> str:
    """The column that decides which row is best."""
    losses = (column for column in map(str, table) if column.endswith(f"/loss {BEST}"))
    return table.attrs.get(DECIDES) or next(losses)
