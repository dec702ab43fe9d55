"""The Large Movie Review Dataset, from its archive or the folder unpacked from it, read but never unpacked."""

import contextlib
import itertools
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...config.errors import first_line
from .label_folders import LabelFolders, split_folders, visible
from .sources import MAX_BYTES, Key, LabelledSource, decode_text, shown, typed, unpacking
from .table_source import ENDINGS

LABELS = ("neg", "pos")
UNLABELLED = "unsup"  # reviews without a label, a folder of train
GROUPS = tuple(itertools.product(("train", "test"), LABELS))
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")
LAYOUT = "train/pos, train/neg, test/pos and test/neg with one .txt file per review"


def find_reviews(path: Path) -> LabelledSource:
    """An archive, or a folder that holds train/ and test/, from a path to either or to a folder that holds one of them.

    Raises FileNotFoundError with what was looked for, ValueError for other data than these reviews.
    """
    if path.is_file():
        return ReviewArchive(check_archive(path))
    if not path.is_dir():
        raise FileNotFoundError(
            f"there is no {path}: give an archive or a folder with {LAYOUT}, or data.path=null to download them"
        )
    for folder in (path, path / "aclImdb"):
        if any((folder / split).is_dir() for split in ("train", "test")):
            return unpacked(folder)
    archives = sorted(file for file in path.iterdir() if file.name.endswith(ARCHIVES))
    if len(archives) == 1:
        return ReviewArchive(archives[0])
    found = "several archives: " + ", ".join(file.name for file in archives) if archives else "neither"
    own = f"; data of your own is data=labelled {typed(path)}" if visible(path) and not archives else ""
    raise FileNotFoundError(f"{path} should hold an archive or {LAYOUT}, but there is {found}{own}")


def check_archive(path: Path) -> Path:
    """The path itself. ValueError with the line that works if its name is that of a table or of a .zip."""
    if path.name.lower().endswith(ENDINGS):
        raise ValueError(f"{path} is a table and no archive of these reviews: data=labelled {typed(path)}")
    if path.suffix.lower() == ".zip":
        raise ValueError(f"{path} is no tar archive: {unpacking(path)}")
    return path


def unpacked(folder: Path) -> LabelFolders:
    """The folder with train/ and test/. Raises FileNotFoundError or ValueError unless it holds these reviews alone."""
    splits = split_folders(folder)
    for split, label in GROUPS:
        if not (folder / split / label).is_dir():
            raise FileNotFoundError(
                f"there is no folder {folder / split / label}; the reviews should be in {LAYOUT}{advice(folder)}"
            )
    own = [splits["valid"].name] if "valid" in splits else []
    own += [
        f"{split}/{path.name}"
        for split, place in splits.items()
        for path in visible(place)
        if path.is_dir() and path.name not in (*LABELS, UNLABELLED)
    ]
    if own:
        raise ValueError(f"{folder} holds {shown(own)}, which data=imdb does not read{advice(folder)}")
    return LabelFolders(folder, {group: folder.joinpath(*group) for group in GROUPS}, "utf-8")


def advice(place: Path) -> str:
    """The end of a refusal of data of one's own."""
    return f"; labels of your own are data=labelled {typed(place)}"


class ReviewArchive(LabelledSource):
    """The labelled reviews of a tar archive."""

    groups = GROUPS

    def __init__(self, place: Path):
        self.place = place

    def _parts(self) -> Iterator[bytes]:
        """The archive's bytes."""
        with self.place.open("rb") as archive:
            yield from iter(lambda: archive.read(1 << 20), b"")

    def texts(self) -> Iterator[tuple[Key, str]]:
        """Every labelled review, in the order in which they are found.

        Raises ValueError for what is damaged, hostile or no UTF-8, each with the name of the file.
        """
        for key, content in self._members():
            yield key, decode_text(content, f"{'/'.join(map(str, key))} in {self.place}", "utf-8")

    def _members(self) -> Iterator[tuple[Key, bytes]]:
        archive = self.place
        with _readable(archive), tarfile.open(archive, "r:*") as tar:
            while (member := _next(tar)) is not None:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise ValueError(
                        f"{archive} holds {member.name!r}, which points out of the archive: it is not read"
                    )
                if not (member.isfile() or member.isdir()):
                    raise ValueError(f"{archive} holds {member.name!r}, which is a link or a device: it is not read")
                if member.isfile() and path.suffix == ".txt" and self._is_review(path):
                    if member.size > MAX_BYTES:
                        raise ValueError(
                            f"{member.name} in {archive} has {member.size:,} bytes: no review is that long"
                        )
                    content = tar.extractfile(member)
                    assert content is not None  # as for every regular file
                    yield Key(*path.parts[-3:]), content.read()

    def _is_review(self, path: PurePosixPath) -> bool:
        """Whether a member is a labelled review. ValueError for one of another label or split."""
        group = path.parts[-3:-1]
        if len(group) < 2 or group[0] not in ("train", "valid", "test") or group[1] == UNLABELLED:
            return False
        if group not in GROUPS:
            raise ValueError(
                f"{self.place} holds {'/'.join(group)}, which data=imdb does not read; labels of your own are "
                f"data=labelled with the folder: tar -xf {self.place} -C FOLDER"
            )
        return True


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
