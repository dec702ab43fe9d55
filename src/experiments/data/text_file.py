"""Reading text files with errors that say which file and what is wrong with it."""

from pathlib import Path


def read_text(file: Path) -> str:
    """A UTF-8 file whole. Raises FileNotFoundError or ValueError with the path if it is missing, empty or no UTF-8."""
    if not file.is_file():
        near = f"; {file.parent} holds {_listing(file.parent)}" if file.parent.is_dir() else ""
        raise FileNotFoundError(f"there is no data file {file}{near}")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}"
        ) from None
    if not text.strip():
        raise ValueError(f"{file} is empty")
    return text


def _listing(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir())
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"
