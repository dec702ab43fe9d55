"""What Hydra's side of a sweep hands to ours."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import ConfigError, first_line


class Composed(NamedTuple):
    """A config as Hydra composes it for one job."""

    config: dict[str, Any]
    choices: dict[str, str]
    overrides: list[str]  # that lead to it
    folders: list[str]  # that its files are from
    own: list[str]  # those among them that were typed (--config-dir)


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain dicts and values, interpolations resolved. ConfigError if one cannot be."""
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigError(first_line(error)) from error


def to_yaml(config: Mapping[str, Any]) -> str:
    """A plain config as YAML."""
    return OmegaConf.to_yaml(dict(config))
