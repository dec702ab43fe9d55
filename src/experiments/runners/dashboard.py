"""The runner that serves the MLflow page of the store."""

import os
import socket

from ..config.errors import ConfigError
from ..experiment import Experiment


class Dashboard:
    """Serve the page on this machine alone, in place of this process; prints the address of the training view."""

    def __init__(self, *, host: str, port: int):
        if not 0 < port < 65536:
            raise ValueError(f"port must be from 1 to 65535, got {port}")
        self.host, self.port = host, port

    def run(self, experiment: Experiment) -> None:
        if not experiment.store.has_page:
            raise ConfigError(f"tracker={experiment.choices['tracker']} has no page: use tracker=mlflow")
        try:
            view, command, environment = experiment.store.dashboard(self.host, self.port)
        except (ValueError, OSError) as error:
            raise ConfigError(f"tracker: {error}") from error
        if command:
            self._check_port()
            print(f"training view (in some seconds; Ctrl-C ends it): {view}", flush=True)
            os.execve(command[0], command, {**os.environ, **environment})
        print(f"training view: {view}")

    def _check_port(self) -> None:
        with socket.socket() as probe:
            if probe.connect_ex((self.host, self.port)) == 0:
                raise ConfigError(f"something listens on {self.host}:{self.port} already: try runner.port=PORT")
