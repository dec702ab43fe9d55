"""The file that keeps every part's figures, docs/speed.json or another one.

{"format": 1, "parts": {NAME: what `machine.stamp` says, and the fields of the part's `Result`}}
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from experiments.config.atomic import atomic_write

from .results import Result

FORMAT = 1
Stored = dict[str, Any]  # of one part
INNERMOST = re.compile(r"[\[{][^\[\]{}]*[\]}]")


def read(path: Path) -> dict[str, Stored]:
    """The parts of a file by name. Raises SystemExit for a file that is none of ours."""
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise SystemExit(f"{path} has format {content['format']}; this program reads format {FORMAT}")
        parts: dict[str, Stored] = content["parts"]
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SystemExit(f"{path} is no file of results; python -m benchmarks --to {path} writes one") from None
    return parts


def store(path: Path, name: str, result: Result, stamp: dict[str, Any]) -> None:
    """Put a part in, or in the place of what was known of it; the other parts stay."""
    parts = read(path) if path.exists() else {}
    parts[name] = stamp | _rounded(dataclasses.asdict(result))
    text = json.dumps({"format": FORMAT, "parts": parts}, indent=1, ensure_ascii=False)
    with atomic_write(path) as temporary:
        temporary.write_text(INNERMOST.sub(_on_one_line, text) + "\n")


def result_in(stored: Stored) -> Result:
    """The Result that was stored."""
    return Result(**{field.name: stored[field.name] for field in dataclasses.fields(Result)})


def _rounded(value: Any) -> Any:
    """Floats to six digits, which is more than a clock can tell."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _on_one_line(found: re.Match[str]) -> str:
    """A list or mapping without others in it; line ends within texts are escaped, so they stay."""
    return re.sub(r" ?\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]")
