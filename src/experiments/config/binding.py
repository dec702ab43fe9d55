"""Binding: the sections of a config are checked against their constructors before anything is built.

A section is `_target_` plus keyword arguments, and the constructor's signature is its schema: names, types and
missing values. The root keys are checked in the same way against the dataclass `Settings`. Nothing below
`experiment.py` sees a config object.
"""

import dataclasses
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from .errors import ConfigError, unknown
from .keys import dotted
from .recorded_form import PUBLIC_NAMES
from .settings import SECTIONS, Settings
from .signature import NOTHING_TYPED, check_options

T = TypeVar("T")
NO_ARGUMENTS: Mapping[str, Any] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Bound(Generic[T]):
    """A section that is checked and not yet built."""

    path: str  # where it stands in the config; "" for the root keys
    target: type[T]  # or a function that returns one
    options: dict[str, Any]

    def build(self, offered: Mapping[str, Any] = NO_ARGUMENTS, **late: Any) -> T:
        """Call the constructor with the options and those of the `late` and `offered` arguments that it takes.

        It takes what it names. With `**options` it also takes every late argument, as a model cannot do without its
        sizes, but of the offered ones only those that a base class names, to whose constructor the options may go on.
        ConfigError if it raises ValueError or OSError.
        """
        names, takes_any = _arguments(self.target)
        taken = {name: value for name, value in late.items() if takes_any or name in names}
        taken |= {name: value for name, value in offered.items() if name in names and name not in self.options}
        try:
            return self.target(**self.options, **taken)
        except ConfigError:
            raise
        except (ValueError, OSError) as error:
            raise ConfigError(f"{self.path}: {error}" if self.path else str(error)) from error

    def takes(self, argument: str) -> bool:
        """Whether `build` hands on an offered argument of this name."""
        return argument in _arguments(self.target)[0] and argument not in self.options

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


def _arguments(target: Callable[..., Any]) -> tuple[set[str], bool]:
    """What a constructor names, with `**options` also what its base classes name; and whether it has `**options`."""
    parameters = inspect.signature(target).parameters.values()
    names, takes_any = {parameter.name for parameter in parameters}, _is_open(parameters)
    is_open = takes_any
    for base in inspect.getmro(target)[1:] if inspect.isclass(target) else ():
        if is_open and "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names |= {parameter.name for parameter in parameters}
            is_open = _is_open(parameters)
    return names, takes_any


def _is_open(parameters: Iterable[inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def name_of(target: Callable[..., Any]) -> str:
    """The dotted name of a class or function: the public one, if it is this package's, else where it is defined."""
    module, name = target.__module__, target.__qualname__
    package = ".".join(module.split(".")[:2])
    if package.startswith("experiments.") and name in getattr(sys.modules[package], "PUBLIC", ()):
        return f"{package}.{name}"
    return f"{module}.{name}"
