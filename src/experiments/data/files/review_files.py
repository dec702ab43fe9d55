"""The files of the Large Movie Review Dataset, from an archive or an unpacked folder, read but never unpacked."""

import contextlib
import hashlib
import itertools
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ...config.errors import first_line
from .reading import decoded

SPLITS, LABELS = ("train", "test"), ("neg", "pos")
GROUPS = tuple(itertools.product(SPLITS, LABELS))
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")
MAX_BYTES = 1 << 20  # of one review; the longest there is has 14 thousand
LAYOUT = "train/pos, train/neg, test/pos and test/neg with one .txt file per review"


class Key(NamedTuple):
    """Where a review lies: the folders and the file of its path."""

    split: str
    label: str
    name: str


def find_source(path: Path) -> Path:
    """An archive, or a folder that holds train/ and test/, from a path to either or to a folder that holds one of them.

    Raises FileNotFoundError with what was looked for.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(
            f"there is no {path}: give an archive or a folder with {LAYOUT}, or path=null to download them"
        )
    for folder in (path, path / "aclImdb"):
        if any((folder / split).is_dir() for split in SPLITS):
            return folder
    archives = sorted(file for file in path.iterdir() if file.name.endswith(ARCHIVES))
    if len(archives) != 1:
        found = "several archives: " + ", ".join(file.name for file in archives) if archives else "neither"
        raise FileNotFoundError(f"{path} should hold an archive or {LAYOUT}, but there is {found}")
    return archives[0]


def content_digest(source: Path) -> str:
    """32 hexadecimal digits over an archive's bytes, or over the names and bytes of a folder's reviews."""
    digest = hashlib.blake2b(digest_size=16)
    if source.is_file():
        with source.open("rb") as archive:
            while block := archive.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    for key, content in _unpacked(source):
        digest.update(os.fsencode("/".join(key) + "\0"))
        digest.update(hashlib.blake2b(content).digest())
    return digest.hexdigest()


def read_reviews(source: Path) -> Iterator[tuple[Key, str]]:
    """Every labelled review and its text, in the order in which they are found.

    Raises ValueError for what is damaged, hostile, empty or no UTF-8, each with the name of the file.
    """
    for key, content in _archived(source) if source.is_file() else _unpacked(source):
        where = f"{'/'.join(key)} in {source}"
        text = decoded(content, where)
        if not text.strip():
            raise ValueError(f"{where} is empty; a review has at least one word")
        yield key, text


def _archived(archive: Path) -> Iterator[tuple[Key, bytes]]:
    with _readable(archive), tarfile.open(archive, "r:*") as tar:
        while (member := _next(tar)) is not None:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{archive} holds {member.name!r}, which points out of the archive: it is not read")
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"{archive} holds {member.name!r}, which is a link or a device: it is not read")
            if member.isfile() and path.parts[-3:-1] in GROUPS and path.suffix == ".txt":
                if member.size > MAX_BYTES:
                    raise ValueError(f"{member.name} in {archive} has {member.size:,} bytes: no review is that long")
                content = tar.extractfile(member)
                assert content is not None  # as for every regular file
                yield Key(*path.parts[-3:]), content.read()


@contextlib.contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """What the archive libraries raise about a broken file, as one sentence."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise ValueError(f"{archive} is no archive or a damaged one: {first_line(error).rstrip(':')}") from error


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next member; a header that makes no sense is a TarError like the others."""
    try:
        return tar.next()
    except (ValueError, IndexError) as error:
        raise tarfile.ReadError(f"a header makes no sense: {first_line(error)}") from error


def _unpacked(folder: Path) -> Iterator[tuple[Key, bytes]]:
    """The reviews sorted by name. Raises ValueError for a link, FileNotFoundError for a missing folder."""
    for split, label in GROUPS:
        place = folder / split / label
        if not place.is_dir():
            raise FileNotFoundError(f"there is no folder {place}; the reviews should be in {LAYOUT}")
        with os.scandir(place) as entries:
            found = sorted((entry for entry in entries if entry.name.endswith(".txt")), key=lambda e: e.name)
        for entry in found:
            if not entry.is_file(follow_symlinks=False):
                raise ValueError(f"{entry.path} is no regular file: it is not read")
            yield Key(split, label, entry.name), _read_bounded(Path(entry.path))


def _read_bounded(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{file} has more than {MAX_BYTES:,} bytes: no review is that long")
    return content
