"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path: Path, *, durable: bool = False, keep: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place when the block ends; after an exception it is removed.

    Readers find the old file or the new one. `durable` makes that last through a loss of power; the old file is kept
    under the name `keep`, if that is given. Raises OSError as the file system does.
    """
    temporary = path.with_name(f"{path.name}.building")
    try:
        yield temporary
        if durable:
            sync(temporary)
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
        if durable:
            sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make the content of a file, or the names in a folder, last through a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
