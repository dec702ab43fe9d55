"""Runs in an MLflow store: the only file that imports mlflow."""

import contextlib
import functools
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Read by mlflow when it is imported: nothing is reported to anybody, and a server that is down is not waited for long.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from .errors import first_line
from .journal import Point
from .tracking import Refused, Tracker

SQLITE, SERVERS = "sqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")
MLFLOW_TAGS = {
    "git_commit": "mlflow.source.git.commit",
    "command": "mlflow.source.name",
    "user": "mlflow.user",
}

for noisy in ("mlflow", "alembic", "urllib3"):
    logging.getLogger(noisy).setLevel(logging.ERROR)


class MlflowTracker(Tracker):
    """One run of one experiment in a store: `sqlite:///FILE`, the address of a server, or another database's."""

    has_page = True

    def __init__(
        self,
        *,
        uri: str,
        experiment: str,
        folder: str,
        interval: float,
        required: bool,
        name: str,
        tags: Mapping[str, str],
    ):
        super().__init__(folder=folder, interval=interval, required=required, name=name, tags=tags)
        self.uri, self.experiment = checked(uri), experiment
        self.store = f"{self.uri} {experiment}"

    @functools.cached_property
    def _client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def _begin(self) -> str:
        with reachable(self.uri):
            client, experiment_id = open_experiment(self.uri, self.experiment)
            if self.uri.startswith(SERVERS):
                self.address = view(self.uri, experiment_id)
            # a process may have died, or an answer may have been lost, after the run was made
            named = f"attributes.run_name = '{self.name}'"
            found = client.search_runs([experiment_id], filter_string=named, max_results=1) if self.retries else []
            return (found or [client.create_run(experiment_id, run_name=self.name)])[0].info.run_id

    @classmethod
    def dashboard(cls, host: str, port: int, *, uri: str, experiment: str) -> tuple[str, list[str], dict[str, str]]:
        """The training view, and command and added environment that serve it with as few processes as it needs.

        The command is empty for a store that is a server and has its page already.
        """
        uri = checked(uri)
        with reachable(uri):
            _, experiment_id = open_experiment(uri, experiment)
        if uri.startswith(SERVERS):
            return view(uri, experiment_id), [], {}
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
        command += ["--host", host, "--port", str(port), "--workers", "1"]
        return view(f"http://{host}:{port}", experiment_id), command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    @classmethod
    def find_checkpoint(cls, which: str, into: Path, *, uri: str, **_: Any) -> tuple[Path, str]:
        """A run id or "latest" -> its best checkpoint, copied into a folder, and its run id. ValueError if none."""
        uri = checked(uri)
        with reachable(uri):
            run_id = find_run(uri, which)
            client = MlflowClient(uri)
            if not any(file.path == "best.pt" for file in client.list_artifacts(run_id)):
                raise ValueError(f"run {run_id} has no checkpoint best.pt among its artifacts")
            return Path(client.download_artifacts(run_id, "best.pt", str(into))), run_id

    @classmethod
    def close_silent(cls, silent: float, *, uri: str, experiment: str, **_: Any) -> list[str]:
        """End runs that are RUNNING but gave no sign of life for so many seconds as KILLED; their ids.

        This is for runs whose folder is out of reach; a local one is better known by its lock.
        """
        uri = checked(uri)
        if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
            return []
        with reachable(uri):
            client, experiment_id = open_experiment(uri, experiment)
            running = client.search_runs([experiment_id], filter_string="attributes.status = 'RUNNING'")
            last = {
                run.info.run_id: int(run.data.tags.get("heartbeat", run.info.start_time // 1000)) for run in running
            }
            closed = [run_id for run_id, when in last.items() if time.time() - when > silent]
            for run_id in closed:
                client.set_tag(run_id, "outcome", "interrupted")
                client.set_terminated(run_id, "KILLED")
        return closed

    def _parameters(self, parameters: dict[str, str]) -> None:
        items = [Param(key, value) for key, value in parameters.items()]
        with refusals():
            for first in range(0, len(items), 100):
                self._client.log_batch(self.run_id, params=items[first : first + 100])

    def _deliver(self, points: list[Point]) -> None:
        with refusals():
            metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
            self._client.log_batch(self.run_id, metrics=metrics)

    def _tag(self, tags: dict[str, str]) -> None:
        known = {theirs: tags[ours] for ours, theirs in MLFLOW_TAGS.items() if ours in tags}
        with refusals():
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in (tags | known).items()])

    def _upload(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def _end(self, status: str) -> None:
        if status == "RUNNING":
            self._client.update_run(self.run_id, status)
        else:
            self._client.set_terminated(self.run_id, status)


def open_experiment(uri: str, name: str) -> tuple[MlflowClient, str]:
    """A client of the store and the id of the experiment, both made if they are not there."""
    if not uri.startswith(SQLITE):
        return _experiment_of(MlflowClient(uri), name, None)
    database = Path(uri.removeprefix(SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        if not database.exists():
            create_store(database)
        return _experiment_of(MlflowClient(uri), name, artifacts_of(database))


def _experiment_of(client: MlflowClient, name: str, artifacts: str | None) -> tuple[MlflowClient, str]:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client, client.create_experiment(name, artifact_location=artifacts)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(name)  # another process was faster
    return client, experiment.experiment_id


def create_store(database: Path) -> None:
    """A fresh sqlite store, built in a file of its own and put in place whole; the caller holds the lock.

    MLflow's migration is not safe against a second process that meets it half done, nor against being killed.
    """
    building = database.with_name(f"{database.name}.{os.getpid()}.building")
    try:
        SqlAlchemyStore(f"{SQLITE}{building}", artifacts_of(database)).engine.dispose()
        with contextlib.closing(sqlite3.connect(building)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for writers
        os.replace(building, database)
    finally:
        for leftover in database.parent.glob(f"{building.name}*"):
            leftover.unlink(missing_ok=True)


def artifacts_of(database: Path) -> str:
    """The artifact folder beside a sqlite store, as an absolute address whoever asks and from wherever."""
    return (database.parent / "mlartifacts").as_uri()


def checked(uri: str) -> str:
    """The address of a store, a relative sqlite file made absolute. ValueError if it cannot be a store."""
    if not uri.startswith((SQLITE, *SERVERS, *DATABASES)) or uri == SQLITE:
        raise ValueError(f"uri must be sqlite:///FILE or http://SERVER:PORT, got {uri!r}")
    if not uri.startswith(SQLITE):
        return uri
    database = Path(uri.removeprefix(SQLITE)).absolute()
    if database.exists():
        if not database.is_file():
            raise ValueError(f"uri={uri} is no file")
        with database.open("rb") as file:
            if file.read(16) not in (b"SQLite format 3\0", b""):
                raise ValueError(f"uri={uri} is a file of another kind, not an sqlite store")
    return SQLITE + str(database)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """What the store will never take becomes Refused; all else may be tried again."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise Refused(first_line(error)) from error
        raise


@contextlib.contextmanager
def reachable(uri: str) -> Iterator[None]:
    """What a store in trouble raises becomes a ConnectionError that names it."""
    try:
        yield
    except (ValueError, ConnectionError):
        raise
    except Exception as error:  # MLflow passes on whatever its database or its connection raises
        raise ConnectionError(f"the store {uri} cannot be used: {first_line(error)[:300]}") from error


def find_run(uri: str, which: str) -> str:
    """The id of this run, or with "latest" of the newest that left a checkpoint. ValueError if the store has none."""
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise ValueError(f"there is no store {uri}, so no run {which!r} in it; tracker.uri=URI names another")
    client = MlflowClient(uri)
    if which != "latest":
        try:
            return client.get_run(which).info.run_id
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise ValueError(f"there is no run {which!r} in {uri}") from error
    runs = client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        filter_string="tags.checkpoint = 'best.pt'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    if not runs:
        raise ValueError(f"there is no run with a checkpoint in {uri}")
    return runs[0].info.run_id


def view(page: str, experiment_id: str) -> str:
    """The training view of an experiment."""
    return f"{page.rstrip('/')}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
