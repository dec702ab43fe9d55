"""The complete state of a training: a run resumed from it computes the same as one that was never stopped."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..config.errors import ConfigError, first_line
from ..tracking.record import RunRecord
from . import checkpoint

log = logging.getLogger("experiments")

LAST, PREVIOUS = "last.pt", "previous.pt"


class Stateful(Protocol):
    """A part of a training that can be saved and loaded."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any, /) -> Any: ...


class AttributesAsState:
    """A base class of parts whose state is their attributes."""

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)


def save(states: Mapping[str, Any], description: Mapping[str, Any], folder: Path) -> None:
    """Write the states of all parts as last.pt; the one before it becomes previous.pt."""
    checkpoint.save(folder / LAST, {**description, **states}, keep=folder / PREVIOUS)


def read(folder: Path, weights: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest training state in this folder, with one key per part; None if there is none.

    `weights` are those of the network that is to have it. Raises ConfigError if all files are damaged, or one is not a
    checkpoint of this package, of this network or of this run.
    """
    if not (folder / LAST).exists() and RunRecord.of(folder).outcome == "completed":
        why = f"the run {folder.name} completed and kept its best weights alone (runner.keep=best)"
        raise ConfigError(f"resume: {why}: checkpoint={folder.name} starts a new run from them")
    try:
        content = checkpoint.load_newest([folder / LAST, folder / PREVIOUS])
        if content is None:
            return None
        own = content.get("run", folder.name)  # files of earlier versions do not name their run
        if own not in (folder.name, RunRecord.beginning_of(folder).name):  # they differ if the folder was renamed
            raise ValueError(f"{folder / LAST} is of the run {content['run']}, not of {folder.name}")
        states = in_current_format(content)
        checkpoint.check_weights(weights, states["model"], str(folder / LAST))
        return states
    except ConfigError as error:  # whole, but of another network
        raise ConfigError(f"resume: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(error, folder) from error


def load(parts: Mapping[str, Stateful], states: Mapping[str, Any], folder: Path) -> None:
    """Load a training state of this folder into the parts. ConfigError if it does not fit."""
    try:
        for name, part in parts.items():
            part.load_state_dict(states[name])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(error, folder) from error


def _damaged(error: Exception, folder: Path) -> ConfigError:
    begin_again = f"if there is no better copy of it, delete {folder} to begin again"
    return ConfigError(f"resume: {first_line(error)}; {begin_again}")


def delete(folder: Path) -> None:
    """Delete the training states in this folder."""
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def in_current_format(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A training state with one key per part; files of the first format, which has a `position`, are converted."""
    if "position" not in content:
        return content
    return {
        **content,
        "best": {**content["best"], "weights": content["best_weights"]},
        "epoch_metrics": content["tallies"]["meter"],
        "interval_metrics": content["tallies"]["interval"],
        "random_state": {"generators": content["generators"], "threads": content["threads"]},
        "loop": {**content["position"], "last": content["metrics"], "state": content["state"]},
    }
