"""One run in an MLflow store."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from ..config.errors import first_line
from .delivery import Backend, Gone, Refused
from .journal import Point
from .mlflow_connection import SERVERS, client_of, open_experiment, reachable

MAX_PARENT_SEARCHES = 10  # after which a parent run counts as deleted
MAX_PARAMETERS = 100  # of one request
MLFLOW_TAGS = {"git_commit": "mlflow.source.git.commit", "command": "mlflow.source.name", "user": "mlflow.user"}


class MlflowBackend(Backend):
    """The run of this name in an experiment of the store `uri`."""

    def __init__(self, uri: str, experiment: str, name: str):
        self._uri, self._experiment, self._name = uri, experiment, name
        self._parent_searches = 0

    @functools.cached_property
    def _client(self) -> MlflowClient:
        return client_of(self._uri)

    def begin(self, started: float, may_exist: bool) -> str:
        with reachable(self._uri):
            client, experiment_id = open_experiment(self._uri, self._experiment)
            if self._uri.startswith(SERVERS):
                self.page = training_view(self._uri, experiment_id)
            # a process may have died, or a response may have been lost, after the run was created
            run_id = self._find(self._name) if may_exist else None
            return run_id or client.create_run(experiment_id, round(1000 * started), run_name=self._name).info.run_id

    def log_parameters(self, parameters: dict[str, str]) -> None:
        items = [Param(key, value) for key, value in parameters.items()]
        with translated_errors():
            for first in range(0, len(items), MAX_PARAMETERS):
                self._client.log_batch(self.run_id, params=items[first : first + MAX_PARAMETERS])

    def log_points(self, points: list[Point]) -> None:
        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        with translated_errors():
            self._client.log_batch(self.run_id, metrics=metrics)

    def set_tags(self, tags: dict[str, str]) -> None:
        known = {theirs: tags[ours] for ours, theirs in MLFLOW_TAGS.items() if ours in tags}
        if "sweep" in tags and self._parent_searches < MAX_PARENT_SEARCHES:
            self._parent_searches += 1
            parent = self._find(tags["sweep"])
            if parent is None:  # it is delivered later, so these tags are sent again
                raise ConnectionError(f"the sweep {tags['sweep']} of the run {self._name} is not in the store yet")
            known["mlflow.parentRunId"] = parent
        with translated_errors():
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in (tags | known).items()])

    def upload(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def end(self, status: str) -> None:
        if status == "RUNNING":
            self._client.update_run(self.run_id, status)
        else:
            self._client.set_terminated(self.run_id, status)

    def _find(self, name: str) -> str | None:
        _, experiment_id = open_experiment(self._uri, self._experiment)
        found = self._client.search_runs([experiment_id], f"attributes.run_name = '{name}'", max_results=1)
        return found[0].info.run_id if found else None


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise Refused for what the store will never accept and Gone for a deleted run; other errors may be retried."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise Refused(first_line(error)) from error
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise Gone(first_line(error)) from error
        raise


def training_view(page: str, experiment_id: str) -> str:
    return f"{page.rstrip('/')}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
