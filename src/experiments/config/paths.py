"""Where configs, data, caches and stores are."""

import functools
import logging
import os
from pathlib import Path

import platformdirs

from .secrets import masked

log = logging.getLogger("experiments")
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


def environment(variable: str, default: str) -> str:
    """The value of an environment variable that MLflow has, too; logs a warning that it is used. Else the default."""
    value = os.environ.get(variable)
    if value:
        _warn_of(variable, masked(value))
    return value or default


@functools.cache  # a value is logged once, though a config is composed more than once
def _warn_of(variable: str, value: str) -> None:
    log.warning("%s=%s is used; an option of tracker that is typed wins over it", variable, value)
