"""Options compared with a constructor's signature: names, missing values, types."""

import dataclasses
import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from .errors import ConfigError, unknown


def check_options(
    section: str, target: Callable[..., Any], options: dict[str, Any], late: Iterable[str] = ()
) -> dict[str, Any]:
    """The options as the constructor wants them, beside its `late` arguments; ConfigError if they are not that."""
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
    return {key: as_float(value, hints.get(key, Any)) for key, value in options.items()}


def as_float(value: Any, annotation: Any) -> Any:
    """A whole number where a float is meant becomes one, so that 1 and 1.0 are the same setting."""
    choices = typing.get_args(annotation) or (annotation,)
    return float(value) if type(value) is int and float in choices and int not in choices else value


def check_type(path: str, value: Any, annotation: Any) -> None:
    """ConfigError unless the value is of the annotated type; numbers must be finite, an int serves as a float."""
    if value == "???":
        raise ConfigError(f"{path} is missing: give {path}=VALUE")
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
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
    if annotation is Any:
        return True
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
