"""MLflow stores: their addresses, a fresh one, the experiments and runs in them."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from . import mlflow_environment  # noqa: F401 - mlflow reads it when it is imported

# isort: split
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from .errors import first_line

SQLITE, SERVERS = "sqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")


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
