"""Connections to MLflow stores: checking their addresses, creating them, translating their errors."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ..config.atomic import atomic_write
from ..config.errors import first_line
from ..config.secrets import MASK, revealed
from .mlflow_view import VIEW_TAG, shared_view

SQLITE, WITH_DRIVER, SERVERS = "sqlite:///", "sqlite+pysqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")
VARIABLES = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (of a server) or PGPASSWORD (of PostgreSQL)"


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
        for leftover in database.parent.glob(f"{temporary.name}*"):  # of a process that was killed here
            leftover.unlink()
        store = SqlAlchemyStore(sqlite_uri(temporary), artifacts_of(database))  # type: ignore[no-untyped-call]  # MLflow
        store.engine.dispose()
        with contextlib.closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for writers


def artifacts_of(database: Path) -> str:
    """The artifact folder beside an sqlite store, as an address that holds in every working directory."""
    return (database.parent / "mlartifacts").as_uri()


def checked_uri(uri: str) -> str:
    """The one spelling of a store's address, an sqlite file's path made absolute. ValueError if it cannot be used."""
    if not uri.startswith((SQLITE, WITH_DRIVER, *SERVERS, *DATABASES)) or uri == SQLITE:
        raise ValueError(f"uri must be sqlite:///FILE or http://SERVER:PORT, got {uri!r}")
    if MASK in revealed(uri):
        raise ValueError(f"the password in uri={uri} was not recorded: leave user and password out and set {VARIABLES}")
    if uri.startswith(SERVERS):
        return uri.rstrip("/")
    if not is_sqlite(uri):
        return _checked_driver(uri)
    if "?" in uri:
        raise ValueError(f"uri={uri}: a ? that is a part of the path is typed as %3F")
    database = database_of(uri)
    if database.exists():
        if not database.is_file():
            raise ValueError(f"uri={uri} is not a file")
        if _is_of_another_kind(database):
            raise ValueError(f"uri={uri} is a file of another kind, not an sqlite store")
    return sqlite_uri(database)


def _is_of_another_kind(database: Path) -> bool:
    """Whether this file is no sqlite file. Only sqlite itself may open it.

    Closing a file of one's own would free the locks of all connections of this process (POSIX has it so), and another
    process that closes its connection then deletes the log to which this one goes on writing.
    """
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:  # of others the delivery will tell
            return error.sqlite_errorcode == sqlite3.SQLITE_NOTADB
    return False


def _checked_driver(uri: str) -> str:
    """ValueError unless the Python package that talks to this database is installed."""
    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError, ArgumentError) as error:
        raise ValueError(f"uri={uri} cannot be used: {first_line(error)}") from error
    return uri


def is_sqlite(uri: str) -> bool:
    return uri.startswith((SQLITE, WITH_DRIVER))


def database_of(uri: str) -> Path:
    """The file of an sqlite store."""
    return Path(os.path.abspath(make_url(uri).database or ""))


def sqlite_uri(database: Path) -> str:
    """The address of an sqlite store: a URL, in which ? and % of a path are escaped.

    Where something is escaped the driver is named, as MLflow would make a folder of the escaped name for sqlite:///.
    """
    url = URL.create("sqlite", database=str(database)).render_as_string()
    return url if url == f"{SQLITE}{database}" else url.replace(SQLITE, WITH_DRIVER, 1)


def is_missing(uri: str) -> bool:
    """Whether the store is an sqlite file that does not exist."""
    return is_sqlite(uri) and not database_of(uri).exists()


@contextlib.contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises for a store that cannot be used into a ConnectionError with its address."""
    try:
        yield
    except (ValueError, ConnectionError):
        raise
    except Exception as error:  # MLflow passes on whatever its database or its connection raises
        raise ConnectionError(f"the store {uri} cannot be used: {first_line(error)[:300]}") from error
