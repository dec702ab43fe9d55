"""The runs of an MLflow experiment in a database: a few queries for a page of runs.

MLflow's own search makes an object of every tag and parameter, and its metrics take a query for each run and metric.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.store.tracking.dbmodels.models import SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import Select, distinct, func, or_, select

from .mlflow_source import PAGE, MlflowSource, Value, pages, with_metrics
from .record import KEPT_METRICS, RunRecord, own_tags


class MlflowDatabase(MlflowSource):
    """An experiment of a store whose database this process reads itself."""

    def __init__(self, client: MlflowClient, experiment_id: str, place: str):
        super().__init__(client, experiment_id, place)
        self._store: SqlAlchemyStore = client._tracking_client.store

    def named(self, names: Sequence[str]) -> list[RunRecord]:
        found = self._where(or_(SqlRun.name.in_(names), SqlRun.run_uuid.in_(names)))
        return [run for run in found if run.tags.get("runner") in ("sweep", "train")]

    def latest(self, number: int) -> list[RunRecord]:
        found = self._where(tagged("runner", "train"), newest=number)
        return found[::-1]

    def complete(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        is_kept = or_(*(SqlMetric.key.startswith(kept) for kept in KEPT_METRICS))
        columns = (SqlMetric.step, SqlMetric.timestamp, SqlMetric.value, SqlMetric.is_nan)
        values: list[Value] = []
        for run_id, key, step, timestamp, value, is_nan in self._of(SqlMetric, runs, columns, is_kept):
            values.append((run_id, key, step, timestamp, float("nan") if is_nan else value))
        return with_metrics(runs, values)

    def _tagged(self, key: str, value: str) -> list[RunRecord]:
        return self._where(tagged(key, value))

    def _where(self, condition: Any, newest: int | None = None) -> list[RunRecord]:
        """The runs that fit a condition with tags and parameters, in the order of their start or the newest first."""
        columns = (SqlRun.run_uuid, SqlRun.name, SqlRun.status, SqlRun.start_time)
        is_here = SqlRun.experiment_id == int(self._experiment_id), SqlRun.lifecycle_stage == "active"
        start: Any = SqlRun.start_time if newest is None else SqlRun.start_time.desc()
        query: Any = select(*columns).where(*is_here, condition).order_by(start, SqlRun.run_uuid).limit(newest)
        found = [
            RunRecord(name=name, run_id=run_id, status=status, started=start_time / 1000)
            for run_id, name, status, start_time in self._rows(query)
        ]
        by_id = {run.run_id: run for run in found}
        for run_id, key, text in self._of(SqlParam, found, (SqlParam.value,)):
            by_id[run_id].parameters[key] = text
        for run_id, key, text in self._of(SqlTag, found, (SqlTag.value,)):
            by_id[run_id].tags |= own_tags({key: text})
        return found

    def _of(self, table: Any, runs: Sequence[RunRecord], columns: Sequence[Any], *conditions: Any) -> Iterator[Any]:
        """Run id, key and these columns of a table's rows that belong to the runs, one query for a page of them."""
        for page in pages([run.run_id for run in runs], PAGE):
            query = select(table.run_uuid, table.key, *columns).where(table.run_uuid.in_(page), *conditions)
            yield from self._rows(query)

    def _rows(self, query: Select[Any]) -> list[Any]:
        with self._store.ManagedSessionMaker() as session:
            return list(session.execute(query))


def num_steps(store: SqlAlchemyStore, run_id: str) -> dict[str, int]:
    """At how many steps the database has each metric of a run."""
    number: Any = func.count(distinct(SqlMetric.step)).label("number")
    query: Any = select(SqlMetric.key, number).where(SqlMetric.run_uuid == run_id).group_by(SqlMetric.key)
    with store.ManagedSessionMaker() as session:
        return {row.key: row.number for row in session.execute(query)}


def tagged(key: str, value: str) -> Any:
    """The condition that a run has this tag."""
    return SqlRun.run_uuid.in_(select(SqlTag.run_uuid).where(SqlTag.key == key, SqlTag.value == value))
