"""The strict part between Hydra and the code: a section of the config is checked against its constructor.

A section is `_target_` plus keyword arguments, and the constructor's signature is its schema: names, types and
missing values are compared with it before anything is built. The root keys are checked in the same way against the
dataclass `Settings`. Nothing below `experiment.py` sees a config object.
"""

import dataclasses
import difflib
import importlib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import first_line

SECTIONS = ("model", "data", "optimizer", "schedule", "runner", "tracker")


class ConfigError(ValueError):
    """A setting that cannot be used, in one sentence for the person who typed it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The root keys; what each means stands in conf/config.yaml."""

    truncation: int | None
    windows_per_update: int
    reduction: Literal["mean", "sum_over_time"]
    clip_norm: float | None
    batch_size: int
    eval_batch_size: int
    epochs: int
    patience: int | None
    seed: int
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["float32", "float64", "bfloat16"]
    threads: int | None
    deterministic: bool
    checkpoint: str | None

    def __post_init__(self):
        positive = ("truncation", "windows_per_update", "batch_size", "eval_batch_size", "epochs", "threads")
        for key in (*positive, "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key} must be at least 1, got {value}")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be above 0 (or null), got {self.clip_norm}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2**63 - 1, got {self.seed}")


@dataclasses.dataclass(frozen=True)
class Bound:
    """A section checked against its constructor and not yet built."""

    path: str  # where it stands in the config; "" for the root keys
    target: Callable[..., Any]
    options: dict[str, Any]

    def build(self, **late: Any) -> Any:
        """Call the constructor with the options and what only became known now. ConfigError if it refuses."""
        try:
            return self.target(**self.options, **late)
        except ConfigError:
            raise
        except (ValueError, OSError) as error:
            raise ConfigError(f"{self.path}: {error}" if self.path else str(error)) from error


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
    return Bound("", Settings, _check_options("", Settings, options)).build()


def bind(config: Mapping[str, Any], section: str, late: Iterable[str] = ()) -> Bound:
    """Check one section against its constructor; `late` names the arguments that `build` will be given."""
    options = config[section]
    if not isinstance(options, Mapping) or not isinstance(options.get("_target_"), str):
        raise ConfigError(f"{section} must be a section with a _target_, got {options!r}")
    target = locate(options["_target_"], section)
    given = {key: value for key, value in options.items() if key != "_target_"}
    return Bound(section, target, _check_options(section, target, given, late))


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


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the nearest one that does."""
    valid = list(dict.fromkeys(valid))
    leaves = {}
    for candidate in valid:
        leaves.setdefault(candidate.rpartition(".")[2], candidate)
    near = difflib.get_close_matches(name, valid, 1, 0.6)
    near = near or [leaves[leaf] for leaf in difflib.get_close_matches(name.rpartition(".")[2], leaves, 1, 0.6)]
    hint = f"did you mean {near[0]}?" if near else f"valid are {', '.join(valid)}"
    return f"there is no {kind} {name}; {hint}"


def dotted(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every key of a nested config as a dotted path, `_target_` left out."""
    paths = []
    for key, value in config.items():
        if key != "_target_":
            paths.append(prefix + key)
            if isinstance(value, Mapping):
                paths += dotted(value, f"{prefix}{key}.")
    return paths


def _check_options(section: str, target: Callable, options: dict[str, Any], late: Iterable[str] = ()):
    late, prefix = set(late), f"{section}." if section else ""
    parameters = inspect.signature(target).parameters
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    if dataclasses.is_dataclass(target):
        hints = typing.get_type_hints(target)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    valid = [name for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    for key, value in options.items():
        if key in late or (key not in valid and not open_ended):
            options_left = [f"{prefix}{name}" for name in valid if name not in late]
            raise ConfigError(unknown("key", f"{prefix}{key}", options_left))
        check_type(f"{prefix}{key}", value, hints.get(key, Any))
    for key in valid:
        if key not in options and key not in late and parameters[key].default is inspect.Parameter.empty:
            raise ConfigError(f"{prefix}{key} is missing: give {prefix}{key}=VALUE")
    return options


def check_type(path: str, value: Any, annotation: Any) -> None:
    """ConfigError unless the value is of the annotated type; numbers must be finite, an int serves as a float."""
    if value == "???":
        raise ConfigError(f"{path} is missing: give {path}=VALUE")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path} must be a finite number, got {value}")
    if not _is_of_type(value, annotation):
        shown = "null" if value is None else repr(value)
        near = difflib.get_close_matches(str(value), [str(c) for c in _choices(annotation)], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{path} must be {_describe(annotation)}, got {shown}{hint}")


def _is_of_type(value: Any, annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_is_of_type(value, argument) for argument in arguments)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin in (list, tuple):
        fixed = origin is tuple and Ellipsis not in arguments
        if not isinstance(value, (list, tuple)) or (fixed and len(value) != len(arguments)):
            return False
        kinds = arguments if fixed else [arguments[0]] * len(value)
        return all(_is_of_type(item, kind) for item, kind in zip(value, kinds))
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is None or annotation is type(None):
        return value is None
    return not isinstance(annotation, type) or isinstance(value, annotation)


def _choices(annotation: Any) -> list[Any]:
    """The values that a Literal allows, also inside a union."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    return [choice for argument in typing.get_args(annotation) for choice in _choices(argument)]


def _describe(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        simple = [a for a in arguments if getattr(a, "__name__", "") != "Tensor"]  # torch's own signatures
        return " or ".join(_describe(argument) for argument in simple)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (list, tuple):
        number = "" if Ellipsis in arguments or origin is list else f"{len(arguments)} values, each "
        return f"a list of {number}{_describe(arguments[0])}"
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
