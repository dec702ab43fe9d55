"""Hydra's side of a sweep: reads the command line, composes configs and hands jobs to the launcher."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from experiments.config.composition import resolve
from experiments.config.errors import ConfigError
from experiments.config.launch import launch

from .composing import Composer
from .launchers import PlanLoader, check_launcher, prepared
from .overrides import read_axes, read_exclusions


class ExperimentsSweeper(Sweeper):
    """Plans a sweep, runs its jobs through Hydra's launcher and compares them; see experiments.sweep."""

    hydra_context: HydraContext
    config: DictConfig

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:  # noqa: ARG002
        """Keep the context; the task function is not used, since the launcher is given one that runs a plan."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep of these overrides."""
        from experiments.cli import log_to_screen
        from experiments.config.binding import Bound
        from experiments.config.signature import check_options
        from experiments.sweep.options import SweepOptions

        if (number := launch().size) > 1:
            raise ConfigError(
                f"a sweep is started once, and torchrun started {number} processes: type experiments -m ... without "
                "torchrun, with hydra/launcher=joblib for jobs side by side"
            )
        log_to_screen("experiments.sweep")
        check_launcher(self.launcher_name, self.config.hydra.launcher)
        given = resolve(OmegaConf.create(self.options))
        options = Bound("hydra.sweeper", SweepOptions, check_options("hydra.sweeper", SweepOptions, given)).build()
        loader = self.hydra_context.config_loader
        parser = OverridesParser.create(config_loader=loader)
        fixed, dimensions = read_axes(options.params or {}, arguments, options.zip, parser, options.cases)
        exclusions = read_exclusions(options.exclude, dimensions, parser)
        composer = Composer(loader, self.config, fixed, parser)
        from experiments.sweep.sweep import run_sweep  # imports torch

        run_sweep(options, dimensions, exclusions, composer, self)

    @property
    def launcher_name(self) -> str:
        """The choice hydra/launcher."""
        return str(self.config.hydra.runtime.choices["hydra/launcher"])

    @property
    def num_workers(self) -> int | None:
        """Jobs that the launcher runs side by side on this machine; None if it does not say."""
        import joblib

        launcher = self.config.hydra.launcher
        n_jobs = 1 if "basic" in launcher._target_ else launcher.get("n_jobs")
        return None if n_jobs is None else int(joblib.effective_n_jobs(n_jobs))

    def launch(self, plans: Sequence[str], session: Mapping[str, Any], first: int) -> list[Any]:
        """Run jobs by the paths of their plans; what each returned, or the exception it raised."""
        from experiments.sweep.worker import run_planned

        loader = cast(ConfigLoader, PlanLoader(session))
        context = HydraContext(config_loader=loader, callbacks=self.hydra_context.callbacks)
        launcher = Plugins.instance().instantiate_launcher(context, run_planned, self.config)
        with prepared(self.launcher_name):
            return [job._return_value for job in launcher.launch([[plan] for plan in plans], first)]
