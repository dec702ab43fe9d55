"""What `experiments --help` says about the choices in conf/ and sweeps/."""

from collections.abc import Iterator
from pathlib import Path

from .paths import HOME

KINDS = ("model", "data", "optimizer", "schedule", "runner", "tracker", "recipe", "sweeps")


def choices() -> str:
    """Each kind's choices with the first line of their YAML files."""
    lines = []
    for kind in KINDS:
        lines.append(f"{kind}=")
        lines += [f"  {name:<22} {line}" for name, line in heads(kind)]
    return "\n".join(lines)


def heads(kind: str) -> Iterator[tuple[str, str]]:
    """(name, first comment) of every YAML file of a kind."""
    folder = HOME / "sweeps" if kind == "sweeps" else HOME / "conf" / kind
    for path in sorted(folder.glob("*.yaml")):
        yield path.stem, first_comment(path)


def first_comment(path: Path) -> str:
    """The first comment of a YAML file that is no directive of Hydra's."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") and "@package" not in line:
                return line.lstrip("# ").strip()
    return ""
