"""Runs in an MLflow store."""

import contextlib
import functools
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import mlflow_environment  # noqa: F401 - mlflow reads it when it is imported

# isort: split
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from ..config.errors import first_line
from .delivery import Gone, Refused
from .folder import JOURNAL, facts
from .journal import Point
from .mlflow_store import SERVERS, SQLITE, checked, find_recorded, find_run, open_experiment, reachable, view
from .record import Recorded
from .run import Tracker

PARENT_LOOKS = 10  # then it is taken as deleted
MLFLOW_TAGS = {
    "git_commit": "mlflow.source.git.commit",
    "command": "mlflow.source.name",
    "user": "mlflow.user",
}


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
        self._parent_looks = 0  # times that the run of its sweep was looked for

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
            if found:
                return found[0].info.run_id
            began = round(1000 * facts(self.folder / JOURNAL)["started"])  # perhaps long before the store heard of it
            return client.create_run(experiment_id, start_time=began, run_name=self.name).info.run_id

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
    def recorded(
        cls, which: str | None, *, uri: str, experiment: str, **_: Any
    ) -> tuple[Recorded | None, list[Recorded]]:
        """A sweep (its id or name; None: the latest) and its runs, or None and the training runs that fit a filter.

        A filter is MLflow's, like "params.truncation = '5' and tags.outcome = 'completed'". ValueError if none.
        """
        uri = checked(uri)
        with reachable(uri):
            return find_recorded(uri, experiment, which)

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
        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        with refusals():
            self._client.log_batch(self.run_id, metrics=metrics)

    def _tag(self, tags: dict[str, str]) -> None:
        known = {theirs: tags[ours] for ours, theirs in MLFLOW_TAGS.items() if ours in tags}
        if "sweep" in tags and self._parent_looks < PARENT_LOOKS:
            self._parent_looks += 1
            known["mlflow.parentRunId"] = self._id_of(tags["sweep"])
        with refusals():
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in (tags | known).items()])

    def _id_of(self, name: str) -> str:
        """The id of another run; ConnectionError while the store does not know it, which it soon may."""
        _, experiment_id = open_experiment(self.uri, self.experiment)
        named = f"attributes.run_name = '{name}'"
        found = self._client.search_runs([experiment_id], filter_string=named, max_results=1)
        if not found:
            raise ConnectionError(f"the run {name}, to which {self.name} belongs, is not there yet")
        return found[0].info.run_id

    def _upload(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def _end(self, status: str) -> None:
        if status == "RUNNING":
            self._client.update_run(self.run_id, status)
        else:
            self._client.set_terminated(self.run_id, status)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """What the store will never take becomes Refused, a run that it has lost Gone; all else may be tried again."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise Refused(first_line(error)) from error
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise Gone(first_line(error)) from error
        raise
