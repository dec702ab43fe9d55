"""Options compared with a constructor's signature: names, types, missing values."""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from .errors import ConfigError
from .help import unknown_key
from .suggestions import WORDS, near_values

NOTHING_TYPED: Mapping[str, str] = types.MappingProxyType({})
TYPE_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
PLURALS = {int: "whole numbers", float: "numbers"}


def check_options(
    section: str,
    target: Callable[..., Any],
    options: Mapping[str, Any],
    late: Iterable[str] = (),
    typed: Mapping[str, str] = NOTHING_TYPED,
) -> dict[str, Any]:
    """The options as the constructor takes them; ConfigError if a name or a type is wrong or a value is missing.

    `late` names the arguments that are only known when the constructor is called; no config may give them. `typed` has
    the text that was typed for a dotted key, which is the value where the constructor takes text.
    """
    prefix = f"{section}." if section else ""
    parameters = inspect.signature(target).parameters.values()
    accepts_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    late, named = set(late), [parameter for parameter in parameters if parameter.kind not in variadic]
    names = [parameter.name for parameter in named if parameter.name not in late]
    for key in options:
        if key in late or (key not in names and not accepts_any):
            raise ConfigError(unknown_key(f"{prefix}{key}", [f"{prefix}{name}" for name in names]))
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    options = {k: as_text(value, hints.get(k, Any), typed.get(f"{prefix}{k}")) for k, value in options.items()}
    for key, value in options.items():
        check_type(f"{prefix}{key}", value, hints.get(key, Any))
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in late | options.keys():
            raise ConfigError(f"{prefix}{parameter.name} is missing: give {prefix}{parameter.name}=VALUE")
    return {key: as_float(value, hints.get(key, Any)) for key, value in options.items()}


def as_text(value: Any, annotation: Any, typed: str | None) -> Any:
    """What was typed, if only the annotation says that it is text: 12, true or [a] are text there."""
    is_text = typed is not None and value is not None and _is_of_type(typed, annotation)
    return typed if is_text and not _is_of_type(value, annotation) else value


def as_float(value: Any, annotation: Any) -> Any:
    """An int as a float where a float is annotated, so that 1 and 1.0 are the same setting."""
    choices = typing.get_args(annotation) or (annotation,)
    return float(value) if type(value) is int and float in choices and int not in choices else value


def check_type(path: str, value: Any, annotation: Any) -> None:
    """ConfigError unless the value is of the annotated type; numbers must be finite, an int is also a float."""
    if value == "???":
        raise ConfigError(f"{path} is missing: give {path}=VALUE")
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        raise ConfigError(f"{path} must be a finite number, got {value}")
    if not _is_of_type(value, annotation):
        shown = "null" if value is None else repr(value)
        near = _near(path, value, annotation)
        hint = f"; did you mean {near}?" if near else ""
        raise ConfigError(f"{path} must be {describe(annotation)}, got {shown}{hint}")


def _near(path: str, value: Any, annotation: Any) -> str | None:
    """What a value of the wrong type may have meant: None is null, yes is true, 100.0 is 100, gpu is cuda."""
    if isinstance(value, float) and value.is_integer() and _is_of_type(int(value), annotation):
        return str(int(value))
    word = WORDS.get(str(value).lower())
    if word is not None and _is_of_type({"null": None, "true": True, "false": False}[word], annotation):
        return word
    return next(iter(near_values(path, str(value), map(str, _literals(annotation)))), None)


def _is_of_type(value: Any, annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_is_of_type(value, argument) for argument in arguments)
    if origin is Literal:
        return any(value == literal and type(value) is type(literal) for literal in arguments)
    if origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            return False
        is_fixed = origin is tuple and Ellipsis not in arguments
        types_of_items = arguments if is_fixed else arguments[:1] * len(value)
        return len(value) == len(types_of_items) and all(map(_is_of_type, value, types_of_items))
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if annotation in (int, float):
        return isinstance(value, (int, annotation)) and not isinstance(value, bool)
    if annotation in (None, type(None)):
        return value is None
    return annotation is Any or not isinstance(annotation, type) or isinstance(value, annotation)


def _literals(annotation: Any) -> list[Any]:
    """The values that a Literal allows, also inside a union."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    return [literal for argument in typing.get_args(annotation) for literal in _literals(argument)]


def describe(annotation: Any) -> str:
    """What an annotation allows, as people say it: a whole number or null."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        simple = [a for a in arguments if getattr(a, "__name__", "") != "Tensor"]  # torch's own signatures
        return " or ".join(describe(argument) for argument in simple)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (list, tuple):
        length = "" if Ellipsis in arguments or origin is list else f"{len(arguments)} values, each "
        items = PLURALS.get(arguments[0]) if not length else None
        return f"a list of {length}{items or describe(arguments[0])}"
    return TYPE_NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))
