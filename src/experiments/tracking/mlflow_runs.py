"""The runs of an MLflow experiment: finding, reading, closing and deleting them."""

import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from .mlflow_address import SERVERS, is_missing
from .mlflow_connection import client_of, open_experiment
from .mlflow_database import MlflowDatabase
from .mlflow_source import MlflowSource, search, without_garbage_collection
from .mlflow_view import view_of
from .selection import Selection, select


class MlflowRuns:
    """The runs of an experiment in the store at this address."""

    def __init__(self, uri: str, experiment: str):
        self._uri, self._experiment = uri, experiment

    def find_checkpoint(self, which: str, into: Path) -> tuple[Path, str]:
        """A run id or "latest" -> its best checkpoint, copied into a folder, and its run id. ValueError if none."""
        client = self._client()
        run_id = self._newest_with_checkpoint(client) if which == "latest" else self._find(client, which)
        if not any(file.path == "best.pt" for file in client.list_artifacts(run_id)):
            raise ValueError(f"run {run_id} has no checkpoint best.pt among its artifacts")
        return Path(client.download_artifacts(run_id, "best.pt", str(into))), run_id

    def select(self, which: Sequence[str]) -> Selection:
        """See `Store.select`."""
        with without_garbage_collection():
            client = self._client()
            source = MlflowSource if self._uri.startswith(SERVERS) else MlflowDatabase
            return select(which, source(client, self._experiment_id(client), self._uri))

    def delete(self, run_id: str) -> bool:
        """Delete a run; whether it was there."""
        try:
            self._client().delete_run(run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"):
                raise
            return False
        return True

    def close_silent(self, seconds: float) -> list[str]:
        """See `MlflowStore.close_silent`."""
        client, experiment_id = open_experiment(self._uri, self._experiment)
        running = search(client, experiment_id, "attributes.status = 'RUNNING' and tags.outcome = 'running'")
        silent = [run.info.run_id for run in running if time.time() - last_heartbeat(run) > seconds]
        for run_id in silent:
            client.set_tag(run_id, "outcome", "interrupted")
            client.set_terminated(run_id, "KILLED")
        return silent

    def view(self) -> str:
        """The part of the page's address after the server's."""
        _, experiment_id = open_experiment(self._uri, self._experiment)
        return view_of(experiment_id)

    def _client(self) -> MlflowClient:
        """A client of the store. ValueError for an sqlite file that does not exist, which a client would create."""
        if is_missing(self._uri):
            raise ValueError(f"there is no store {self._uri}, so no run in it; tracker.uri=URI names another")
        return client_of(self._uri)

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is None:
            hint = "tracker.experiment=NAME names another"
            raise ValueError(f"there is no experiment {self._experiment!r} in {self._uri}; {hint}")
        return str(experiment.experiment_id)

    def _newest_with_checkpoint(self, client: MlflowClient) -> str:
        condition, newest = "tags.checkpoint = 'best.pt'", ["attributes.start_time DESC"]
        runs = client.search_runs([self._experiment_id(client)], condition, max_results=1, order_by=newest)
        if not runs:
            raise ValueError(f"there is no run with a checkpoint in the experiment {self._experiment!r} of {self._uri}")
        return str(runs[0].info.run_id)

    def _find(self, client: MlflowClient, which: str) -> str:
        """The id of this run. ValueError if the store has none."""
        try:
            return str(client.get_run(which).info.run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise ValueError(f"there is no run {which!r} in {self._uri}") from error


def last_heartbeat(run: MlflowRun) -> int:
    """In seconds since 1970; the start of a run without one."""
    return int(run.data.tags.get("heartbeat", run.info.start_time // 1000))
