"""The whole state of a training: from it a run continues as if it had never been stopped."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..config.errors import ConfigError, first_line
from . import checkpoint

log = logging.getLogger("experiments")

LAST, PREVIOUS = "last.pt", "previous.pt"


class Stateful(Protocol):
    """A part of a training that can be saved and restored."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any, /) -> Any: ...


def save(parts: Mapping[str, Stateful], description: Mapping[str, Any], folder: Path) -> None:
    """Write last.pt, and keep the previous one."""
    states = {name: part.state_dict() for name, part in parts.items()}
    checkpoint.save(folder / LAST, {**description, **states}, keep=folder / PREVIOUS)


def restore(parts: Mapping[str, Stateful], folder: Path) -> None:
    """Load the newest training state in this folder into the parts; nothing if there is none.

    ConfigError if all files are damaged, or one is no checkpoint of ours or of another network.
    """
    try:
        content = checkpoint.load_newest([folder / LAST, folder / PREVIOUS])
        if content is not None:
            states = of_todays_form(content)
            checkpoint.check_weights(parts["model"].state_dict(), states["model"], str(folder / LAST))
            for name, part in parts.items():
                part.load_state_dict(states[name])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"resume: {first_line(error)}") from error


def of_todays_form(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A training state with a key per part, also if it was written before there were parts."""
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
