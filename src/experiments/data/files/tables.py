"""Tables of texts in files: CSV, TSV, JSON lines and Parquet, as columns of plain values."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...config.errors import first_line
from .reading import blocks, checked_file
from .sources import decode_text
from .units import REPLACEMENT

DELIMITERS = {"csv": ",;\t", "tsv": "\t"}  # of the line of names the first of these that is in it
FIRST_LINE = re.compile(r"[\r\n]*([^\r\n]*)")
QUOTED = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character, as \ud83d of a text cut in an emoji
csv.field_size_limit(1 << 30)


class Table(NamedTuple):
    """Rows of a file under the names of its columns."""

    names: list[str]
    rows: Sequence[Sequence[Any]]
    places: list[str]  # of each row, for messages: "line 7", "row 7"

    def column(self, name: str) -> list[Any]:
        """The values of a column, None where there is none."""
        k = self.names.index(name)
        return [row[k] for row in self.rows]


def read_table(file: Path, kind: str, encoding: str) -> Table:
    """A file of the kind csv, tsv, jsonl, json or parquet; the others but Parquet may be compressed as .gz.

    Raises FileNotFoundError or ValueError that names the file, and the line where there is one.
    """
    checked_file(file)
    if kind == "parquet":
        return _read_parquet(file)
    text = decode_text(b"".join(blocks(file)), str(file), encoding)
    if kind in DELIMITERS:
        return _read_delimited(text, file, kind)
    return _read_json(text, file)


def _read_delimited(text: str, file: Path, kind: str) -> Table:
    names = FIRST_LINE.match(text)
    first = names[1] if names else ""
    delimiter = next((sign for sign in DELIMITERS[kind] if sign in first), DELIMITERS[kind][0])
    if delimiter == "\t":  # often written without quoting: a quote is a sign like others
        try:
            table = _table(text, file, csv.QUOTE_NONE, delimiter)
            return table._replace(rows=[[_unquoted(field) for field in row] for row in table.rows])
        except ValueError as plain:
            try:
                return _table(text, file, csv.QUOTE_MINIMAL, delimiter)
            except ValueError:
                raise plain from None
    return _table(text, file, csv.QUOTE_MINIMAL, delimiter)


def _unquoted(field: str) -> str:
    """A field that is quoted as a whole, perhaps between spaces, without its quotes."""
    whole = QUOTED.fullmatch(field.strip(" "))
    return whole[1].replace('""', '"') if whole else field


def _table(text: str, file: Path, quoting: Any, delimiter: str) -> Table:
    skips = quoting != csv.QUOTE_NONE  # spaces before a quote, which would be part of the field
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, skipinitialspace=skips, strict=True)
    names: list[str] = []
    rows, places, line = [], [], 1
    try:
        for row in reader:
            start, line = line, reader.line_num + 1
            if not row:  # an empty line
                continue
            if not names:
                names = [_unquoted(name).strip() for name in row]
                continue
            if len(row) != len(names):
                raise ValueError(_wrong_number(f"line {start} of {file}", row, names, delimiter))
            rows.append(row)
            places.append(f"line {start}")
    except csv.Error as error:
        advice = 'a quote in a quoted text is written twice, ""'
        raise ValueError(f"line {line} of {file} cannot be read ({error}): {advice}") from None
    if not rows:
        raise ValueError(f"{file} holds no row below its line of names {', '.join(names)!r}")
    return Table(names, rows, places)


def _wrong_number(where: str, row: Sequence[str], names: Sequence[str], delimiter: str) -> str:
    sign = {"\t": "tab"}.get(delimiter, repr(delimiter))
    fields = f"{len(row)} field{'s' * (len(row) != 1)}"
    return f'{where} has {fields}, the line of names has {len(names)}: a text that holds a {sign} is written in "..."'


def _read_json(text: str, file: Path) -> Table:
    """JSON lines, or one array of objects."""
    names: dict[str, None] = {}
    rows, places = [], []
    for place, record in _records(text, file):
        if not isinstance(record, dict):
            raise ValueError(f'{place} of {file} is no JSON object: write {{"text": ..., "label": ...}} in each line')
        rows.append({_writable(name): _writable(value) for name, value in record.items()})
        names |= dict.fromkeys(rows[-1])
        places.append(place)
    if not rows:
        raise ValueError(f"{file} holds no JSON object")
    return Table(list(names), [[record.get(name) for name in names] for record in rows], places)


def _records(text: str, file: Path) -> Iterator[tuple[str, Any]]:
    is_array = text.lstrip().startswith("[")
    numbered = [(1, text)] if is_array else enumerate(text.split("\n"), 1)
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"line {number} of {file} is no JSON: {first_line(error)}") from None
        if is_array:
            yield from ((f"object {k}", record) for k, record in enumerate(found, 1))
        else:
            yield f"line {number}", found


def _writable(value: Any) -> Any:
    """A value of JSON; in a text lone surrogates, which no encoding has, are U+FFFD."""
    return LONE_SURROGATE.sub(REPLACEMENT, value) if isinstance(value, str) else value


def _read_parquet(file: Path) -> Table:
    import pandas as pd  # takes half a second, so it is not imported at the top

    try:
        frame = pd.read_parquet(file)
    except ImportError:
        install = f"{sys.executable} -m pip install pyarrow"
        raise ValueError(f"{file} needs the library pyarrow: {install}") from None
    except Exception as error:  # pyarrow and fastparquet have errors of their own
        raise ValueError(f"{file} is no Parquet file or a damaged one: {first_line(error)}") from error
    columns = [[None if _is_missing(value) else value for value in frame[name].tolist()] for name in frame]
    if not len(frame):
        raise ValueError(f"{file} holds no row")
    return Table([str(name) for name in frame], list(zip(*columns)), [f"row {k}" for k in range(1, len(frame) + 1)])


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))
