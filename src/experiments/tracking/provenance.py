"""Where a run comes from: code, machine and library versions."""

import getpass
import os
import platform
import socket
import subprocess
from importlib.metadata import version

from ..config.paths import HOME

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
    if (commit := _git("rev-parse", "HEAD")) is not None:
        found |= {"git_commit": commit, "git_dirty": str(bool(_git("status", "--porcelain"))).lower()}
    return found


def _user() -> str:
    """The user's name, or number where it has no name (as in some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _git(*arguments: str) -> str | None:
    """What git prints about the checkout that holds this code; None outside a checkout or without git."""
    if not (HOME / ".git").exists():
        return None
    command = ["git", "-C", str(HOME), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
