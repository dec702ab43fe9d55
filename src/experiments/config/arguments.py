"""The command line before Hydra reads it: keys that conf/ does not have are marked as added."""

from collections.abc import Sequence

from .settings import SECTIONS

FORMER_KEY = "windows_per_update"  # still read, but no longer in conf/config.yaml
STORED = ("checkpoint=", "resume=")  # the stored config may choose a model or data with other options than the default


def with_added_keys(arguments: Sequence[str]) -> list[str]:
    """The arguments, with Hydra's `++` before keys that only a former version or a stored config has.

    Binding checks these keys later.
    """
    names_stored = any(a.startswith(STORED) and not a.endswith(("=null", "=auto")) for a in arguments)
    is_sweep = any(a in ("-m", "--multirun") or a.startswith("sweeps=") for a in arguments)

    def is_added(argument: str) -> bool:
        key, _, value = argument.partition("=")
        if key == FORMER_KEY:
            return not (is_sweep and "," in value)
        section, is_option, _ = key.partition(".")
        return names_stored and not is_sweep and bool(is_option) and section in SECTIONS

    return [f"++{argument}" if is_added(argument) else argument for argument in arguments]


def without_added_keys(overrides: Sequence[str]) -> list[str]:
    """The inverse of `with_added_keys`: the overrides as they were typed, with any `++` that the user typed."""
    typed = [override.removeprefix("++") for override in overrides]
    return [
        plain if added == override else override
        for override, plain, added in zip(overrides, typed, with_added_keys(typed))
    ]
