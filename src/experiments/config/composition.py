"""A config together with what it was composed from."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .arguments import as_typed
from .errors import ConfigError, first_line
from .secrets import without_secrets


@dataclasses.dataclass(frozen=True)
class Composition:
    """One composed config."""

    config: dict[str, Any]  # plain and resolved
    choices: dict[str, str]  # model: torch_lstm, data: ptb, ...
    command: str  # that repeats it
    overrides: tuple[str, ...]  # KEY=VALUE as typed
    folders: tuple[Path, ...]  # that hold the YAML files; a stored config may name their classes

    @property
    def typed_texts(self) -> dict[str, str]:
        """What was typed for each key, as it was typed."""
        pairs = (override.lstrip("+").partition("=") for override in self.overrides)
        return {key: text for key, _, text in pairs}

    @property
    def typed(self) -> set[str]:
        """The keys of the overrides."""
        return set(self.typed_texts)

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes it again."""
        return dataclasses.asdict(self) | {"folders": [str(folder) for folder in self.folders]}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Composition":
        """The inverse of `to_json`."""
        overrides, folders = tuple(plain["overrides"]), tuple(map(Path, plain["folders"]))
        return cls(plain["config"], plain["choices"], plain["command"], overrides, folders)


def composition_of(config: dict[str, Any], hydra: DictConfig, overrides: Sequence[str]) -> Composition:
    """The composition of a plain config; `hydra` is Hydra's own section of it, `overrides` what was typed."""
    sources = hydra.runtime.config_sources
    overrides = as_typed(overrides)
    own = [part for source in sources if source.provider == "command-line" for part in ("--config-dir", source.path)]
    folders = tuple(Path(source.path) for source in sources if source.schema == "file")
    command = shlex.join(["experiments", *own, *overrides])
    return Composition(config, dict(hydra.runtime.choices), command, tuple(overrides), folders)


def merge(
    stored: Mapping[str, Any], composed: Mapping[str, Any], typed: set[str], keys: Sequence[str]
) -> dict[str, Any]:
    """The composed config with these keys of a stored one; what was typed stays, also single options of a section."""
    merged = dict(composed)
    for key in keys:
        if key in typed or key not in stored:
            continue
        options = {path.partition(".")[2] for path in typed if path.startswith(f"{key}.")}
        kept = {option: composed[key][option] for option in options if option in composed[key]}
        merged[key] = {**stored[key], **kept} if options else stored[key]
    return merged


def stated_options(folders: Sequence[Path], kind: str, choice: str) -> dict[str, Any]:
    """The options of a choice as its YAML file states them; none where these folders hold no such file."""
    for folder in folders:
        if (file := folder / kind / f"{choice}.yaml").is_file():
            stated = plain(OmegaConf.load(file))
            return cast(dict[str, Any], stated.get(kind, stated))  # under its name in a file that sets root keys too
    return {}


def without_options_of_another_runner(composition: Composition) -> Composition:
    """Without what a recipe says of the runner that it is for, as `max_seconds`, where another runner is typed."""
    runner, recipe = composition.config["runner"], composition.choices.get("recipe")
    if recipe is None or "runner" not in composition.typed or not isinstance(runner, dict):
        return composition
    meant = stated_options(composition.folders, "recipe", recipe).get("runner") or {}
    own = stated_options(composition.folders, "runner", composition.choices["runner"])
    foreign = {key for key in meant if key not in own and f"runner.{key}" not in composition.typed}
    kept = {key: value for key, value in runner.items() if key not in foreign}
    return dataclasses.replace(composition, config=composition.config | {"runner": kept})


def plain(cfg: Any) -> dict[str, Any]:
    """A config of OmegaConf's as plain dicts and values, interpolations as they stand."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """A config of OmegaConf's as plain dicts and values without passwords, interpolations resolved, or ConfigError."""
    try:
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{first_line(error)} (where ${{ is meant as text, type \\${{)") from error
    return cast(dict[str, Any], without_secrets(config))


def to_yaml(config: Mapping[str, Any]) -> str:
    """A plain config as YAML."""
    return OmegaConf.to_yaml(dict(config))
