"""The option `model.parameters`, a budget from which a model solves for its hidden size."""

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from .binding import Bound
from .errors import ConfigError


def leave_size_to_budget(model: Bound[Any], typed: Mapping[str, str]) -> None:
    """Take a hidden size that is not typed out of the options of a model with a budget of parameters.

    So a default without effect is neither recorded nor a part of a run's identity; one that is typed is refused by the
    model. ConfigError for the typed embedding size of a tied network, whose embedding is as wide as its layers.
    """
    if model.options.get("parameters") is None or not _may_be_null(model.target, "hidden_size"):
        return
    if "model.hidden_size" not in typed:
        model.options["hidden_size"] = None
    source, size = model.options.get("embedding_from"), typed.get("model.embedding_size")
    if model.options.get("tied") and (source is not None or size is not None):
        given = f"embedding_size={size}" if source is None else f"embedding_from={source}"
        raise ConfigError(
            "with model.tied=true and model.parameters the embedding is as wide as the layers, so that "
            f"model.{given} cannot choose its width: leave it out, or give model.hidden_size, not model.parameters"
        )


def _may_be_null(target: Any, option: str) -> bool:
    """Whether a class takes null for an option."""
    hints = typing.get_type_hints(target.__init__) if inspect.isclass(target) else {}
    return type(None) in typing.get_args(hints.get(option))
