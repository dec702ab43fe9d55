"""Checkpoints among the artifacts of an MLflow store in an sqlite file, found without importing MLflow.

Its tables are read as MLflow's own search would answer. Where that is not sure, because the tables are others or the
artifacts are elsewhere, nothing is answered, and MLflow is asked.
"""

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHECKPOINT = "best.pt"
NAMED = "SELECT run_uuid, artifact_uri FROM runs WHERE run_uuid = ?"
EXPERIMENTS = "SELECT experiment_id FROM experiments WHERE name = ?"
NEWEST = f"""
    SELECT runs.run_uuid, runs.artifact_uri FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
    WHERE runs.experiment_id = ? AND runs.lifecycle_stage = 'active' AND runs.start_time IS NOT NULL
    AND tags.key = 'checkpoint' AND tags.value = '{CHECKPOINT}'
    ORDER BY runs.start_time DESC, runs.run_uuid LIMIT 1
"""


def find_checkpoint(database: Path, experiment: str, which: str) -> tuple[Path, str] | None:
    """The file of the checkpoint that a run id or "latest" means, and the run's id; None where MLflow must be asked."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            found = _newest(connection, experiment) if which == "latest" else _rows(connection, NAMED, which)
    except sqlite3.Error:
        return None
    if len(found) != 1:
        return None
    run_id, address = found[0]
    folder = _local_folder(address or "")
    if folder is None or not (folder / CHECKPOINT).is_file():
        return None
    return folder / CHECKPOINT, run_id


def _newest(connection: sqlite3.Connection, experiment: str) -> list[tuple[str, str]]:
    """The newest run with a checkpoint; none if several experiments have this name, in workspaces."""
    ids = _rows(connection, EXPERIMENTS, experiment)
    return _rows(connection, NEWEST, ids[0][0]) if len(ids) == 1 else []


def _rows(connection: sqlite3.Connection, query: str, value: str) -> list[tuple[str, str]]:
    return connection.execute(query, (value,)).fetchall()


def _local_folder(address: str) -> Path | None:
    """The folder of artifacts at this address; None if it is not one of this machine."""
    parts = urlsplit(address)
    is_local = parts.scheme == "file" and not (parts.netloc or parts.query or parts.fragment)
    return Path(unquote(parts.path)) if is_local else None
