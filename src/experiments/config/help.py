"""The part of `experiments --help` that lists the choices in conf/ and sweeps/."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from .errors import unknown
from .paths import HOME

KINDS = ("model", "data", "optimizer", "schedule", "runner", "tracker", "recipe", "sweeps")
LAUNCHER = "hydra/launcher"  # where the jobs of a sweep run
BOLD, CYAN = "1", "36"


def choices() -> str:
    """Each kind's choices with the first line of their YAML files."""
    lines = []
    for kind in (*KINDS, LAUNCHER):
        lines.append(coloured(f"{kind}=", BOLD))
        lines += [f"  {coloured(f'{path.stem:<20}', CYAN)} {first_comment(path)}" for path in files(kind)]
    return "\n".join(lines)


def files(kind: str) -> list[Path]:
    """The YAML files of a kind; a name with a leading _ is a part of other files and no choice."""
    folder = HOME / "sweeps" if kind == "sweeps" else HOME / "conf" / kind
    return sorted(path for path in folder.glob("*.yaml") if not path.stem.startswith("_"))


def unknown_key(key: str, valid: Iterable[str]) -> str:
    """The message for an unknown key of the config, with the choices that have this option or the nearest valid key.

    The choice with the most options of the chosen one is first.
    """
    valid = list(valid)
    kind, _, option = key.partition(".")
    contents = {path.stem: contents_of(path) for path in files(kind)} if kind in KINDS and option else {}
    options = {name: {**content, **(content.get(kind) or {})} for name, content in contents.items()}
    names = [name for name in options if option in options[name]]
    names.sort(key=lambda name: -sum(f"{kind}.{own}" in valid for own in options[name]))
    if not names:
        return unknown("key", key, valid)
    return f"{key} is no option of the chosen {kind} but of {', '.join(names)}: type {kind}={names[0]} {key}=..."


def contents_of(path: Path) -> dict[str, Any]:
    """A YAML file, with the files beside it that its defaults list includes."""
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    included = [name for name in own.pop("defaults", ()) if isinstance(name, str) and name != "_self_"]
    parts = [contents_of(path.with_name(f"{name}.yaml")) for name in included]
    return {key: value for content in (*parts, own) for key, value in content.items()}


def first_comment(path: Path) -> str:
    """The first comment of a YAML file, Hydra's `# @package` left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") and "@package" not in line:
                return line.lstrip("# ").strip()
    return ""


def coloured(text: str, code: str) -> str:
    """Text in a colour on a terminal, unless NO_COLOR is set (see no-color.org); plain elsewhere."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{code}m{text}\x1b[0m" if wanted else text
