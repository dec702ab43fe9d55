"""Keys of nested configs as dotted paths, and their values as YAML has them."""

from collections.abc import Mapping
from typing import Any


def dotted(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every key of a nested config as a dotted path, those of sections included, `_target_` left out."""
    paths = []
    for key, value in config.items():
        if key != "_target_":
            paths += [prefix + key, *(dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else ())]
    return paths


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings -> one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def in_yaml(value: Any) -> str:
    """A value as YAML has it."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
