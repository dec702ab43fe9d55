"""Digests of files, remembered so that a large file is read once and not at every start."""

import contextlib
import hashlib
import json
import time
from pathlib import Path

from ...config.atomic import atomic_write
from .reading import BLOCK

SETTLED = 2.0  # seconds after a change in which another one could leave the same time behind


def content_digest(file: Path, memory: Path) -> str:
    """32 hexadecimal digits over the bytes of a file.

    They are kept in the folder `memory` and believed while the file's place on disk, size and times of change are the
    same; the time of the last change of its inode cannot be set back.
    """
    place = hashlib.blake2b(str(file.absolute()).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    remembered = memory / f"{place}.json"
    state = file_state(file)
    try:
        known = json.loads(remembered.read_text(encoding="utf-8"))
        if known["state"] == state:
            return str(known["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: it is computed again
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
    if file_state(file) == state and time.time() - file.stat().st_ctime > SETTLED:
        with contextlib.suppress(OSError):  # it is computed again at the next start
            memory.mkdir(parents=True, exist_ok=True)
            with atomic_write(remembered) as temporary:
                temporary.write_text(json.dumps({"state": state, "digest": digest.hexdigest()}), encoding="utf-8")
    return digest.hexdigest()


def file_state(file: Path) -> list[int]:
    """Place on disk, size and times of change of a file."""
    found = file.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
