"""The strict part between Hydra and the code: a section of the config is checked against its constructor.

A section is `_target_` plus keyword arguments, and the constructor's signature is its schema: names, types and
missing values are compared with it before anything is built. The root keys are checked in the same way against the
dataclass `Settings`. Nothing below `experiment.py` sees a config object.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import first_line
from .signature import ConfigError, check_options, unknown

SECTIONS = ("model", "data", "optimizer", "schedule", "runner", "tracker")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The root keys; what each means stands in conf/config.yaml."""

    truncation: int | None
    windows_per_update: int
    steps_per_update: int | None
    reduction: Literal["mean", "sum_over_time"]
    clip_norm: float | None
    batch_size: int
    eval_batch_size: int
    eval_warm_up: int
    epochs: int
    patience: int | None
    seed: int
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["float32", "float64", "bfloat16"]
    threads: int | None
    deterministic: bool
    checkpoint: str | None
    resume: str | None
    sweep: dict[str, Any] | None

    def __post_init__(self):
        positive = (
            "truncation",
            "windows_per_update",
            "steps_per_update",
            "batch_size",
            "eval_batch_size",
            "epochs",
            "threads",
        )
        for key in (*positive, "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key} must be at least 1, got {value}")
        if self.eval_warm_up < 0:
            raise ValueError(f"eval_warm_up must be at least 0, got {self.eval_warm_up}")
        if self.steps_per_update is not None:
            self._check_steps()
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be above 0 (or null), got {self.clip_norm}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2**63 - 1, got {self.seed}")

    @property
    def update_windows(self) -> int:
        """Windows whose gradients are added up for one update, whichever of the two options says it."""
        return self.windows_per_update if self.steps_per_update is None else self.steps_per_update // self.truncation

    def _check_steps(self) -> None:
        if self.windows_per_update != 1:
            raise ValueError("give windows_per_update or steps_per_update, not both")
        if self.truncation is None or self.steps_per_update % self.truncation:
            got = f"steps_per_update={self.steps_per_update} with truncation={self.truncation}"
            raise ValueError(f"steps_per_update must be a multiple of truncation, got {got}")


@dataclasses.dataclass(frozen=True)
class Bound:
    """A section checked against its constructor and not yet built."""

    path: str  # where it stands in the config; "" for the root keys
    target: Callable[..., Any]
    options: dict[str, Any]

    def build(self, **late: Any) -> Any:
        """Call the constructor with the options and what it takes of what only became known now.

        ConfigError if it refuses.
        """
        taken = inspect.signature(self.target).parameters.values()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
            late = {parameter.name: late[parameter.name] for parameter in taken if parameter.name in late}
        try:
            return self.target(**self.options, **late)
        except ConfigError:
            raise
        except (ValueError, OSError) as error:
            raise ConfigError(f"{self.path}: {error}" if self.path else str(error)) from error

    def config(self) -> dict[str, Any]:
        """The section as it would stand in a config."""
        return {"_target_": f"{self.target.__module__}.{self.target.__qualname__}", **self.options}


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain dicts and values, interpolations resolved. ConfigError if one cannot be."""
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigError(first_line(error)) from error


def to_yaml(config: Mapping[str, Any]) -> str:
    """A plain config as YAML."""
    return OmegaConf.to_yaml(dict(config))


def bind_settings(config: Mapping[str, Any]) -> Settings:
    """The root keys of a plain config, checked. ConfigError for an unknown, missing or impossible one."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    for key in config:
        if key not in (*fields, *SECTIONS):
            raise ConfigError(unknown("key", key, [*fields, *(k for k in dotted(config) if k != key)]))
    for section in SECTIONS:
        if config.get(section) is None:
            raise ConfigError(f"no {section} is chosen: give {section}=NAME")
    options = {key: value for key, value in config.items() if key in fields}
    return Bound("", Settings, check_options("", Settings, options)).build()


def bind(config: Mapping[str, Any], section: str, late: Iterable[str] = ()) -> Bound:
    """Check one section against its constructor; `late` names the arguments that `build` will be given."""
    options = config[section]
    if not isinstance(options, Mapping) or not isinstance(options.get("_target_"), str):
        raise ConfigError(f"{section} must be a section with a _target_, got {options!r}")
    target = locate(options["_target_"], section)
    given = {key: value for key, value in options.items() if key != "_target_"}
    return Bound(section, target, check_options(section, target, given, late))


def locate(name: str, section: str) -> Callable[..., Any]:
    """A dotted name -> what it names. ConfigError if there is nothing callable of that name."""
    module, _, attribute = name.rpartition(".")
    try:
        target = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{section}._target_={name!r} cannot be imported: {error}") from error
    if not callable(target):
        raise ConfigError(f"{section}._target_={name!r} is no class or function")
    return target


def dotted(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every key of a nested config as a dotted path, `_target_` left out."""
    paths = []
    for key, value in config.items():
        if key != "_target_":
            paths.append(prefix + key)
            if isinstance(value, Mapping):
                paths += dotted(value, f"{prefix}{key}.")
    return paths
