"""Values on the command line that are no Hydra syntax are quoted, so that any text can be typed as it is.

    data.path=한글.txt  ->  data.path='한글.txt'

Hydra's grammar has no letters but ASCII, and reads parentheses, quotes and other signs as syntax of its own.
"""

import re
import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import ConfigError

PLAIN = re.compile(r"[^=]*=[A-Za-z0-9_./:+-]*")  # surely Hydra syntax, which takes a millisecond to find out
INTERPOLATION, ESCAPED = "${", "\\${"
LISTS = ("hydra.sweeper.cases", "hydra.sweeper.exclude")  # of lists of overrides, [[model=a,truncation=5,9],[model=b]]
BEFORE_KEY = r"(?=\s*[\w./@~+-]+=)"
SWEEPS = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag)\(.*\)")
parser = OverridesParser.create()


def with_quotes(argument: str, is_sweep: bool) -> str:
    """An argument KEY=VALUE as Hydra can read it; in a sweep, each of the values between commas.

    Raises ConfigError for several values without a sweep, and for wrong arguments of Hydra's functions for sweeps.
    """
    key, _, value = argument.partition("=")
    if PLAIN.fullmatch(argument) or not is_readable(f"{key}=0"):  # Hydra itself reports a wrong key
        return argument
    if key in LISTS and (listed := _with_quoted_items(value)):
        return f"{key}={listed}"
    if key == "note" and not value.startswith(("'", '"')):  # a text in any words is one text
        return f"{key}={quoted(value)}"
    if is_readable(argument):
        if not is_sweep and value != value.strip() and not value.strip().startswith(("'", '"')):
            return f"{key}={quoted(value)}"  # Hydra would strip it
        if not is_sweep and parser.parse_override(argument).is_sweep_override():
            raise ConfigError(_several(key, value))
        return argument
    if SWEEPS.fullmatch(value):
        inside = value.partition("(")[2][:-1]
        raise ConfigError(f"{argument} cannot be read: type several values as -m {shlex.quote(f'{key}={inside}')}")
    parts = value.split(",") if is_sweep else [value]
    return f"{key}=" + ",".join(part if is_readable(f"{key}={part}") else quoted(part) for part in parts)


def without_quotes(override: str) -> str:
    """The inverse of `with_quotes`: the override as it was typed."""
    key, _, value = override.partition("=")
    if key in LISTS and is_readable(override) and isinstance(items := parser.parse_override(override).value(), list):
        typed = _listed([[str(item) for item in part] for part in items if isinstance(part, list)])
        return f"{key}={typed}" if _with_quoted_items(typed) == value else override
    if not value.startswith("'"):
        return override
    text = str(parser.parse_override(override).value()).replace(ESCAPED, INTERPOLATION)
    try:
        again = with_quotes(f"{key}={text}", is_sweep=False)
    except ConfigError:  # only with quotes it is one text
        return override
    is_same = override in (again, again.replace(ESCAPED, INTERPOLATION))  # OmegaConf may have read the escape
    return f"{key}={text}" if is_same else override


def _with_quoted_items(value: str) -> str | None:
    """A list of lists of overrides with each override quoted; None if it is no such list, or is quoted already."""
    found = re.fullmatch(rf"\[\[({BEFORE_KEY}[^'\"]*)\]\]|\[({BEFORE_KEY}[^'\"]*)\]", value)
    if found is None:
        return None
    lists = re.split(rf"\]\s*,\s*\[{BEFORE_KEY}", found[1] or found[2])  # brackets around a single one may be left out
    parts = [re.split(f",{BEFORE_KEY}", part) for part in lists]
    return _listed([[quoted(item.strip()) for item in items] for items in parts])


def _listed(parts: list[list[str]]) -> str:
    return "[" + ",".join("[" + ",".join(items) + "]" for items in parts) + "]"


def is_readable(argument: str) -> bool:
    """Whether Hydra's grammar has this override."""
    try:
        parser.parse_override(argument)
    except HydraException:
        return False
    return True


def quoted(text: str) -> str:
    """Text as one quoted value; a `${` that begins no interpolation is escaped."""
    try:
        OmegaConf.create({"text": text})
    except OmegaConfBaseException:
        text = text.replace(INTERPOLATION, ESCAPED)
    return str(QuotedString(text, Quote.single).with_quotes())


def in_shell(argument: str) -> str:
    """An argument as it is typed into a shell."""
    return shlex.quote(argument) if re.search(r'["$`\\!]', argument) else f'"{argument}"'


def _several(key: str, value: str) -> str:
    line = in_shell(f"{key}={quoted(value)}")
    several = shlex.quote(f"{key}={value}")
    return f"{key}={value} is several values: type -m {several} for one run each, or {line} for one text"
