"""Every option as the files of conf/ and of `--config-dir` state it: default, comment, the choices that have it."""

import itertools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .paths import HOME

KINDS = ("model", "data", "optimizer", "schedule", "runner", "tracker", "recipe", "sweeps")
SECTIONS = KINDS[:6]  # whose files hold the options of their section
SWEEPER = ("hydra.sweeper", "hydra/sweeper")  # a section and its folder
LINE = re.compile(r"([A-Za-z]\w*):\s*(.*?)(?:\s+#\s*(.*))?")
CONFIG_DIR = ("--config-dir", "-cd")
PART = re.compile(r"\s+- (_\w+)\b")  # a file of the same folder that a defaults list includes


class Option(NamedTuple):
    """One option of one choice, or a root key."""

    key: str  # dotted
    default: str  # as the file has it
    comment: str
    choice: str  # "" for a root key


def files(kind: str) -> list[Path]:
    """The YAML files of a kind by name; a name with a leading _ is a part of other files and no choice."""
    folders = [HOME / "sweeps" if kind == "sweeps" else HOME / "conf" / kind]
    folders += [folder / kind for folder in own_folders()]
    found = {path.stem: path for folder in reversed(folders) for path in folder.glob("*.yaml")}
    return [found[name] for name in sorted(found) if not name.startswith("_")]


def own_folders() -> list[Path]:
    """The folder that `--config-dir` names on the command line, or on the one that the tab key is to complete."""
    words = [*sys.argv[1:], *os.environ.get("COMP_LINE", "").split()]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith(CONFIG_DIR) else [word])]
    return [Path(after) for word, after in itertools.pairwise(words) if word in CONFIG_DIR]


def options() -> list[Option]:
    """All options: root keys, those of every choice, those of a sweep."""
    root = stated(HOME / "conf" / "config.yaml")
    found = [Option(key, default, comment, "") for key, default, comment in root if key != "hydra"]
    for section, folder in (*((kind, kind) for kind in SECTIONS), SWEEPER):
        for path in files(folder):
            lines = section_of(path, section)
            found += [Option(f"{section}.{key}", default, comment, path.stem) for key, default, comment in lines]
    return found


def section_of(path: Path, section: str) -> Iterator[tuple[str, str, str]]:
    """The options of a choice: those of its file, and those of the parts that its defaults list includes."""
    text = path.read_text(encoding="utf-8")
    own = list(stated(path, section if f"\n{section}:" in text else ""))
    keys = {key for key, *_ in own}
    for name in PART.findall(text):
        if name != "_self_":
            part = path.with_name(f"{name}.yaml")
            part = part if part.is_file() else HOME / "conf" / section / part.name  # of one's own choice
            yield from (line for line in section_of(part, section) if line[0] not in keys)
    yield from own


def stated(path: Path, section: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, value and comment of every line of a file, or of one section of it."""
    where = above = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        indented = line.startswith(" ")
        found = LINE.fullmatch(line.strip())
        if found is None:
            above = line.strip().lstrip("# ")  # an option whose line is too long has its comment above
            continue
        if not indented:
            where = found[1] if section and not found[2] else ""
        if found[1] != "defaults" and where == section and indented == bool(section):
            yield found[1], found[2], found[3] or above
        above = ""


def first_comment(path: Path) -> str:
    """The first comment of a YAML file, Hydra's `# @package` left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") and "@package" not in line:
                return line.lstrip("# ").strip()
    return ""
