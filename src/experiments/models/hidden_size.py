"""How many units the layers of a recurrent network have: as given, or as many as a budget of parameters allows."""

import copy
from typing import TYPE_CHECKING

import torch

from ..config.checks import at_least
from .weights import num_parameters

if TYPE_CHECKING:
    from .network import RecurrentNetwork


def set_hidden_size(
    network: "RecurrentNetwork", hidden_size: int | list[int] | None, budget: float | None, bias: str
) -> None:
    """Set the sizes of the layers of a network without weights: those that are given, or what fits the budget.

    ValueError unless one of the two is given, and for an impossible one.
    """
    if budget is None:
        if hidden_size is None:
            raise ValueError("hidden_size=null needs a budget: give model.hidden_size=100 or model.parameters=1e6")
        _set_sizes(network, hidden_size if isinstance(hidden_size, list) else [hidden_size] * network.num_layers)
        return
    if hidden_size is not None:
        raise ValueError(
            f"hidden_size={hidden_size} and parameters={budget:.10g} both say how large the layers are: leave one of "
            "them out, or give model.parameters=null"
        )
    _set_width(network, largest_hidden_size(network, budget, bias))
    options = ("hidden_size", "embedding_size") if network.tied else ("hidden_size",)
    network.solved_options = {option: getattr(network, option) for option in options}


def largest_hidden_size(network: "RecurrentNetwork", budget: float, bias: str) -> int:
    """The largest H with which the network has at most `budget` parameters: no cell gets more than another.

    The parameters are counted of weights that are made without memory; their number grows with H.
    ValueError, with the smallest budget that works, if H = 1 has more.
    """

    def count(hidden_size: int) -> int:
        trial = copy.deepcopy(network)
        _set_width(trial, hidden_size)
        with torch.device("meta"):
            trial._make_weights(bias)
        return num_parameters(trial)

    if (least := count(1)) > budget:
        raise ValueError(
            f"parameters={budget:.10g} is too small for this network, which has {least:,} with a hidden size of 1: "
            f"give model.parameters={least} or more"
        )
    fits, exceeds = 1, 2
    while count(exceeds) <= budget:
        fits, exceeds = exceeds, 2 * exceeds
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        fits, exceeds = (middle, exceeds) if count(middle) <= budget else (fits, middle)
    return fits


def _set_sizes(network: "RecurrentNetwork", sizes: list[int]) -> None:
    """One size for each layer. ValueError for another number of them, and for a size that is none."""
    if len(sizes) != network.num_layers:
        raise ValueError(
            f"hidden_size={sizes} must have a size for each layer, but num_layers is {network.num_layers}: "
            f"give model.num_layers={max(1, len(sizes))}"
        )
    for size in sizes:
        at_least(1, hidden_size=size)
    network.layer_sizes, network.hidden_size = sizes, sizes[-1]


def _set_width(network: "RecurrentNetwork", hidden_size: int) -> None:
    """The same size for all layers."""
    _set_sizes(network, [hidden_size] * network.num_layers)
    if network.tied:  # the embedding is the output's weights
        network.embedding_size = hidden_size
