"""Training layer by layer, from the output down: a rate for each, and layers that stay as they begin until their turn.

Both are for a network that begins with layers of another one (Howard and Ruder, 2018, discriminative fine-tuning and
gradual unfreezing).
"""

import logging
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..config.errors import ConfigError
from ..config.settings import Settings
from ..interfaces.model import Model

log = logging.getLogger("experiments")

LAYER = re.compile(r"(?:reverse_)?layers\.(\d+)\.")


def layers_of(model: torch.nn.Module) -> list[list[torch.nn.Parameter]]:
    """The parameters by layer: the output's first, then those of `layers` from the last on, then the embedding's.

    `reverse_layers` belong to the `layers` of the same depth; an embedding that is also the output's weights is an
    embedding. Of a network of one's own the names of the parameters decide in the same way.
    """
    heights: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        found = LAYER.match(name)
        height = int(found[1]) if found else -1 if name.startswith("embedding.") else math.inf
        heights.setdefault(height, []).append(parameter)
    return [heights[height] for height in sorted(heights, reverse=True)]


def parameters_of(model: torch.nn.Module, decay: float, options: Mapping[str, Any]) -> Iterable[Any]:
    """What an optimizer with these options is built for: all parameters alike, or a group for each layer.

    The rate of each group is `decay` times that of the layer above; the output has the optimizer's own.
    """
    if decay == 1.0:
        return model.parameters()
    layers = enumerate(layers_of(model))
    return [{"params": layer, "lr": options["lr"] * decay**depth} for depth, layer in layers]


class GradualUnfreezing:
    """At first only the output trains; every so many epochs one more layer does, from the output down.

    What trains is a function of the epoch alone, so that a resumed run needs no state for it.
    """

    def __init__(self, model: torch.nn.Module, every: int):
        """Parameters that do not train as the model is built, such as a frozen embedding, never do."""
        self._every = every
        self._layers = [[p for p in layer if p.requires_grad] for layer in layers_of(model)]

    def begin(self, epoch: int) -> None:
        """Set what trains in the epoch after so many epochs."""
        number = 1 + epoch // self._every
        for depth, layer in enumerate(self._layers):
            for parameter in layer:
                parameter.requires_grad_(depth < number)

    def announce(self, epochs: int) -> None:
        """Log from which epoch on all layers train, or how many never do in so many epochs."""
        last = 1 + self._every * (len(self._layers) - 1)
        never = len(self._layers) - 1 - (epochs - 1) // self._every
        until = f"all from epoch {last} on" if never <= 0 else f"with epochs={epochs} the lowest {never} stay frozen"
        log.info("unfreezing: of %d layers the output trains first; %s", len(self._layers), until)


def check_layerwise(model: Model, settings: Settings) -> None:
    """ConfigError if layers are to be treated differently in a model that has none one above the other."""
    if settings.unfreeze_every is None and settings.layer_rate_decay == 1.0:
        return
    if not any(LAYER.match(name) for name, _ in model.named_parameters()):
        raise ConfigError(
            f"unfreeze_every and layer_rate_decay are for recurrent layers, which {type(model).__name__} does not "
            "have: give unfreeze_every=null layer_rate_decay=1.0"
        )


def check_rate(options: Mapping[str, Any], settings: Settings) -> None:
    """ConfigError if layers are to have rates of their own and the optimizer has no number `lr`."""
    if settings.layer_rate_decay != 1.0 and not isinstance(options.get("lr"), int | float):
        raise ConfigError(
            f"layer_rate_decay={settings.layer_rate_decay} multiplies the optimizer's lr, which is "
            f"{options.get('lr')}: give layer_rate_decay=1.0, or optimizer.lr a number"
        )
