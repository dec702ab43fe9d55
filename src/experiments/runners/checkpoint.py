"""Checkpoints: tensors and plain containers in one file, written whole or not at all, read without executing code."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ..errors import first_line

FORMAT = "recurrent-experiments checkpoint 1"
CONTENTS = {"config": dict, "choices": dict, "run_id": str, "vocabulary": str, "best": dict, "model": dict}


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write to a temporary file, sync, rename: whoever looks finds the old checkpoint or the new one."""
    building = path.with_name(f"{path.name}.building")
    try:
        with building.open("wb") as file:
            writer = _Writer(file)
            try:
                torch.save({"format": FORMAT, **content}, writer)
            except Exception as error:
                raise writer.error or error from None
            file.flush()
            os.fsync(file.fileno())
        os.replace(building, path)
    finally:
        building.unlink(missing_ok=True)


class _Writer:
    """A file that remembers its error: torch.save would turn a full disk into an error of its own."""

    def __init__(self, file: BinaryIO):
        self._file, self.error = file, None

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
        raise ValueError(f"{path} is not a checkpoint of this framework")
    for key, kind in CONTENTS.items():
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{path} is a damaged checkpoint: it holds no {key}")
    return content


def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], source: str) -> None:
    """Put stored weights into a model. ValueError if names or shapes differ, with the first that does.

    The tables of a model without gradients are its extra state, which has no shape to compare.
    """
    own = model.state_dict()
    for name in [*own, *weights]:
        here, there = (shape_of(tensors.get(name)) for tensors in (own, weights))
        if here != there:
            raise ValueError(
                f"the weights in {source} are of another network: {name} is {there}, the model's is {here}"
            )
    try:
        model.load_state_dict(weights)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the weights in {source} are of another model: {first_line(error)}") from error


def shape_of(value: Any) -> tuple[int, ...] | str:
    """A tensor's shape; of anything else whether it is there."""
    return tuple(value.shape) if isinstance(value, torch.Tensor) else "missing" if value is None else "there"
