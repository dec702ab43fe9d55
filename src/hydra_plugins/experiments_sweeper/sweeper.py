"""Hydra's side of a sweep: reads what is typed, composes configs and hands jobs to the launcher."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from .axes import read_axes
from .composing import Composer, Frozen
from .launchers import check_launcher, prepared


class ExperimentsSweeper(Sweeper):
    """Plans a sweep, runs its jobs through Hydra's launcher and compares them; see experiments.sweep."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:  # noqa: ARG002
        """Remember all; the launcher will be given another task, one that knows the plan."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep that these overrides describe."""
        from experiments.cli import log_to_screen
        from experiments.config.binding import Bound
        from experiments.config.signature import check_options
        from experiments.sweep.options import Options

        log_to_screen("experiments.sweep")
        check_launcher(self.launcher_name, self.config.hydra.launcher)
        given = OmegaConf.to_container(OmegaConf.create(self.options), resolve=True)
        options = Bound("hydra.sweeper", Options, check_options("hydra.sweeper", Options, given)).build()
        loader = self.hydra_context.config_loader
        parser = OverridesParser.create(config_loader=loader)
        axes = read_axes(options.params or {}, arguments, options.zip, parser)
        composer = Composer(loader, self.config, axes.fixed, parser)
        from experiments.sweep.sweep import run_sweep  # imports torch

        run_sweep(options, axes.dimensions, composer, self)

    @property
    def launcher_name(self) -> str:
        """The choice hydra/launcher."""
        return self.config.hydra.runtime.choices["hydra/launcher"]

    @property
    def workers(self) -> int | None:
        """Jobs that the launcher runs side by side on this machine; None if it says nothing of it."""
        launcher = self.config.hydra.launcher
        if "basic" in launcher._target_:
            return 1
        return launcher.get("n_jobs")

    def launch(self, run_planned: TaskFunction, plans: Sequence[str], session: dict[str, Any], first: int) -> list[Any]:
        """Run jobs by the files of their plans; what each returned, or the exception that it raised."""
        context = HydraContext(config_loader=Frozen(session), callbacks=self.hydra_context.callbacks)
        launcher = Plugins.instance().instantiate_launcher(context, run_planned, self.config)
        with prepared(self.launcher_name):
            return [job._return_value for job in launcher.launch([[plan] for plan in plans], first)]
