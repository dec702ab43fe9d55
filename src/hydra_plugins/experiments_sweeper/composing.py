"""Configs of jobs: composed once when the sweep is planned, and read back where a job runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from experiments.config.composition import Composition, composition_of, resolve
from experiments.config.errors import ConfigError, unknown
from experiments.config.help import KINDS
from experiments.config.keys import dotted


class Composer:
    """Overrides -> config. Files are read once per combination of choices, so later edits do not reach a sweep."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, fixed: Sequence[str], parser: OverridesParser):
        self._loader, self._master, self._parser = loader, master, parser
        self.fixed = list(fixed)
        self._read: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, chosen: Sequence[str]) -> Composition:
        """The config of one job. ConfigError, or one of Hydra's, if it cannot be composed."""
        overrides = self._parser.parse_overrides(list(chosen))
        files = tuple(o.input_line for o in overrides if not _is_value(o))
        if files not in self._read:
            self._read[files] = self._loader.load_sweep_config(self._master, [*self.fixed, *files])
        hydra = self._read[files].hydra
        config = OmegaConf.masked_copy(self._read[files], [key for key in self._read[files] if key != "hydra"])
        for override in filter(_is_value, overrides):
            _set(config, override)
        return composition_of(resolve(config), hydra, [*self.fixed, *chosen])


class Frozen:
    """In place of Hydra's loader where a job runs: hands on where its plan is, and what holds for this start."""

    def __init__(self, session: Mapping[str, Any]):
        self.session = dict(session)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        (plan,) = sweep_overrides
        return OmegaConf.create({"hydra": master_config.hydra, "plan": plan, "session": self.session})


def _is_value(override: Override) -> bool:
    """Whether an override sets a value and names no file; + and ~ are left to Hydra."""
    prefixed = override.is_add() or override.is_force_add() or override.is_delete()
    return not prefixed and override.key_or_group not in KINDS and override.package is None


def _set(config: DictConfig, override: Override) -> None:
    try:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    except (ConfigAttributeError, ConfigKeyError) as error:
        keys = dotted(OmegaConf.to_container(config, resolve=False))
        raise ConfigError(unknown("key", override.key_or_group, keys)) from error
