"""Hydra's launchers: whether one can be used, how it gets its jobs, and the state of this process meanwhile."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from experiments.config.composition import plain
from experiments.config.errors import ConfigError, first_line, unknown
from experiments.config.keys import dotted

EXTRAS = {"submitit_slurm": "slurm", "submitit_local": "slurm", "ray": "ray"}  # launcher -> extra in pyproject.toml
SCHEMAS: dict[str, ConfigNode] = {}  # of the installed launchers
# Ray sends no usage statistics and writes no token into the home folder, unless these variables are set otherwise.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


class LauncherSchemas(SearchPathPlugin):
    """Moves the launchers' own schemas from Hydra's ConfigStore to SCHEMAS.

    A launcher's package registers its schema as hydra/launcher=NAME, and Hydra warns of a file in conf/ with the same
    name. This is a search path plugin because Hydra calls these after all plugins are imported and before it composes.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:  # noqa: ARG002
        """Leave the search path as it is."""
        stored = ConfigStore.instance().repo["hydra"]["launcher"]
        for name in ("joblib", *EXTRAS):
            if f"{name}.yaml" in stored:
                SCHEMAS[name] = stored.pop(f"{name}.yaml")


def check_launcher(name: str, options: DictConfig) -> None:
    """ConfigError if this launcher is not installed, does not accept these options or cannot run here."""
    if name in EXTRAS and name not in SCHEMAS:
        raise ConfigError(f"hydra/launcher={name} needs: pip install 'recurrent-experiments[{EXTRAS[name]}]'")
    if name not in SCHEMAS:
        return
    schema = SCHEMAS[name].node
    try:
        OmegaConf.merge(schema, options)
    except OmegaConfBaseException as error:
        key = f"hydra.launcher.{error.full_key}"
        if isinstance(error, ConfigAttributeError | ConfigKeyError):
            raise ConfigError(unknown("key", key, dotted(plain(schema), "hydra.launcher."))) from error
        raise ConfigError(f"{key}: {first_line(error)}") from error
    if name == "submitit_slurm" and shutil.which("srun") is None:
        raise ConfigError("hydra/launcher=submitit_slurm needs Slurm: there is no srun here")


class PlanLoader:
    """Replaces Hydra's config loader in the launchers, which would compose the config of every job again.

    A job runs by its plan, which was checked, even if files in conf/ were edited since. Launchers call no other method.
    """

    def __init__(self, session: Mapping[str, Any]):
        """`session` is the same for all jobs that are launched now, see `experiments.sweep.job`."""
        self.session = dict(session)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """What `run_planned` is called with; the only override is the path of the plan."""
        (plan,) = sweep_overrides
        return OmegaConf.create({"hydra": master_config.hydra, "plan": plan, "session": self.session})


@contextlib.contextmanager
def prepared(name: str) -> Iterator[None]:
    """The state of this process while a launcher starts its own processes."""
    if name == "ray":
        for variable, value in ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
    # A terminal sends Ctrl-C to submitit's local processes too, and they kill their jobs one second later. They inherit
    # the signals that are blocked here; this process still receives them in its other threads.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if name == "submitit_local" else ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
