"""Connections to MLflow stores: checking their addresses, creating them, translating their errors."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from ..config.atomic import atomic_write
from ..config.errors import first_line

SQLITE, SERVERS = "sqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")


def open_experiment(uri: str, name: str) -> tuple[MlflowClient, str]:
    """A client of the store and the id of the experiment; both are created if they do not exist."""
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
            experiment = client.get_experiment_by_name(name)  # another process was faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    return client, experiment.experiment_id


def create_store(database: Path) -> None:
    """Create an sqlite store; the caller holds the lock.

    MLflow's migration fails if it is interrupted or if a second process opens the file meanwhile, so it is done in a
    temporary file.
    """
    with atomic_write(database) as temporary:
        for leftover in database.parent.glob(f"{temporary.name}*"):  # of a process that was killed here
            leftover.unlink()
        store = SqlAlchemyStore(f"{SQLITE}{temporary}", artifacts_of(database))  # type: ignore[no-untyped-call]  # MLflow
        store.engine.dispose()
        with contextlib.closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for writers


def artifacts_of(database: Path) -> str:
    """The artifact folder beside an sqlite store, as an address that holds in every working directory."""
    return (database.parent / "mlartifacts").as_uri()


def checked_uri(uri: str) -> str:
    """The address of a store, a relative sqlite file made absolute. ValueError if it cannot be a store."""
    if not uri.startswith((SQLITE, *SERVERS, *DATABASES)) or uri == SQLITE:
        raise ValueError(f"uri must be sqlite:///FILE or http://SERVER:PORT, got {uri!r}")
    if not uri.startswith(SQLITE):
        return uri
    database = Path(uri.removeprefix(SQLITE)).absolute()
    if database.exists():
        if not database.is_file():
            raise ValueError(f"uri={uri} is not a file")
        with database.open("rb") as file:
            if file.read(16) not in (b"SQLite format 3\0", b""):
                raise ValueError(f"uri={uri} is a file of another kind, not an sqlite store")
    return SQLITE + str(database)


def is_missing(uri: str) -> bool:
    """Whether the store is an sqlite file that does not exist."""
    return uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists()


@contextlib.contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises for a store that cannot be used into a ConnectionError with its address."""
    try:
        yield
    except (ValueError, ConnectionError):
        raise
    except Exception as error:  # MLflow passes on whatever its database or its connection raises
        raise ConnectionError(f"the store {uri} cannot be used: {first_line(error)[:300]}") from error
