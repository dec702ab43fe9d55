"""The masks of dropout, drawn here for the NumPy and the torch network, so that a seed drops the same units in both.

They are scaled to keep the mean, and drawn for all columns of a window, so that they do not depend on the share of them
that this process reads.
"""

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .network import RecurrentNetwork


def unit_masks(network: "RecurrentNetwork", inputs: Tensor) -> list[Tensor | None]:
    """Masks (T or 1, B, size or 1) for the input of each layer of a network in training, then of the output."""
    (T, B), size, share = inputs.shape[:2], network.input_size, network.share
    B = B if share is None else share.total
    p = network.dropouts
    shapes = {"word": (T, B, 1), "channel": (1, B, size), "input": (T, B, size)}
    drawn = [_mask(network, shape, p[f"{name}_dropout"]) for name, shape in shapes.items()]
    parts = [mask for mask in drawn if mask is not None]
    masks = [functools.reduce(torch.mul, parts) if parts else None]
    T = 1 if network.locked_dropout else T
    masks += [_mask(network, (T, B, width), p["dropout"]) for width in network.widths[:-1]]
    T = 1 if network.labels_only else T
    return [*masks, _mask(network, (T, B, network.num_features), p["output_dropout"])]


def _mask(network: "RecurrentNetwork", shape: tuple[int, ...], p: float) -> Tensor | None:
    if not p:
        return None
    mask = network.output.b.new_empty(shape).bernoulli_(1.0 - p).div_(1.0 - p)
    return mask if network.share is None else mask[:, network.share.columns]


def weight_masks(network: "RecurrentNetwork") -> dict[str, Tensor]:
    """Masks of each W_hh, by its name."""
    keep = 1.0 - network.weight_dropout
    named = ((name, W) for name, W in network.named_parameters() if name.endswith("W_hh"))
    return {name: torch.empty_like(W).bernoulli_(keep).div_(keep) for name, W in named}
