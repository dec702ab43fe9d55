"""Which classes a stored config may name: a checkpoint can come from anyone, and its `_target_` is called."""

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.binding import locate
from ..config.errors import ConfigError
from ..config.recorded_form import PUBLIC_NAMES

# For each section: the package of its classes, and a method that all of them have.
ALLOWED = {
    "model": ("experiments.models.", "score"),
    "data": ("experiments.data.", "windows"),
    "optimizer": ("torch.optim.", "step"),
    "schedule": ("experiments.training.", "factor"),
    "runner": ("experiments.runners.", "run"),
}
TARGET = re.compile(r"^[^#\n]*?\b_target_[\"']?: *[\"']?([\w.]+)", re.MULTILINE)  # also in {_target_: NAME}


def check_targets(config: Mapping[str, Any], folders: Iterable[Path], source: str) -> None:
    """Raise ConfigError unless every `_target_` of a stored config is allowed.

    Allowed are the classes of this package and of torch.optim, and those named by the YAML files in `folders`, which
    belong to the user who runs the command. `source` is the checkpoint or run, for the message.
    """
    for section, (package, method) in ALLOWED.items():
        options = config.get(section)
        target = options.get("_target_") if isinstance(options, Mapping) else None
        if not isinstance(target, str):
            raise ConfigError(f"the config stored in {source} has no {section}._target_")
        target = PUBLIC_NAMES.get(target, target)
        if not target.startswith(package) and target not in targets_in(section, folders):
            raise ConfigError(
                f"the config stored in {source} names {section}._target_={target!r}, which is not run: "
                f"it is not in {package}* and no file of conf/{section} names it"
            )
        found = locate(target, section)
        if not inspect.isclass(found) or not hasattr(found, method):
            raise ConfigError(f"{section}._target_={target!r}, stored in {source}, is not a {section} class")


def targets_in(section: str, folders: Iterable[Path]) -> set[str]:
    """Every `_target_` in the YAML files of a section."""
    files = (file for folder in folders for file in (folder / section).glob("*.yaml"))
    return {name for file in files for name in TARGET.findall(file.read_text(encoding="utf-8"))}
