"""Which options of a recurrent network go together, with the data and with each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..config.checks import at_least, probabilities

if TYPE_CHECKING:
    from .network import RecurrentNetwork


def check_network(network: "RecurrentNetwork", of_input: Mapping[str, float]) -> None:
    """ValueError for an impossible number or combination; `of_input` are the dropouts of what is read."""
    activation, temporal = network.penalties
    at_least(0, activation_penalty=activation, temporal_penalty=temporal)
    check_real_numbers(network)
    at_least(1, num_layers=network.num_layers, embedding_size=network.embedding_size)
    probabilities(**network.dropouts, weight_dropout=network.weight_dropout)
    check_dropouts(network, of_input, network.dropouts["dropout"])
    check_output(network)


def check_real_numbers(network: "RecurrentNetwork") -> None:
    """ValueError unless a network fits data whose inputs are vectors or whose targets are numbers."""
    if network.real_inputs and network.embedding_size is not None:
        raise ValueError(
            f"embedding_size={network.embedding_size} is for symbols, but the inputs of this data are vectors, which "
            "are read as they are: give model.embedding_size=null"
        )
    if not network.real_targets:
        return
    if network.loss != "squared_error" or network.logistic:
        got = "output=logistic" if network.logistic else f"loss={network.loss}"
        line = "model.loss=squared_error model.output=softmax"
        raise ValueError(f"{got} is for classes, but the targets of this data are numbers: give {line}")
    if network.num_outputs != 1:
        raise ValueError(f"targets that are numbers need one output, but the data has {network.num_outputs}")


def check_cheaper_output(network: "RecurrentNetwork") -> None:
    """ValueError for an output that trains on a part of the classes where that is not possible or makes no sense."""
    at_least(1, num_samples=network.num_samples)
    if network.output_kind not in ("adaptive", "sampled"):
        return
    got, why = f"output={network.output_kind}", None
    if network.computes_without_torch:
        raise ValueError(f"{got} is there for torch networks: give model=torch_{network.cell}, or model.output=softmax")
    if network.loss != "cross_entropy":
        raise ValueError(f"{got} needs loss=cross_entropy, got {network.loss}: give model.output=softmax")
    if network.real_inputs:
        why = "the inputs of this data are vectors"
    elif network.labels_only:
        why = "this network is one for labels"
    elif network.num_inputs != network.num_outputs:
        why = f"V={network.num_inputs} and K={network.num_outputs} differ"
    if why:
        raise ValueError(f"{got} is for predicting the words of a text, but {why}: give model.output=softmax")
    if network.tied and network.output_kind == "adaptive":
        raise ValueError("tied=true needs one output vector for each word: give model.output=softmax or sampled")


def check_dropouts(network: "RecurrentNetwork", of_input: Mapping[str, float], between_layers: float) -> None:
    """ValueError for a dropout of what the network does not have."""
    for name, p in of_input.items():
        if p and network.embedding_size is None and not network.real_inputs:
            raise ValueError(f"{name}={p} needs an embedding, but embedding_size is null")
    if between_layers and network.num_layers == 1:
        raise ValueError(f"dropout={between_layers} acts between layers, but num_layers is 1: use output_dropout")


def check_output(network: "RecurrentNetwork") -> None:
    """ValueError for an output that the data or other options do not allow."""
    check_cheaper_output(network)
    if network.penalizes_steps and network.labels_only:
        got = "activation_penalty={}, temporal_penalty={}".format(*network.penalties)
        raise ValueError(f"{got} need an output at every step, but this network is one for labels: give 0 for both")
    if network.logistic and network.num_outputs != 2:
        raise ValueError(f"output=logistic is for two classes, but the data has {network.num_outputs}: use softmax")
    if network.logistic and network.loss == "squared_error":
        raise ValueError("output=logistic needs loss=cross_entropy, got squared_error")
    why = None
    if network.real_inputs:
        why = "the inputs of this data are vectors"
    elif network.embedding_size is None:
        why = "embedding_size is null"
    elif network.num_inputs != network.num_outputs:
        why = f"V={network.num_inputs} and K={network.num_outputs} differ"
    elif network.logistic or network.labels_only:
        why = "this network is one for labels"
    if network.tied and why:
        raise ValueError(f"tied=true needs an embedding of the symbols that are predicted, but {why}")
