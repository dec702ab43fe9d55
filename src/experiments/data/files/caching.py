"""Prepared data on disk: built once, whole or not at all, also when two processes want it at the same moment."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from ...config.errors import first_line


def cached(entry: Path, build: Callable[[Path], None]) -> Path:
    """The folder `entry`, filled by `build(folder)` under another name first unless it is there already."""
    building = entry.with_name(f"{entry.name}.building")
    entry.parent.mkdir(parents=True, exist_ok=True)
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
