"""MLflow stores: their addresses, a fresh one, the experiments and runs in them."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import mlflow_environment  # noqa: F401 - mlflow reads it when it is imported

# isort: split
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from ..config.errors import first_line
from .record import KEPT, Recorded, in_order, is_filter, no_sweep, outcome, own_tags

SQLITE, SERVERS = "sqlite:///", ("http://", "https://")
DATABASES = ("postgresql", "mysql", "mssql")
TOGETHER = 8  # requests to a server at a time


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


def existing(uri: str) -> MlflowClient:
    """A client of a store that is there. ValueError for an sqlite file that is not, which a client would make."""
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise ValueError(f"there is no store {uri}, so no run in it; tracker.uri=URI names another")
    return MlflowClient(uri)


def find_run(uri: str, which: str) -> str:
    """The id of this run, or with "latest" of the newest that left a checkpoint. ValueError if the store has none."""
    client = existing(uri)
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


def find_recorded(uri: str, experiment: str, which: str | None) -> tuple[Recorded | None, list[Recorded]]:
    """A sweep (its id or name; None: the latest) and its runs, or None and the training runs that fit a filter.

    ValueError if there is none.
    """
    client = existing(uri)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        raise ValueError(f"there is no experiment {experiment!r} in {uri}; tracker.experiment=NAME names another")
    if is_filter(which):
        found = search(client, known.experiment_id, f"{which} and tags.runner = 'train'")
        if not found:
            raise ValueError(f"no training run in {uri} fits {which}")
        return None, read_runs(client, found)
    sweeps = search(client, known.experiment_id, "tags.runner = 'sweep'")
    sweeps = [run for run in sweeps if which in (None, run.info.run_id, run.info.run_name)]
    if not sweeps:
        raise no_sweep(which, uri)
    children = search(client, known.experiment_id, f"tags.sweep = '{sweeps[-1].info.run_name}'")
    (sweep,) = read_runs(client, sweeps[-1:])
    return sweep, read_runs(client, children)


def search(client: MlflowClient, experiment_id: str, condition: str) -> list[Run]:
    """All runs that fit, in order of their start. ValueError for a condition that MLflow cannot read."""
    found: list[Run] = []
    token, more = None, True
    while more:
        try:
            page = client.search_runs([experiment_id], condition, order_by=["start_time ASC"], page_token=token)
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                raise
            raise ValueError(f"MLflow cannot read the filter {condition!r}: {first_line(error)}") from error
        found += page
        token, more = page.token, bool(page.token)
    return found


def read_runs(client: MlflowClient, runs: Sequence[Run]) -> list[Recorded]:
    """Runs with the whole history of what is recorded once an epoch; MLflow tells it by run and metric only."""
    wanted = [(run.info.run_id, key) for run in runs for key in run.data.metrics if key.startswith(KEPT)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        histories = pool.map(lambda which: client.get_metric_history(*which), wanted)
        metrics: dict[str, dict[str, list[tuple[int, float]]]] = {run.info.run_id: {} for run in runs}
        for (run_id, key), history in zip(wanted, histories):
            metrics[run_id][key] = in_order((point.step, point.value) for point in history)
    return [_recorded(run, metrics[run.info.run_id]) for run in runs]


def _recorded(run: Run, metrics: dict[str, list[tuple[int, float]]]) -> Recorded:
    info, tags = run.info, run.data.tags
    known = (info.run_name, info.run_id, info.status, outcome(tags), info.start_time / 1000)
    return Recorded(*known, run.data.params, own_tags(tags), metrics)


def view(page: str, experiment_id: str) -> str:
    """The training view of an experiment."""
    return f"{page.rstrip('/')}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
