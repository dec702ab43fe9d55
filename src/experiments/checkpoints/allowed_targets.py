"""What a stored config may name: a checkpoint can come from anybody, and its `_target_` would be called."""

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.binding import locate
from ..config.errors import ConfigError
from ..config.recorded_form import PUBLIC_NAMES

# Where the classes of a kind are, and the method that shows that they are of this kind.
KINDS = {
    "model": ("experiments.models.", "score"),
    "data": ("experiments.data.", "windows"),
    "optimizer": ("torch.optim.", "step"),
    "schedule": ("experiments.training.", "factor"),
    "runner": ("experiments.runners.", "run"),
}
TARGET = re.compile(r"^ *_target_: *[\"']?([\w.]+)", re.MULTILINE)


def check_stored(config: Mapping[str, Any], folders: Iterable[Path], source: str) -> None:
    """ConfigError unless every `_target_` is a class of its kind, of this package or torch.optim or named in `folders`.

    `folders` hold the configs of whoever runs the command; what their YAML files name is trusted.
    """
    for section, (package, method) in KINDS.items():
        options = config.get(section)
        target = options.get("_target_") if isinstance(options, Mapping) else None
        if not isinstance(target, str):
            raise ConfigError(f"the config stored in {source} has no {section}._target_")
        target = PUBLIC_NAMES.get(target, target)
        if not target.startswith(package) and target not in named(section, folders):
            raise ConfigError(
                f"the config stored in {source} names {section}._target_={target!r}, which is not run: "
                f"it is not in {package}* and no file of conf/{section} names it"
            )
        found = locate(target, section)
        if not inspect.isclass(found) or not hasattr(found, method):
            raise ConfigError(f"{section}._target_={target!r}, stored in {source}, is no {section} class")


def named(section: str, folders: Iterable[Path]) -> set[str]:
    """Every `_target_` in the YAML files of this kind."""
    files = (file for folder in folders for file in (folder / section).glob("*.yaml"))
    return {name for file in files for name in TARGET.findall(file.read_text(encoding="utf-8"))}
