"""Connections to MLflow stores, and creating them."""

import contextlib
import sqlite3
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from ..config.atomic import atomic_write
from ..config.secrets import revealed
from .mlflow_address import database_of, is_sqlite, sqlite_uri
from .mlflow_view import VIEW_TAG, shared_view


def client_of(uri: str) -> MlflowClient:
    """A client of the store at this address, whose password may be masked."""
    return MlflowClient(revealed(uri))


def open_experiment(uri: str, name: str) -> tuple[MlflowClient, str]:
    """A client of the store and the id of the experiment; both are created if they do not exist."""
    if not is_sqlite(uri):
        return _experiment_of(client_of(uri), name, None)
    database = database_of(uri)
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        if not database.exists():
            create_store(database)
        return _experiment_of(client_of(uri), name, artifacts_of(database))


def _experiment_of(client: MlflowClient, name: str, artifacts: str | None) -> tuple[MlflowClient, str]:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client, client.create_experiment(name, artifact_location=artifacts, tags={VIEW_TAG: shared_view()})
        except MlflowException as error:
            experiment = client.get_experiment_by_name(name)  # another process was faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    if VIEW_TAG not in experiment.tags:
        with contextlib.suppress(Exception):  # whatever a store can raise: runs do without a view
            client.set_experiment_tag(experiment.experiment_id, VIEW_TAG, shared_view())
    return client, experiment.experiment_id


def create_store(database: Path) -> None:
    """Create an sqlite store; the caller holds the lock.

    MLflow's migration fails if it is interrupted or if a second process opens the file meanwhile, so it is done in a
    temporary file.
    """
    with atomic_write(database) as temporary:
        for leftover in database.parent.glob(f"{temporary.name}-*"):  # of a process that was killed here
            leftover.unlink()
        store = SqlAlchemyStore(sqlite_uri(temporary), artifacts_of(database))  # type: ignore[no-untyped-call]  # MLflow
        store.engine.dispose()
        with contextlib.closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for writers


def artifacts_of(database: Path) -> str:
    """The artifact folder beside an sqlite store, as an address that holds in every working directory."""
    return (database.parent / "mlartifacts").as_uri()
