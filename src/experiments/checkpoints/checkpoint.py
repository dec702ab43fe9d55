"""Checkpoint files: tensors and plain containers, written atomically, read without executing code."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..config.atomic import atomic_write
from ..config.errors import ConfigError, first_line

log = logging.getLogger("experiments")

FORMAT = "recurrent-experiments checkpoint 1"
CONTENTS = {"config": dict, "choices": dict, "run_id": str, "vocabulary": str, "best": dict, "model": dict}


class NotACheckpoint(ValueError):
    """The file can be read, but this package did not write it."""


def save(path: Path, content: Mapping[str, Any], keep: Path | None = None) -> None:
    """Write a checkpoint atomically and durably; the previous one is kept as `keep`, if given.

    Raises OSError if it cannot be written.
    """
    with atomic_write(path, durable=True, keep=keep) as temporary, temporary.open("wb") as file:
        try:
            torch.save({"format": FORMAT, **content}, file)
        except RuntimeError as error:  # torch raises it while it handles the OSError of a failed write
            raise error.__context__ or error from None


def load_newest(paths: Sequence[Path]) -> dict[str, Any] | None:
    """The first of these checkpoints that is undamaged; None if no file exists.

    Logs a warning for each damaged file. Raises ValueError if all are damaged, NotACheckpoint for a file of another
    program.
    """
    damaged: dict[Path, ValueError] = {}
    for path in filter(Path.exists, paths):
        try:
            content = load(path)
        except NotACheckpoint:
            raise
        except ValueError as error:
            log.warning("%s; trying the previous checkpoint", error)
            damaged[path] = error
        else:
            for other in damaged:  # otherwise the next save would keep it in place of this one
                other.rename(other.with_name(f"{other.name}.damaged"))
            return content
    if damaged:
        raise damaged.popitem()[1]
    return None


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; it has at least the keys of CONTENTS.

    Raises ValueError if the file is damaged, NotACheckpoint if this package did not write it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no exception of its own, a malicious file can raise any
        reason = first_line(error) if isinstance(error, OSError) else "it is damaged or another kind of file"
        raise ValueError(f"{path} cannot be read as a checkpoint: {reason}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise NotACheckpoint(f"{path} is not a checkpoint of this framework")
    for key, kind in CONTENTS.items():
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{path} is a damaged checkpoint: it holds no {key}")
    return content


def check_weights(own: Mapping[str, Any], stored: Mapping[str, Any], source: str) -> None:
    """Raise ConfigError that names the first weight whose name or shape differs between a model and a checkpoint.

    The tables of a counted model are extra state without a shape; only their presence is compared.
    """
    for name in [*own, *stored]:
        in_model, in_file = (_shape(tensors.get(name)) for tensors in (own, stored))
        if in_model != in_file:
            raise ConfigError(
                f"the weights in {source} are of another network: {name} is {in_file}, the model's is {in_model}"
            )


def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], source: str) -> None:
    """Load stored weights into a model. Raises ConfigError if they do not fit it."""
    check_weights(model.state_dict(), weights, source)
    try:
        model.load_state_dict(weights)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(f"the weights in {source} are of another model: {first_line(error)}") from error


def _shape(value: Any) -> tuple[int, ...] | str:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    return "missing" if value is None else "present"
