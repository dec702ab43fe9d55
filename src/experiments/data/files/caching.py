"""Prepared data on disk: built once, whole or not at all, also when two processes want it at the same moment."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from ...config.errors import first_line


def cached(entry: Path, build: Callable[[Path], None]) -> Path:
    """The folder `entry`, filled by `build(folder)` under another name first unless it is there already.

    Raises OSError where the cache cannot be written, and what `build` raises.
    """
    building = entry.with_name(f"{entry.name}.building")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"the cache folder {entry.parent} cannot be made ({error.strerror})"
        raise OSError(f"{why}: give data.cache=FOLDER, or set EXPERIMENTS_CACHE to a folder of yours") from error
    with FileLock(f"{entry}.lock"):  # a second process waits and finds it done
        if not entry.is_dir():
            shutil.rmtree(building, ignore_errors=True)  # of a process that was killed
            building.mkdir()
            try:
                build(building)
                os.rename(building, entry)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return entry


def damaged(entry: Path, error: Exception) -> ValueError:
    """What to raise when an entry cannot be read."""
    return ValueError(f"the cache entry {entry} is damaged ({first_line(error)}): delete that folder")
