"""The command line before Hydra reads it: former keys, and options of what only a stored config chooses."""

from collections.abc import Sequence

from .settings import SECTIONS

FORMER_KEYS = ("windows_per_update",)  # read, but no key of conf/config.yaml any more
STORED = ("checkpoint=", "resume=")  # whose config may choose a model or data that has other options than the default


def with_added_keys(arguments: Sequence[str]) -> list[str]:
    """The arguments with Hydra's sign for "add this key" where conf/ does not have the key; it is checked later."""
    names_stored = any(a.startswith(STORED) and not a.endswith(("=null", "=auto")) for a in arguments)
    is_sweep = any(a in ("-m", "--multirun") or a.startswith("sweeps=") for a in arguments)

    def added(argument: str) -> str:
        key, _, value = argument.partition("=")
        section, _, option = key.partition(".")
        if key in FORMER_KEYS and not (is_sweep and "," in value):
            return f"++{argument}"
        return f"++{argument}" if names_stored and not is_sweep and option and section in SECTIONS else argument

    return [added(argument) for argument in arguments]


def without_added_keys(overrides: Sequence[str]) -> list[str]:
    """The inverse of `with_added_keys`: the overrides as they were typed, with any signs that the user typed."""
    typed = [override.removeprefix("++") for override in overrides]
    return [
        plain if added == override else override
        for override, plain, added in zip(overrides, typed, with_added_keys(typed))
    ]
