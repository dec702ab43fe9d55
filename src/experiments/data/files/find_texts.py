"""From a path to the labelled texts that are there."""

import difflib
from pathlib import Path

from .label_folders import LAYOUT, split_folders, visible, with_splits, without_splits
from .sources import ARCHIVE, LabelledSource, TextOptions, shown, typed, unpacking
from .table_source import ENDINGS, LabelTables, kind_of, tables_in

TABLES = "a table is .csv, .tsv, .jsonl or .parquet"


def find_texts(path: Path, options: TextOptions) -> LabelledSource:
    """A table, a folder with tables, or a folder with a folder for each label -> source.

    Raises FileNotFoundError or ValueError with what is there instead and the line that works.
    """
    if path.is_file():
        return LabelTables(path, {"train": check_table(path)}, options)
    if not path.is_dir():
        names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"give a folder with {LAYOUT}, or a table"
        raise FileNotFoundError(f"there is no {path}; {hint}")
    splits, tables = split_folders(path), tables_in(path)
    folders = [p for p in visible(path) if p.is_dir()]
    if tables and folders:
        raise ValueError(
            f"{path} holds both tables ({shown([p.name for p in tables.values()])}) and folders "
            f"({shown([p.name for p in folders])}): give {typed(tables['train'])}, or move one of them elsewhere"
        )
    if tables:
        others = [p.name for p in visible(path) if p not in tables.values()]
        return LabelTables(path, tables, options, [f"files that are not read: {shown(others)}"] if others else [])
    if splits:
        return with_splits(path, splits, options)
    if folders:
        return without_splits(path, options)
    there = shown([p.name for p in visible(path)]) or "nothing"
    raise FileNotFoundError(f"{path} holds {there}, but neither folders of texts ({LAYOUT}) nor a table ({ENDINGS[0]})")


def check_table(file: Path) -> Path:
    """The file itself. ValueError with the line that works if its name is not that of a table."""
    if kind_of(file):
        return file
    if ARCHIVE.search(file.name):
        raise ValueError(f"{file} is an archive, which is not read: {unpacking(file)}")
    if file.suffix.lower() in (".xls", ".xlsx", ".ods"):
        raise ValueError(f"{file} is a spreadsheet: save it as {file.stem}.csv (UTF-8) and give that file")
    raise ValueError(
        f"{file} is no table that is read ({TABLES}): rename it to what it is, or give a folder with {LAYOUT}"
    )
