"""An MLflow store, as a `tracker` section describes it.

MLflow takes two seconds and 160 MB to import, so it is imported on first use: by the thread that delivers a run, while
its training begins. Which address can never be used is known without it.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.secrets import revealed
from .backend import Backend
from .mlflow_address import SERVERS, SQLITE, checked_uri, database_of, is_missing, is_sqlite, reachable
from .mlflow_checkpoints import find_checkpoint
from .selection import Selection
from .store import Store

if TYPE_CHECKING:
    from .mlflow_runs import MlflowRuns

# Held while MLflow is imported: its modules import each other in circles, and of such a circle a second thread could
# get a module that is not complete.
_importing = threading.Lock()


class MlflowStore(Store):
    """An experiment in a store: `sqlite:///FILE`, the address of a server, or another database's."""

    has_page = True

    def __init__(self, *, uri: str, experiment: str, folder: str, interval: float, required: bool, model: bool = False):
        """With `model`, the best network of each run is stored as a model that `mlflow models serve` serves."""
        super().__init__(folder=folder, interval=interval, required=required)
        if not experiment.strip():
            raise ValueError("experiment is empty: tracker.experiment=NAME names it")
        self.uri, self.experiment, self.serves_models = checked_uri(uri), experiment, model
        place = f"{SQLITE}{database_of(self.uri)}" if is_sqlite(self.uri) else self.uri
        self.identifier = f"{place} {experiment}"

    def backend(self, name: str) -> Backend:
        with _importing:
            from .mlflow_backend import MlflowBackend
        return MlflowBackend(self.uri, self.experiment, name)

    def find_checkpoint(self, which: str, into: Path) -> tuple[Path, str]:
        if is_sqlite(self.uri) and (found := find_checkpoint(database_of(self.uri), self.experiment, which)):
            return found
        with reachable(self.uri):
            return self._runs().find_checkpoint(which, into)

    def select(self, which: Sequence[str]) -> Selection:
        """Also with a filter of MLflow's, like "params.truncation = '5' and tags.outcome = 'completed'"."""
        with reachable(self.uri):
            return self._runs().select(which)

    def delete_stored(self, run_id: str) -> bool:
        if is_missing(self.uri):
            return False
        with reachable(self.uri):
            return self._runs().delete(run_id)

    def close_silent(self, seconds: float) -> list[str]:
        """End runs that are RUNNING but without a heartbeat for so many seconds as KILLED; returns their ids.

        For runs whose folder is on another machine; whether a process of this one is alive is known by its lock. Runs
        that others record in the store have no tag `outcome`.
        """
        if is_missing(self.uri):
            return []
        with reachable(self.uri):
            return self._runs().close_silent(seconds)

    def dashboard(self, host: str, port: int) -> tuple[str, list[str], dict[str, str]]:
        """The address of the training view, and the command and added environment that serve it with few processes."""
        with reachable(self.uri):
            view = self._runs().view()
        if self.uri.startswith(SERVERS):
            return self.uri + view, [], {}
        command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
        environment = {"MLFLOW_BACKEND_STORE_URI": revealed(self.uri), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return f"http://{host}:{port}{view}", command, environment

    def _runs(self) -> "MlflowRuns":
        with _importing:
            from .mlflow_runs import MlflowRuns
        return MlflowRuns(self.uri, self.experiment)
