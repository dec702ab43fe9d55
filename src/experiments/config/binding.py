"""Binding: the sections of a config are checked against their constructors before anything is built.

A section is `_target_` plus keyword arguments, and the constructor's signature is its schema: names, types and
missing values. The root keys are checked in the same way against the dataclass `Settings`. Nothing below
`experiment.py` sees a config object.
"""

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from .errors import ConfigError, unknown
from .keys import dotted
from .recorded_form import PUBLIC_NAMES
from .settings import SECTIONS, Settings
from .signature import NOTHING_TYPED, check_options

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Bound(Generic[T]):
    """A section that is checked and not yet built."""

    path: str  # where it stands in the config; "" for the root keys
    target: type[T]  # or a function that returns one
    options: dict[str, Any]

    def build(self, **late: Any) -> T:
        """Call the constructor with the options and those of the `late` arguments that it has.

        ConfigError if it raises ValueError or OSError.
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
        return {"_target_": name_of(self.target), **self.options}


def bind_settings(config: Mapping[str, Any], typed: Mapping[str, str] = NOTHING_TYPED) -> Settings:
    """The root keys of a plain config, checked. ConfigError if one is unknown, missing or out of range."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    for key in config:
        if key not in (*fields, *SECTIONS):
            raise ConfigError(unknown("key", key, [*fields, *(k for k in dotted(config) if k != key)]))
    for section in SECTIONS:
        if config.get(section) is None:
            raise ConfigError(f"no {section} is chosen: give {section}=NAME")
    options = {key: value for key, value in config.items() if key in fields}
    return Bound("", Settings, check_options("", Settings, options, typed=typed)).build()


def bind(
    config: Mapping[str, Any], section: str, late: Iterable[str] = (), typed: Mapping[str, str] = NOTHING_TYPED
) -> Bound[Any]:
    """Check one section against its constructor; `late` names the arguments that `build` will be given.

    `typed` has the texts that were typed, see `check_options`.
    """
    options = config[section]
    if not isinstance(options, Mapping) or not isinstance(options.get("_target_"), str):
        raise ConfigError(f"{section} must be a section with a _target_, got {options!r}")
    target = locate(options["_target_"], section)
    given = {key: value for key, value in options.items() if key != "_target_"}
    return Bound(section, target, check_options(section, target, given, late, typed))


def locate(name: str, section: str) -> Any:
    """The class or function with this dotted name. ConfigError if there is none."""
    module, _, attribute = PUBLIC_NAMES.get(name, name).rpartition(".")
    try:
        target: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{section}._target_={name!r} cannot be imported: {error}") from error
    if not callable(target):
        raise ConfigError(f"{section}._target_={name!r} is no class or function")
    return target


def name_of(target: Callable[..., Any]) -> str:
    """The dotted name of a class or function: the public one, if it is this package's, else where it is defined."""
    module, name = target.__module__, target.__qualname__
    package = ".".join(module.split(".")[:2])
    if package.startswith("experiments.") and name in getattr(sys.modules[package], "PUBLIC", ()):
        return f"{package}.{name}"
    return f"{module}.{name}"
