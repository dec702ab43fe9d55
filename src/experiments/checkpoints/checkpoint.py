"""Checkpoints: tensors and plain containers in one file, written whole or not at all, read without executing code."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from ..config.atomic import atomic_write
from ..config.errors import first_line

log = logging.getLogger("experiments")

FORMAT = "recurrent-experiments checkpoint 1"
CONTENTS = {"config": dict, "choices": dict, "run_id": str, "vocabulary": str, "best": dict, "model": dict}


class Foreign(ValueError):
    """A file that can be read but is no checkpoint of ours."""


def save(path: Path, content: Mapping[str, Any], keep: Path | None = None) -> None:
    """Write to a temporary file, sync, rename: whoever looks finds the old checkpoint or the new one.

    The old one is kept under the name `keep`, if that is given.
    """
    with atomic_write(path, durable=True, keep=keep) as temporary, temporary.open("wb") as file:
        writer = _Writer(file)
        try:
            torch.save({"format": FORMAT, **content}, cast(BinaryIO, writer))  # it only writes and flushes
        except Exception as error:
            raise writer.error or error from None


def load_newest(paths: Sequence[Path]) -> dict[str, Any] | None:
    """The first of these checkpoints that is whole; None if there is none at all.

    A damaged one is said and passed over; ValueError if all are damaged, or one is foreign.
    """
    damage: ValueError | None = None
    damaged: list[Path] = []
    for path in paths:
        if path.exists():
            try:
                content = load(path)
            except Foreign:
                raise
            except ValueError as error:
                log.warning("%s; the one before is tried", error)
                damage, damaged = error, [*damaged, path]
            else:
                for other in damaged:  # which must not take the place of this one when the next is saved
                    other.rename(other.with_name(f"{other.name}.damaged"))
                return content
    if damage is not None:
        raise damage
    return None


class _Writer:
    """A file that remembers its error: torch.save would turn a full disk into an error of its own."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Left to `save`."""


def load(path: Path) -> dict[str, Any]:
    """What `save` wrote, on the CPU, with at least CONTENTS. ValueError if it is damaged or none of ours."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no exception of its own, a hostile file can raise any
        raise ValueError(f"{path} cannot be read as a checkpoint: {first_line(error)}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise Foreign(f"{path} is not a checkpoint of this framework")
    for key, kind in CONTENTS.items():
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{path} is a damaged checkpoint: it holds no {key}")
    return content


def check_weights(own: Mapping[str, Any], stored: Mapping[str, Any], source: str) -> None:
    """ValueError if names or shapes of stored weights differ from a model's, with the first that does.

    The tables of a counted model are its extra state, which has no shape to compare.
    """
    for name in [*own, *stored]:
        here, there = (shape_of(tensors.get(name)) for tensors in (own, stored))
        if here != there:
            raise ValueError(
                f"the weights in {source} are of another network: {name} is {there}, the model's is {here}"
            )


def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], source: str) -> None:
    """Load stored weights into a model. ValueError if they are of another network or model."""
    check_weights(model.state_dict(), weights, source)
    try:
        model.load_state_dict(weights)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the weights in {source} are of another model: {first_line(error)}") from error


def shape_of(value: Any) -> tuple[int, ...] | str:
    """A tensor's shape; of anything else whether it is there."""
    return tuple(value.shape) if isinstance(value, torch.Tensor) else "missing" if value is None else "there"
