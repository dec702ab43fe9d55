"""Where a run comes from: code, machine and library versions."""

import getpass
import os
import platform
import socket
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from ..config.paths import HOME
from .source_code import git_diff, git_root, git_state

IS_CHECKOUT = (HOME / ".git").exists()
LIBRARIES = ("recurrent-experiments", "torch", "numpy", "hydra-core", "mlflow")


def provenance_tags() -> dict[str, str]:
    """host, pid, user, platform, python and library versions, and git_commit and git_dirty in a checkout."""
    found = {
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "user": _user(),
        "platform": platform.platform(),
        "version.python": platform.python_version(),
    }
    found |= {f"version.{library}": version(library) for library in LIBRARIES}
    return found | (git_state(HOME) if IS_CHECKOUT else {})


def different_code(runs: Iterable[Mapping[str, str]]) -> str | None:
    """What to say of runs, given by their tags, that were made by different versions of this package's code."""
    states = {(tags["git_commit"], tags.get("git_diff")) for tags in runs if "git_commit" in tags}
    names = [f"{commit[:12]}{f' with the changes {diff}' if diff else ''}" for commit, diff in states]
    return f"these runs were made by different code: commit {', '.join(sorted(names))}" if len(states) > 1 else None


def code_diff(folders: Iterable[Path]) -> str:
    """What differs from the last commit in the repositories of these folders and of this package; "" if nothing."""
    roots = dict.fromkeys(map(git_root, [*folders, *([HOME] if IS_CHECKOUT else [])]))
    return "\n".join(filter(None, (git_diff(root) for root in roots if root is not None)))


def _user() -> str:
    """The user's name, or number where it has no name (as in some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
