"""The runs of an MLflow experiment for a comparison: one request for a page of runs, not one for each run."""

import contextlib
import gc
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import http_request_safe

from ..config.errors import first_line
from .record import KEPT_METRICS, RunRecord, own_tags
from .selection import RunSource

NUM_REQUESTS = 8  # at a time
PAGE = 1000  # runs of one answer
HISTORIES = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"  # what a server's own page asks for
RUNS_OF_HISTORIES, MOST_POINTS = 100, 25_000  # what that accepts and returns at most

Value = tuple[str, str, int, int, float]  # run id, metric, step, timestamp and value


class MlflowSource(RunSource):
    """An experiment of any store; of a database the subclass `MlflowDatabase` is faster."""

    def __init__(self, client: MlflowClient, experiment_id: str, place: str):
        self._client, self._experiment_id, self.place = client, experiment_id, place

    def sweeps(self) -> list[RunRecord]:
        return self._tagged("runner", "sweep")

    def named(self, names: Sequence[str]) -> list[RunRecord]:
        conditions = [f"attributes.run_name = {quoted(name)}" for name in names]
        conditions.append(f"attributes.run_id IN ({', '.join(map(quoted, names))})")
        found = [run for condition in conditions for run in self._found(condition)]
        return [run for run in found if run.tags.get("runner") in ("sweep", "train")]

    def jobs(self, sweeps: Sequence[str]) -> list[RunRecord]:
        return [run for name in sweeps for run in self._tagged("sweep", name)]

    def matching(self, condition: str) -> list[RunRecord]:
        return self._found(f"{condition} and tags.runner = 'train'")

    def latest(self, number: int) -> list[RunRecord]:
        order = ["attributes.start_time DESC"]
        found = search(self._client, self._experiment_id, "tags.runner = 'train'", order, number)
        return [record_of(run) for run in reversed(found)]

    def complete(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        return with_metrics(runs, histories(self._client, runs))

    def _tagged(self, key: str, value: str) -> list[RunRecord]:
        return self._found(f"tags.{key} = {quoted(value)}")

    def _found(self, condition: str) -> list[RunRecord]:
        return [record_of(run) for run in search(self._client, self._experiment_id, condition)]


def with_metrics(runs: Sequence[RunRecord], values: Iterable[Value]) -> list[RunRecord]:
    """The runs with these values as their metrics, in the order of the steps; the first value of a step counts."""
    metrics: dict[str, dict[str, dict[int, float]]] = {run.run_id: {} for run in runs}
    for run_id, key, step, _, value in sorted(values, key=lambda value: value[2:4]):
        metrics[run_id].setdefault(key, {}).setdefault(step, value)
    for run in runs:
        run.metrics = metrics[run.run_id]
    return list(runs)


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """In it no garbage is collected: over many thousand new objects that takes longer than reading them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def quoted(text: str) -> str:
    """A text in a filter. ValueError for one with both kinds of quotes, which MLflow has no way to write."""
    if "'" in text and '"' in text:
        raise ValueError(f"there is no run {text!r}: MLflow cannot search a name with both kinds of quotes")
    return f'"{text}"' if "'" in text else f"'{text}'"


def record_of(run: MlflowRun) -> RunRecord:
    """A run as a search returns it: of each kept metric the newest value alone."""
    return RunRecord(
        name=run.info.run_name,
        run_id=run.info.run_id,
        status=run.info.status,
        started=run.info.start_time / 1000,
        parameters=run.data.params,
        tags=own_tags(run.data.tags),
        metrics={key: {0: value} for key, value in run.data.metrics.items() if key.startswith(KEPT_METRICS)},
    )


def search(
    client: MlflowClient,
    experiment_id: str,
    condition: str,
    order: Sequence[str] = ("start_time ASC",),
    most: int | None = None,
) -> list[MlflowRun]:
    """The runs that match, at most so many. ValueError for a condition that MLflow cannot read."""
    found: list[MlflowRun] = []
    token = None
    size = {} if most is None else {"max_results": min(most, PAGE)}
    try:
        while True:
            page = client.search_runs([experiment_id], condition, order_by=list(order), page_token=token, **size)
            found += page
            token = page.token
            if not token or (most is not None and len(found) >= most):
                return found[:most]
    except MlflowException as error:
        if error.error_code not in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise
        raise ValueError(f"MLflow cannot read the filter {condition!r}: {first_line(error)}") from error


def histories(client: MlflowClient, runs: Sequence[RunRecord]) -> Iterator[Value]:
    """Every value of the metrics that these runs have, in any order."""
    wanted: dict[str, list[str]] = {}
    for run in runs:
        for key in run.metrics:
            wanted.setdefault(key, []).append(run.run_id)
    requests = [(key, page) for key, run_ids in wanted.items() for page in pages(run_ids, RUNS_OF_HISTORIES)]
    with ThreadPoolExecutor(NUM_REQUESTS) as pool:
        for values in pool.map(lambda request: of_server(client, *request), requests):
            yield from values


def pages(run_ids: Sequence[str], size: int) -> list[Sequence[str]]:
    """The ids in parts of at most this size."""
    return [run_ids[first : first + size] for first in range(0, len(run_ids), size)]


def of_server(client: MlflowClient, key: str, run_ids: Sequence[str]) -> list[Value]:
    """Every value of a metric of at most 100 runs, in one request; of a server without it in one for each run."""
    credentials = client._tracking_client.store.get_host_creds()
    asked = {"run_id": list(run_ids), "metric_key": key, "max_results": MOST_POINTS}
    try:
        answer = http_request_safe(credentials, HISTORIES, "GET", params=asked).json()  # type: ignore[no-untyped-call]
    except MlflowException as error:
        if error.error_code not in ("ENDPOINT_NOT_FOUND", "RESOURCE_DOES_NOT_EXIST"):
            raise
        return [value for run_id in run_ids for value in one_by_one(client, key, run_id)]
    points: list[dict[str, Any]] = answer.get("metrics", [])
    if len(points) >= MOST_POINTS:  # there may be more
        return [value for run_id in run_ids for value in one_by_one(client, key, run_id)]
    return [(p["run_id"], key, int(p["step"]), int(p["timestamp"]), float(p["value"])) for p in points]


def one_by_one(client: MlflowClient, key: str, run_id: str) -> list[Value]:
    """Every value of a metric of one run."""
    found = client.get_metric_history(run_id, key)
    return [(run_id, key, point.step, point.timestamp, point.value) for point in found]
