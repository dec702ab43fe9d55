"""The command line before Hydra reads it: flags first, text quoted, keys that conf/ does not have marked as added."""

import os
from collections.abc import Sequence

from .catalog import CONFIG_DIR
from .errors import ConfigError
from .quoting import with_quotes, without_quotes
from .secrets import without_secrets
from .settings import SECTIONS
from .words import check_words, typed_as

FORMER_KEY = "windows_per_update"  # still read, but no longer in conf/config.yaml
STORED = ("checkpoint=", "resume=")  # the stored config may choose a model or data with other options than the default

# Hydra's flags, apart by whether a value follows.
WITH_VALUE = (*CONFIG_DIR, "--config-name", "-cn", "--config-path", "-cp", "--cfg", "-c", "--package", "-p")
ALONE = ("--multirun", "-m", "--run", "-r", "--help", "-h", "--hydra-help", "--resolve")
UNTOUCHED = ("--shell-completion", "-sc", "--info", "-i")  # with these, Hydra gets the command line as it is


def hydra_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra takes them: flags may stand anywhere, and text may be typed as it is.

    Raises ConfigError for an unknown flag, several values without -m, and a launcher that would have no effect.
    """
    if any(argument.partition("=")[0] in UNTOUCHED for argument in arguments):
        return list(arguments)
    flags, overrides = _apart(arguments)
    check_words(overrides)
    overrides = [f"{key}{sign}{without_secrets(value)}" for key, sign, value in (o.partition("=") for o in overrides)]
    is_sweep = _is_sweep(arguments)
    if {"-m", "--multirun"} & set(flags) and {"--cfg", "-c"} & {flag.partition("=")[0] for flag in flags}:
        raise ConfigError("--cfg shows the config of one run: leave -m out, and give each key one value")
    for override in overrides:
        if override.startswith("hydra/launcher=") and not is_sweep and not {"--cfg", "-c"} & set(flags):
            raise ConfigError(f"{override} has an effect on sweeps only: add -m")
        if override.startswith("sweeps=") and "," in override:
            raise ConfigError(f"sweeps= takes the name of one file in sweeps/, got {override.partition('=')[2]}")
    return [*flags, *(with_quotes(override, is_sweep) for override in with_added_keys(overrides, is_sweep))]


def as_typed(overrides: Sequence[str]) -> list[str]:
    """The inverse of `hydra_arguments` for overrides."""
    return [without_quotes(override) for override in without_added_keys(overrides)]


def _apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags with their values, and overrides."""
    flags, overrides = [], []
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        flags.append(argument)
        name, sign, _ = argument.partition("=")
        if name not in (*WITH_VALUE, *ALONE):
            value = next(rest, "VALUE") if not sign else argument.partition("=")[2]
            line = typed_as(name.lstrip("-").replace("-", "_"), value)
            raise ConfigError(f"there is no flag {name}: an option is typed as {line}")
        if name in ALONE and sign:
            raise ConfigError(f"{name} takes no value, got {argument}: type {name}")
        if name in WITH_VALUE:
            flags.pop()
            flags += [name, _value_of(name, argument.partition("=")[2] if sign else next(rest, ""))]
    return flags, overrides


def _value_of(name: str, value: str) -> str:
    """The value of a flag, checked."""
    if not value or value.startswith("-"):
        raise ConfigError(f"{name} needs a value: {'--cfg job' if name in ('--cfg', '-c') else f'{name} FOLDER'}")
    if name in ("--cfg", "-c") and value not in ("job", "hydra", "all"):
        raise ConfigError(f"{name} shows job, hydra or all, got {value}: type --cfg job")
    if name in CONFIG_DIR and not os.path.isdir(value):
        raise ConfigError(f"--config-dir: there is no folder {value}")
    return value


def _is_sweep(arguments: Sequence[str]) -> bool:
    return any(a in ("-m", "--multirun") or a.startswith("sweeps=") for a in arguments)


def with_added_keys(overrides: Sequence[str], is_sweep: bool) -> list[str]:
    """The overrides, with Hydra's `++` before keys that only a former version or a stored config has.

    Binding checks these keys later.
    """
    names_stored = any(o.startswith(STORED) and not o.endswith(("=null", "=auto")) for o in overrides)

    def is_added(argument: str) -> bool:
        key, _, value = argument.partition("=")
        if key == FORMER_KEY:
            return not (is_sweep and "," in value)
        section, is_option, _ = key.partition(".")
        if section == "tags" and is_option:
            return True
        return names_stored and not is_sweep and bool(is_option) and section in SECTIONS

    return [f"++{override}" if is_added(override) else override for override in overrides]


def without_added_keys(overrides: Sequence[str]) -> list[str]:
    """The inverse of `with_added_keys`: the overrides as they were typed, with any `++` that the user typed."""
    typed = [override.removeprefix("++") for override in overrides]
    return [
        plain if added == override else override
        for override, plain, added in zip(overrides, typed, with_added_keys(typed, is_sweep=_is_sweep(typed)))
    ]
