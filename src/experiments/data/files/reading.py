"""Text files and their splits, with errors that say which file and what is wrong with it."""

import difflib
from pathlib import Path


def checked_file(file: Path) -> Path:
    """The file itself. Raises FileNotFoundError with the nearest name if it is not there, ValueError if it is empty."""
    if file.exists() and not file.is_file():
        raise FileNotFoundError(f"{file} is not a file")
    if not file.is_file():
        names = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, names, 1)
        raise FileNotFoundError(f"there is no data file {file}" + (f"; did you mean {near[0]}?" if near else ""))
    if file.stat().st_size == 0:
        raise ValueError(f"{file} is empty")
    return file


def read_text(file: Path) -> str:
    """A UTF-8 file whole. Raises FileNotFoundError or ValueError with the path if it is missing, empty or no UTF-8."""
    return decoded(checked_file(file).read_bytes(), str(file))


def decoded(content: bytes, where: str, first: int = 0) -> str:
    """UTF-8 -> text, without a mark of the byte order at the beginning of the file; `first` is the first byte's place.

    Raises ValueError that says `where` it is from and which byte is wrong.
    """
    try:
        return content.decode("utf-8-sig" if first == 0 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} is not UTF-8 text: byte {first + error.start} is {error.object[error.start]:#x}"
        ) from None


def check_fractions(valid_fraction: float, test_fraction: float) -> dict[str, float]:
    """The shares of train, valid and test. ValueError if they leave no training text."""
    for name, fraction in (("valid_fraction", valid_fraction), ("test_fraction", test_fraction)):
        if not 0.0 <= fraction < 1.0:
            raise ValueError(f"{name} must be from 0 to below 1, got {fraction}")
    if valid_fraction + test_fraction >= 1.0:
        raise ValueError(f"valid_fraction + test_fraction = {valid_fraction + test_fraction} leaves no training text")
    return {"train": 1.0 - valid_fraction - test_fraction, "valid": valid_fraction, "test": test_fraction}
