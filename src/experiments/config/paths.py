"""Where configs, data and caches are."""

import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parents[1]

# The folder that holds conf/ and sweeps/: inside the package in a wheel, the checkout's root otherwise.
HOME = _PACKAGE if (_PACKAGE / "conf").is_dir() else _PACKAGE.parents[1]


def data_folder(name: str) -> str | None:
    """$EXPERIMENTS_DATA/name, or None if that variable is not set."""
    root = os.environ.get("EXPERIMENTS_DATA")
    return os.path.join(root, name) if root else None


def cache_folder() -> str:
    """Where downloads and prepared data are kept for all runs of this user; $EXPERIMENTS_CACHE names another place."""
    return os.environ.get("EXPERIMENTS_CACHE") or platformdirs.user_cache_dir("recurrent-experiments", False)
