"""Reading text files with errors that say which file and what is wrong with it."""

import difflib
from pathlib import Path


def read_text(file: Path) -> str:
    """A UTF-8 file whole. Raises FileNotFoundError or ValueError with the path if it is missing, empty or no UTF-8."""
    if not file.is_file():
        names = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, names, 1)
        raise FileNotFoundError(f"there is no data file {file}" + (f"; did you mean {near[0]}?" if near else ""))
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from None
    if not text.strip():
        raise ValueError(f"{file} is empty")
    return text
