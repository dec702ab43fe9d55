"""Recorded runs as frames of pandas."""

from pathlib import Path
from typing import Any

import pandas as pd

from ..comparison.columns import EVERYTHING
from ..comparison.grouping import parsed
from ..comparison.report import Report
from ..experiment import store_of
from ..runners.compare import report_of
from ..tracking.record import RunRecord
from ..tracking.records import records_in
from .composing import Options, composition_of_options, errors_as_sentences

WORDS = {"null": None, "true": True, "false": False}


def metrics_of(record: RunRecord) -> pd.DataFrame:
    """A column for each metric, a row for each step; the index is training targets seen."""
    frame = pd.DataFrame({key: pd.Series(values, dtype=float) for key, values in record.metrics.items()})
    return frame.sort_index().rename_axis("targets")


def best_of(record: RunRecord) -> dict[str, float]:
    """Each metric at the epoch of the lowest loss that decides; where it has no value there, its last one."""
    losses = record.metrics.get(f"{record.deciding_split}/loss", {})
    step = min(losses, key=losses.__getitem__, default=-1)
    return {key: values.get(step, values[max(values)]) for key, values in record.metrics.items() if values}


def runs(where: str | None = None, *, folder: str | Path = "runs", options: Options = "") -> pd.DataFrame:
    """Recorded runs, one a row: name, run_id, runner, outcome, started, all options and the metrics at the best epoch.

    Without `where` those in a folder of runs. `where` is a sweep or a run (its name or id), `latest:N` or a filter of
    MLflow's ("params.truncation = '5'"), applied by the store that the `options` (`tracker.uri=...`) choose.
    ConfigError if there is none.
    """
    with errors_as_sentences():
        records = (
            records_in(Path(folder))
            if where is None
            else store_of(composition_of_options(options)).select([where]).runs
        )
    return pd.DataFrame([row_of(record) for record in records])


def row_of(record: RunRecord) -> dict[str, Any]:
    head = {"name": record.name, "run_id": record.run_id, "runner": record.tags.get("runner")}
    started = pd.Timestamp(record.started, unit="s", tz="UTC")
    options = {key: value_of(text) for key, text in record.parameters.items()}
    return {**head, "outcome": record.outcome, "started": started, **options, **best_of(record)}


def value_of(text: str) -> Any:
    """A recorded parameter as the value that it was."""
    value = parsed(text)
    return WORDS.get(value, value) if isinstance(value, str) else value


def compare(*which: str, options: Options = "") -> Report:
    """What `runner=compare` shows of sweeps and runs: names, ids, `latest:N`, filters; nothing: the latest sweep.

    Its `table` is a frame, its `figures` are PNG by name; `screen()`, `markdown()`, `csv()`, `latex()` and `html()` are
    texts. ConfigError if there is none.
    """
    with errors_as_sentences():
        return report_of(store_of(composition_of_options(options)).select(which), EVERYTHING)
