"""Initial values of a recurrent network's parameters, drawn from torch's global generator in a fixed order."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..config.checks import at_least

if TYPE_CHECKING:
    from .network import RecurrentNetwork


@torch.no_grad()
def initialize(
    network: "RecurrentNetwork", scheme: str, uniform_range: float | None, forget_bias: float, input_bias: float
) -> None:
    """Fill the parameters of a `RecurrentNetwork` in place.

    torch      as nn.Embedding: N(0, 1), as nn.LSTM: U(-1/sqrt(H), 1/sqrt(H)), as nn.Linear with F inputs:
               U(-1/sqrt(F), 1/sqrt(F)); a tied embedding is drawn as the output's weights, since N(0, 1) would make
               the first outputs far too large
    uniform    U(-a, a) for everything, a = uniform_range (Zaremba et al., 2014: 0.1)
    textbook   randn / sqrt(fan_in), embedding randn / 100, zero biases (Saitoh, Deep Learning from Scratch 2)
    keras      Glorot's uniform (Glorot and Bengio, 2010), W_hh orthogonal (Saxe et al., 2014), embedding
               U(-0.05, 0.05), zero biases but 1 for an LSTM's forget gates, as in Keras

    forget_bias is added to the forget gates' input bias afterwards, also to the 1 of keras (Jozefowicz et al., 2015);
    in a GRU to that of the update gates, which keep the state where they are open. input_bias is added to that of an
    LSTM's input gates: minus the forget_bias lets in as little as a GRU does then (Tallec and Ollivier, 2018).
    Raises ValueError if uniform_range, forget_bias or input_bias do not fit scheme and cell.
    """
    if (uniform_range is None) == (scheme == "uniform"):
        wanted = "a number" if scheme == "uniform" else "null"
        raise ValueError(f"uniform_range must be {wanted} with initialization={scheme}")
    at_least(0, uniform_range=uniform_range)
    if forget_bias and network.cell not in ("lstm", "gru"):
        raise ValueError(f"forget_bias={forget_bias} needs cell=lstm or cell=gru, got cell={network.cell}")
    if input_bias and network.cell != "lstm":
        raise ValueError(f"input_bias={input_bias} needs cell=lstm, got cell={network.cell}")
    for name, parameter in network.named_parameters():
        if uniform_range is not None:
            parameter.uniform_(-uniform_range, uniform_range)
        else:
            SCHEMES[scheme](network, name, parameter)
    if scheme == "keras" and network.cell == "lstm":
        forget_bias += 1.0
    for layer in (*network.layers, *network.reverse_layers):
        H = layer.get_parameter("W_hh").shape[1]
        bias = layer.get_parameter("b_ih")  # of gates i, f, g, o or r, z, n
        if input_bias:
            bias[:H] += input_bias
        if forget_bias:
            bias[H : 2 * H] += forget_bias


def _as_torch(network: "RecurrentNetwork", name: str, parameter: Tensor) -> None:
    is_embedding = name.startswith("embedding")
    if is_embedding and not network.tied:
        parameter.normal_()
        return
    own = f"{name.rpartition('.')[0]}.W_hh"  # of a recurrent layer
    fan_in = network.get_parameter(own).shape[1] if "layers" in name else network.hidden_size
    if is_embedding or name.startswith("output"):
        fan_in = network.get_parameter("embedding.W" if network.tied else "output.W").shape[1]  # F
    elif name.startswith("tails"):
        fan_in = network.get_parameter(f"{name.rpartition('.')[0]}.{'P' if name.endswith('P') else 'W'}").shape[1]
    bound = 1.0 / math.sqrt(fan_in)
    parameter.uniform_(-bound, bound)


def _as_textbook(network: "RecurrentNetwork", name: str, parameter: Tensor) -> None:  # noqa: ARG001
    if parameter.dim() == 1:
        parameter.zero_()
    else:
        scale = 0.01 if name.startswith("embedding") else 1.0 / math.sqrt(parameter.shape[1])
        parameter.normal_().mul_(scale)


def _as_keras(network: "RecurrentNetwork", name: str, parameter: Tensor) -> None:  # noqa: ARG001
    if parameter.dim() == 1:
        parameter.zero_()
    elif name.startswith("embedding"):
        parameter.uniform_(-0.05, 0.05)
    elif name.endswith("W_hh"):
        nn.init.orthogonal_(parameter)
    else:
        nn.init.xavier_uniform_(parameter)


SCHEMES = {"torch": _as_torch, "textbook": _as_textbook, "keras": _as_keras}  # uniform needs no more than its range
