"""Labelled texts in tables: one file, or a folder with a file for each split."""

import difflib
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from .label_folders import visible
from .sources import MAX_BYTES, Key, LabelledSource, TextOptions, in_order, label_name, one_spelling, shown, typed
from .splits import split_of
from .tables import Table, read_table

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
KINDS |= {f"{ending}.gz": kind for ending, kind in KINDS.items()}
KINDS |= {".parquet": "parquet", ".pq": "parquet"}
ENDINGS = tuple(KINDS)
# The usual names of columns, in the order in which they are looked for.
TEXTS = [
    *("text", "review", "sentence", "content", "comment", "body", "message", "document", "tweet", "phrase"),
    *("review_text", "reviewtext", "description", "question", "title", "v2"),
]
LABELS = [
    *("label", "labels", "sentiment", "class", "category", "target", "rating", "score", "stars", "polarity"),
    *("label_text", "intent", "topic", "emotion", "y", "v1"),
]
FEW = 20  # rows, up to which each may have a label of its own


class LabelTables(LabelledSource):
    """A column of texts and a column of labels in one table for each split."""

    def __init__(self, place: Path, files: Mapping[str, Path], options: TextOptions, notes: Sequence[str] = ()):
        self.place, self._files, self._options = place, files, options
        self.notes = list(notes)
        self.findings: list[str] = []

    def _parts(self) -> Iterator[bytes]:
        """The files and the options."""
        yield repr(self._options._replace(strict=True)).encode()
        for split, file in self._files.items():
            yield f"{split} {kind_of(file)}".encode()
            yield file.read_bytes()

    def texts(self) -> Iterator[tuple[Key, str]]:
        """Every text with the label of its row."""
        options, columns, left_out = self._options, None, 0
        known, trained = list(options.labels or ()), None
        for split, file in self._files.items():  # train is the first
            table = read_table(file, kind_of(file), options.encoding)
            columns = choose_columns(table, options, file) if columns is None else columns.checked(table, file)
            labels = labels_of(table, columns.label, file, trained)
            if trained is None:
                trained = set(labels)
                known = known or in_order(labels)
            elif options.labels is None:
                check_known(labels, known, file)
            for row, (text, label) in enumerate(zip(texts_of(table, columns.text, file), labels)):
                if label in known:
                    yield Key(split, label, row), text
                else:
                    left_out += 1
        if columns != (options.text_column, options.label_column):
            self.findings.append(f"columns with usual names are read: {columns}")
        if left_out:
            self.findings.append(f"texts with other labels are left out: {left_out:,}")


class Columns(NamedTuple):
    """The names of the columns that are read."""

    text: str
    label: str

    def __str__(self) -> str:
        return f"data.text_column={self.text} data.label_column={self.label}"

    def checked(self, table: Table, file: Path) -> "Columns":
        """Themselves. ValueError if the table of another split lacks one."""
        for name in self:
            if name not in table.names:
                raise ValueError(
                    f"{file} has the columns {shown(table.names)}, and not {name!r} as the training table has: "
                    "data.path=FILE reads one table alone"
                )
        return self


def kind_of(file: Path) -> str:
    """The kind of table that a file's name says, "" if it says none."""
    name = file.name.lower()
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), "")


def tables_in(folder: Path) -> dict[str, Path]:
    """The tables of a folder by split; a single table is train. ValueError if they are not named for splits."""
    tables = [path for path in visible(folder) if path.is_file() and kind_of(path)]
    if len(tables) == 1 and split_of(tables[0].name) in (None, "train"):
        return {"train": tables[0]}
    found: dict[str, Path] = {}
    for path in tables:
        split = split_of(path.name)
        if split is None:
            raise ValueError(
                f"{folder} holds several tables, and {path.name} is named for no split or for several: give one file, "
                f"{typed(path)}, or name them train, valid and test"
            )
        if split in found:
            raise ValueError(f"{folder} holds two tables for {split}: {found[split].name} and {path.name}")
        found[split] = path
    if found and "train" not in found:
        names = ", ".join(path.name for path in found.values())
        raise FileNotFoundError(f"{folder} holds {names} but no table with train in its name, as in train.csv")
    return {split: found[split] for split in ("train", "valid", "test") if split in found}


def choose_columns(table: Table, options: TextOptions, file: Path) -> Columns:
    """The columns that are named, or columns with usual names. ValueError if they are not there."""
    chosen = Columns(
        find_column(table, "text", options.text_column, TEXTS, file),
        find_column(table, "label", options.label_column, LABELS, file),
    )
    if chosen.text == chosen.label:
        raise ValueError(f"{chosen} name the same column; {file} has {shown(table.names)}")
    return chosen


def find_column(table: Table, kind: str, name: str | None, usual: Sequence[str], file: Path) -> str:
    """The column of this name, or the first with a usual name. ValueError if it is not there, or twice."""
    there = f"{file} has the columns {shown(table.names)}"
    lowered = {column.lower(): column for column in reversed(table.names)}
    found = next((lowered[each] for each in usual if each in lowered), None) if name is None else name
    if found is None:
        raise ValueError(
            f"{there}, and none with a usual name for {kind}s: give data.{kind}_column=NAME (a file whose first line "
            "is no line of names needs one, such as text,label)"
        )
    if found not in table.names:
        near = difflib.get_close_matches(found, table.names, 1)
        hint = f"did you mean data.{kind}_column={near[0]}?" if near else f"give data.{kind}_column=NAME"
        raise ValueError(f"{there}, and not {found!r}: {hint}")
    if table.names.count(found) > 1:
        raise ValueError(f"{file} has two columns {found!r}: give each column a name of its own")
    return found


def texts_of(table: Table, column: str, file: Path) -> Iterator[str]:
    """The column of texts; a missing one is empty. ValueError for what is no text or too long."""
    for value, place in zip(table.column(column), table.places):
        if value is None:
            value = ""
        elif not isinstance(value, str):
            raise ValueError(
                f"{place} of {file} has {str(value)[:40]!r} in the column {column!r}, which is no text: "
                "give data.text_column=NAME"
            )
        if len(value) > MAX_BYTES:
            raise ValueError(f"{place} of {file} has {len(value):,} characters: no text is that long")
        yield value


def labels_of(table: Table, column: str, file: Path, trained: Set[str] | None) -> list[str]:
    """The column of labels as text, spelled as the labels of training; None: these are they.

    ValueError for missing ones, lists, and a column of training that holds something else.
    """
    labels = [_label(value, f"{place} of {file}", column) for value, place in zip(table.column(column), table.places)]
    labels = one_spelling(labels, set(labels) if trained is None else trained)
    number = len(set(labels))
    if trained is None and len(labels) > FEW and number > len(labels) // 2:
        raise ValueError(
            f"the column {column!r} of {file} has {number:,} different values in {len(labels):,} rows, so it is no "
            "column of labels: give data.label_column=NAME"
        )
    return labels


def _label(value: Any, where: str, column: str) -> str:
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise ValueError(f"{where} has {str(value)[:40]!r} in the column {column!r}: each text has one label")
    label = "" if value is None else label_name(value)
    if not label:
        raise ValueError(f"{where} has no label in the column {column!r}: leave out the rows without a label")
    return label


def check_known(labels: Sequence[str], trained: Sequence[str], file: Path) -> None:
    """ValueError if a label is not among those of training."""
    if new := in_order(set(labels) - set(trained)):
        raise ValueError(
            f"{file} has the label {shown(new)}, which no training text has: data.labels=[{','.join(trained)}] "
            "leaves such texts out"
        )
