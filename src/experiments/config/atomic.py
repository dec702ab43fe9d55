"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path: Path, *, durable: bool = False, keep: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place when the block ends; after an exception it is removed.

    Readers find the old file or the new one, and another writer of this file waits. `durable` makes that last through a
    loss of power; the old file is kept under the name `keep`, if that is given. Raises OSError as the file system does.
    """
    temporary = path.with_name(f"{path.name}.building")
    with _held(temporary):
        try:
            yield temporary
            if durable:
                sync(temporary)
            if keep is not None and path.exists():
                os.replace(path, keep)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync(path.parent)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep other processes and threads from this file, made or emptied, until the block ends.

    The system frees it however a process dies, so what one that was killed left behind is used again.
    """
    try:
        import fcntl
    except ImportError:  # Windows, which renames no file that is open
        yield
        return
    while True:
        with path.open("ab") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file.fileno()):  # else who had it has renamed it meanwhile
                file.truncate(0)
                yield
                return


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether this open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sync(path: Path) -> None:
    """Make the content of a file, or the names in a folder, last through a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
