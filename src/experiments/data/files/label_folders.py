"""Labelled texts in folders: split/LABEL/*.txt, or LABEL/*.txt without splits."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from .sources import MAX_BYTES, Key, LabelledSource, TextOptions, decode_text, in_order, shown, typed
from .splits import split_of

LAYOUT = "train/LABEL/*.txt and test/LABEL/*.txt (valid/ too), or LABEL/*.txt"


class LabelFolders(LabelledSource):
    """The .txt files of some folders, one for each split and label."""

    def __init__(self, place: Path, folders: Mapping[tuple[str, str], Path], encoding: str, notes: Sequence[str] = ()):
        self.place, self._folders, self._encoding = place, folders, encoding
        self.groups = list(folders)
        self.notes = list(notes)

    def _parts(self) -> Iterator[bytes]:
        """The names and bytes of the texts."""
        yield self._encoding.encode()
        for key, content in self._files():
            yield os.fsencode("/".join(map(str, key)))
            yield content

    def texts(self) -> Iterator[tuple[Key, str]]:
        """Every text, sorted by name in each folder."""
        for key, content in self._files():
            where = str(self._folders[key.split, key.label] / str(key.name))
            yield key, decode_text(content, where, self._encoding)

    def _files(self) -> Iterator[tuple[Key, bytes]]:
        for (split, label), folder in self._folders.items():
            for entry in text_files(folder):
                yield Key(split, label, entry.name), read_bounded(Path(entry.path))


def text_files(folder: Path) -> list[os.DirEntry[str]]:
    """The .txt files of a folder, sorted by name. ValueError for a link and for a folder in it."""
    found = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                raise ValueError(
                    f"{folder} holds the folder {entry.name!r}: texts lie in the folder of their label itself, "
                    f"as {LAYOUT}"
                )
            if entry.name.endswith(".txt"):
                if not entry.is_file(follow_symlinks=False):
                    raise ValueError(f"{entry.path} is no regular file: it is not read")
                found.append(entry)
    return found


def read_bounded(file: Path) -> bytes:
    """The bytes of a file. ValueError if it is too large for one text."""
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{file} has more than {MAX_BYTES:,} bytes: no text is that long")
    return content


def visible(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, without hidden files and those of archive programs."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "__MACOSX")


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders named for a split; none where they are labels beside others, with texts and no folders in them.

    ValueError if two are named for the same split, FileNotFoundError if one is without train.
    """
    folders = [path for path in visible(folder) if path.is_dir()]
    named = [(split, path) for path in folders if (split := split_of(path.name))]
    if len(named) < len(folders) and not any(inner.is_dir() for _, path in named for inner in visible(path)):
        return {}
    found: dict[str, Path] = {}
    for split, path in named:
        if split in found:
            raise ValueError(f"{folder} holds two folders for {split}: {found[split].name} and {path.name}")
        found[split] = path
    if found and "train" not in found:
        names = ", ".join(path.name for path in found.values())
        raise FileNotFoundError(f"{folder} holds {names} but no folder train; the layout is {LAYOUT}")
    return found


def with_splits(folder: Path, splits: Mapping[str, Path], options: TextOptions) -> LabelFolders:
    """split/LABEL/*.txt -> source. ValueError for a folder that is no split and for labels that do not agree."""
    others = [path.name for path in visible(folder) if path.is_dir() and path not in splits.values()]
    if others:
        raise ValueError(
            f"{folder} holds {shown(others)} beside {', '.join(path.name for path in splits.values())}: "
            f"move elsewhere what is no split; the layout is {LAYOUT}"
        )
    there = {split: [path.name for path in visible(place) if path.is_dir()] for split, place in splits.items()}
    if not there["train"]:
        raise FileNotFoundError(f"{splits['train']} holds no folder of a label; the layout is {LAYOUT}")
    chosen = check_labels(options, there["train"], str(splits["train"]))
    if options.strict:
        for split, names in there.items():
            compare(splits[split], names, chosen, all_labels=options.labels is None)
    folders = {
        (split, label): place / label for split, place in splits.items() for label in chosen if label in there[split]
    }
    of_labels = [splits[split] / name for split, names in there.items() for name in names]
    notes = unread([folder, *splits.values(), *folders.values()], folders.values())
    notes += left_out(folder, of_labels, folders.values())
    return LabelFolders(folder, folders, options.encoding, notes)


def compare(place: Path, names: Sequence[str], chosen: Sequence[str], *, all_labels: bool) -> None:
    """ValueError if the folders of a split are not those of the labels that are read."""
    missing = [label for label in chosen if label not in names]
    extra = [name for name in names if name not in chosen] if all_labels else []
    if missing or extra:
        both = [label for label in chosen if label not in missing]
        what = f"no folder {shown(missing)}, which train has" if missing else f"{shown(extra)}, which train has not"
        advice = f"data.labels=[{','.join(both)}] reads these labels alone" if len(both) > 1 else LAYOUT
        raise ValueError(f"{place} {'has' if missing else 'holds'} {what}: {advice}")


def without_splits(folder: Path, options: TextOptions) -> LabelFolders:
    """LABEL/*.txt -> source in which all texts are training texts."""
    names = [path.name for path in visible(folder) if path.is_dir()]
    if len(names) == 1 and any(path.is_dir() for path in visible(folder / names[0])):
        raise FileNotFoundError(f"{folder} holds nothing but {names[0]}: give {typed(folder / names[0])}")
    chosen = check_labels(options, names, str(folder))
    folders = {("train", label): folder / label for label in chosen if label in names}
    notes = unread([folder, *folders.values()], folders.values())
    notes += left_out(folder, [folder / name for name in names], folders.values())
    return LabelFolders(folder, folders, options.encoding, notes)


def check_labels(options: TextOptions, there: Sequence[str], where: str) -> list[str]:
    """The labels to read: those that are given, or all, in their order. ValueError if one is not there."""
    if options.labels is None:
        return in_order(there)
    missing = [label for label in options.labels if label not in there]
    if missing and options.strict:
        raise ValueError(f"data.labels names {shown(missing)}, but the labels in {where} are {shown(in_order(there))}")
    return list(options.labels)


def left_out(place: Path, of_labels: Iterable[Path], of_texts: Iterable[Path]) -> list[str]:
    """A note that names the folders of labels that are not read, and says how many texts lie there."""
    read = set(of_texts)
    numbers = {
        str(folder.relative_to(place)): sum(path.suffix == ".txt" for path in visible(folder))
        for folder in of_labels
        if folder not in read
    }
    if not numbers:
        return []
    return [f"texts with other labels are left out: {sum(numbers.values()):,}, in {shown(list(numbers))}"]


def unread(folders: Sequence[Path], of_texts: Iterable[Path]) -> list[str]:
    """A note that names the files that nobody reads."""
    holds_texts = set(of_texts)
    names = [
        str(path)
        for folder in folders
        for path in visible(folder)
        if path.is_file() and not (folder in holds_texts and path.suffix == ".txt")
    ]
    return [f"files that are not read: {shown(names)}"] if names else []
