"""From the overrides of a job to its config."""

from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from experiments.config.catalog import KINDS
from experiments.config.composition import Composition, composition_of, resolve


class Composer:
    """Overrides -> composition. Files are read once per combination of choices, so later edits do not reach a sweep."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, fixed: Sequence[str], parser: OverridesParser):
        """`fixed` are the overrides of all jobs."""
        self._loader, self._master, self._parser = loader, master, parser
        self._fixed = list(fixed)
        self._read: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, chosen: Sequence[str]) -> Composition:
        """The composition of one job. ConfigError, or one of Hydra's, if it cannot be composed."""
        overrides = self._parser.parse_overrides(list(chosen))
        files = tuple(str(override.input_line) for override in overrides if not _is_value(override))
        if files not in self._read:
            self._read[files] = self._loader.load_sweep_config(self._master, [*self._fixed, *files])
        hydra = self._read[files].hydra
        config = OmegaConf.masked_copy(self._read[files], [str(key) for key in self._read[files] if key != "hydra"])
        for override in filter(_is_value, overrides):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        return composition_of(resolve(config), hydra, [*self._fixed, *chosen])


def _is_value(override: Override) -> bool:
    """Whether an override sets a value and chooses no file; + and ~ are left to Hydra."""
    prefixed = override.is_add() or override.is_force_add() or override.is_delete()
    return not prefixed and override.key_or_group not in KINDS and override.package is None
