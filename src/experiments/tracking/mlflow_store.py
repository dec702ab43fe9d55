"""An MLflow store: finding, reading and closing its runs, and its page."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from ..config.secrets import revealed
from .mlflow_backend import MlflowBackend
from .mlflow_connection import (
    SERVERS,
    SQLITE,
    checked_uri,
    client_of,
    database_of,
    is_missing,
    is_sqlite,
    open_experiment,
    reachable,
)
from .mlflow_database import MlflowDatabase
from .mlflow_source import MlflowSource, search, without_collection
from .mlflow_view import view_of
from .selection import Selection, select
from .store import Store


class MlflowStore(Store):
    """An experiment in a store: `sqlite:///FILE`, the address of a server, or another database's."""

    has_page = True

    def __init__(self, *, uri: str, experiment: str, folder: str, interval: float, required: bool, model: bool = False):
        """With `model`, the best network of each run is stored as a model that `mlflow models serve` serves."""
        super().__init__(folder=folder, interval=interval, required=required)
        if not experiment.strip():
            raise ValueError("experiment is empty: tracker.experiment=NAME names it")
        self.uri, self.experiment, self.serves_models = checked_uri(uri), experiment, model
        place = f"{SQLITE}{database_of(self.uri)}" if is_sqlite(self.uri) else self.uri
        self.identifier = f"{place} {experiment}"

    def backend(self, name: str) -> MlflowBackend:
        return MlflowBackend(self.uri, self.experiment, name)

    def find_checkpoint(self, which: str, into: Path) -> tuple[Path, str]:
        with reachable(self.uri):
            client = self._client()
            run_id = self._newest_with_checkpoint(client) if which == "latest" else find_run_id(client, self.uri, which)
            if not any(file.path == "best.pt" for file in client.list_artifacts(run_id)):
                raise ValueError(f"run {run_id} has no checkpoint best.pt among its artifacts")
            return Path(client.download_artifacts(run_id, "best.pt", str(into))), run_id

    def select(self, which: Sequence[str]) -> Selection:
        """Also with a filter of MLflow's, like "params.truncation = '5' and tags.outcome = 'completed'"."""
        with reachable(self.uri), without_collection():
            client = self._client()
            source = MlflowSource if self.uri.startswith(SERVERS) else MlflowDatabase
            return select(which, source(client, self._experiment_id(client), self.uri))

    def delete_stored(self, run_id: str) -> bool:
        if is_missing(self.uri):
            return False
        with reachable(self.uri):
            try:
                self._client().delete_run(run_id)
            except MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"):
                    raise
                return False
        return True

    def close_silent(self, seconds: float) -> list[str]:
        """End runs that are RUNNING but without a heartbeat for so many seconds as KILLED; returns their ids.

        For runs whose folder is on another machine; whether a process of this one is alive is known by its lock. Runs
        that others record in the store have no tag `outcome`.
        """
        if is_missing(self.uri):
            return []
        with reachable(self.uri):
            client, experiment_id = open_experiment(self.uri, self.experiment)
            running = search(client, experiment_id, "attributes.status = 'RUNNING' and tags.outcome = 'running'")
            silent = [run.info.run_id for run in running if time.time() - last_heartbeat(run) > seconds]
            for run_id in silent:
                client.set_tag(run_id, "outcome", "interrupted")
                client.set_terminated(run_id, "KILLED")
        return silent

    def dashboard(self, host: str, port: int) -> tuple[str, list[str], dict[str, str]]:
        """The address of the training view, and the command and added environment that serve it with few processes."""
        with reachable(self.uri):
            _, experiment_id = open_experiment(self.uri, self.experiment)
        if self.uri.startswith(SERVERS):
            return self.uri + view_of(experiment_id), [], {}
        command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
        environment = {"MLFLOW_BACKEND_STORE_URI": revealed(self.uri), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return f"http://{host}:{port}{view_of(experiment_id)}", command, environment

    def _client(self) -> MlflowClient:
        """A client of the store. ValueError for an sqlite file that does not exist, which a client would create."""
        if is_missing(self.uri):
            raise ValueError(f"there is no store {self.uri}, so no run in it; tracker.uri=URI names another")
        return client_of(self.uri)

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            hint = "tracker.experiment=NAME names another"
            raise ValueError(f"there is no experiment {self.experiment!r} in {self.uri}; {hint}")
        return str(experiment.experiment_id)

    def _newest_with_checkpoint(self, client: MlflowClient) -> str:
        condition, newest = "tags.checkpoint = 'best.pt'", ["attributes.start_time DESC"]
        runs = client.search_runs([self._experiment_id(client)], condition, max_results=1, order_by=newest)
        if not runs:
            raise ValueError(f"there is no run with a checkpoint in the experiment {self.experiment!r} of {self.uri}")
        return str(runs[0].info.run_id)


def last_heartbeat(run: MlflowRun) -> int:
    """In seconds since 1970; the start of a run without one."""
    return int(run.data.tags.get("heartbeat", run.info.start_time // 1000))


def find_run_id(client: MlflowClient, uri: str, which: str) -> str:
    """The id of this run. ValueError if the store has none."""
    try:
        return str(client.get_run(which).info.run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise ValueError(f"there is no run {which!r} in {uri}") from error
