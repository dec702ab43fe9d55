"""Addresses of MLflow stores, read and checked without MLflow, which takes seconds to import."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from ..config.errors import first_line
from ..config.secrets import MASK, revealed

SQLITE, WITH_DRIVER, SERVERS = "sqlite:///", "sqlite+pysqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")
VARIABLES = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (of a server) or PGPASSWORD (of PostgreSQL)"


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
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError, ArgumentError) as error:
        raise ValueError(f"uri={uri} cannot be used: {first_line(error)}") from error
    return uri


def is_sqlite(uri: str) -> bool:
    return uri.startswith((SQLITE, WITH_DRIVER))


def database_of(uri: str) -> Path:
    """The file of an sqlite store."""
    return Path(os.path.abspath(unquote(uri.partition(":///")[2])))


def sqlite_uri(database: Path) -> str:
    """The address of an sqlite store: a URL, in which ? and % of a path are escaped, as SQLAlchemy does it.

    Where something is escaped the driver is named, as MLflow would make a folder of the escaped name for sqlite:///.
    """
    path = quote(str(database), safe=" +/")
    return f"{SQLITE if path == str(database) else WITH_DRIVER}{path}"


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
