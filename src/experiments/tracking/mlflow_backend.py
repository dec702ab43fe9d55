"""One run in an MLflow store."""

import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from ..config.errors import first_line
from .backend import Backend, Content, Deleted, Gone, Refused, heartbeat
from .journal import Point
from .mlflow_address import SERVERS, reachable
from .mlflow_connection import client_of, open_experiment
from .mlflow_database import num_steps
from .mlflow_view import view_of

MAX_PARENT_SEARCHES = 10  # after which a parent run counts as deleted
MAX_PARAMETERS = 100  # of one request
HISTORY_PAGE = 25_000  # points of one answer
MAX_NAME, MAX_DIGEST = 500, 36  # characters of a dataset's
MODEL = "model"  # the folder of a model among a run's artifacts: mlflow models serve -m runs:/RUN_ID/model
CONTEXT = "mlflow.data.context"  # a tag that says what a dataset is for
RUN_DELETED = "the run was deleted in the store: runner=doctor runner.deleted=restore, forget or resend"
EXPERIMENT_DELETED = "the experiment was deleted in the store: tracker.experiment=NAME chooses another"
MLFLOW_TAGS = {"git_commit": "mlflow.source.git.commit", "command": "mlflow.source.name", "user": "mlflow.user"}


class MlflowBackend(Backend):
    """The run of this name in an experiment of the store `uri`."""

    def __init__(self, uri: str, experiment: str, name: str):
        self._uri, self._experiment, self._name = uri, experiment, name
        self._parent_searches = 0

    @functools.cached_property
    def _client(self) -> MlflowClient:
        return client_of(self._uri)

    def begin(self, started: float, may_exist: bool) -> str:
        with reachable(self._uri), translated_errors():
            client, experiment_id = open_experiment(self._uri, self._experiment)
            self._locate(experiment_id)
            # a process may have died, or a response may have been lost, after the run was created
            begun = round(1000 * started)
            run_id = self._find(self._name, begun) if may_exist else None
            if run_id is None:
                tags = {"outcome": "running", **heartbeat()}  # shows that it is ours, even if this process dies now
                run_id = client.create_run(experiment_id, begun, tags, self._name).info.run_id
            return str(run_id)

    def log_parameters(self, parameters: dict[str, str]) -> None:
        items = [Param(key, value) for key, value in parameters.items()]
        with translated_errors():
            for first in range(0, len(items), MAX_PARAMETERS):
                self._client.log_batch(self.run_id, params=items[first : first + MAX_PARAMETERS])

    def log_points(self, points: list[Point]) -> None:
        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        with translated_errors():
            self._client.log_batch(self.run_id, metrics=metrics)

    def set_tags(self, tags: dict[str, str]) -> None:
        known = {theirs: tags[ours] for ours, theirs in MLFLOW_TAGS.items() if ours in tags}
        if "sweep" in tags and self._parent_searches < MAX_PARENT_SEARCHES:
            self._parent_searches += 1
            parent = self._find(tags["sweep"])
            if parent is None:  # it is delivered later, so these tags are sent again
                raise ConnectionError(f"the sweep {tags['sweep']} of the run {self._name} is not in the store yet")
            known["mlflow.parentRunId"] = parent
        with translated_errors():
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in (tags | known).items()])

    def log_dataset(self, dataset: dict[str, str]) -> None:
        name, digest = dataset["name"], dataset["digest"][:MAX_DIGEST]
        profile = json.dumps({key: size for key, size in dataset.items() if key not in ("name", "digest")})
        logged = Dataset(name[:MAX_NAME], digest, "local", json.dumps({"name": name}), profile=profile)
        with translated_errors():
            self._client.log_inputs(self.run_id, [DatasetInput(logged, [InputTag(CONTEXT, "training")])])

    def upload(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def log_model(self, path: Path) -> None:
        from .mlflow_model import save_model  # imports mlflow.pyfunc, which takes another second

        with tempfile.TemporaryDirectory() as folder:
            save_model(path, Path(folder) / MODEL)
            self._client.log_artifacts(self.run_id, str(Path(folder) / MODEL), MODEL)

    def end(self, status: str) -> None:
        if status == "RUNNING":
            self._client.update_run(self.run_id, status)
        else:
            self._client.set_terminated(self.run_id, status)

    def missing(self, content: Content, thorough: bool) -> list[str]:
        with translated_errors():
            run = self._client.get_run(self.run_id)
        if run.info.lifecycle_stage == "deleted":
            raise Deleted(RUN_DELETED)
        self._locate(run.info.experiment_id)
        inputs = run.inputs.dataset_inputs if run.inputs else ()
        digests = {data.dataset.digest for data in inputs}
        last = {key: value for key, (_, value) in content.last.items()}
        found = {
            "its status": run.info.status != content.status,
            "parameters": bool(content.parameters.keys() - run.data.params.keys()),
            "tags": bool(content.tags.keys() - run.data.tags.keys()),
            "its dataset": not {digest[:MAX_DIGEST] for digest in content.digests} <= digests,
            "points": run.data.metrics != last or (thorough and self._counts(content) != content.counts),
        }
        return [part for part, is_missing in found.items() if is_missing]

    def restore(self) -> None:
        self._client.restore_run(self.run_id)

    def _locate(self, experiment_id: str) -> None:
        """Note where the experiment's page is."""
        self.server, self.view = (self._uri if self._uri.startswith(SERVERS) else None), view_of(experiment_id)

    def _counts(self, content: Content) -> dict[str, int]:
        """The steps that the store has of each metric, without an object for each point of a database."""
        store = self._client._tracking_client.store
        if isinstance(store, SqlAlchemyStore):
            counts = num_steps(store, self.run_id)
            return {key: counts.get(key, 0) for key in content.counts}
        return {key: len(set(self._steps(key))) for key in content.counts}

    def _steps(self, key: str) -> Iterator[int]:
        """The step of every point of a metric, one page of a server's answer after the other."""
        store, token = self._client._tracking_client.store, None
        while True:
            found = store.get_metric_history(self.run_id, key, max_results=HISTORY_PAGE, page_token=token)
            yield from (point.step for point in found)
            if not (token := found.token):
                return

    def _find(self, name: str, started: int | None = None) -> str | None:
        """The run of this name; with the time of its start, as runs in different folders may have the same name."""
        _, experiment_id = open_experiment(self._uri, self._experiment)
        condition = f"attributes.run_name = '{name}'"
        condition += "" if started is None else f" and attributes.start_time = {started}"
        found = self._client.search_runs([experiment_id], condition, max_results=1)
        return found[0].info.run_id if found else None


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise Deleted for a deleted run or experiment, Gone for an unknown run, Refused for what will never be accepted.

    After other errors a call may be repeated.
    """
    try:
        yield
    except MlflowException as error:
        if "must be in the 'active' state" in str(error):
            raise Deleted(EXPERIMENT_DELETED if "experiment" in str(error) else RUN_DELETED) from error
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise Refused(first_line(error)) from error
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise Gone(first_line(error)) from error
        raise
