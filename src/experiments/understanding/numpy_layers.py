"""What the recurrent layers of a network hold at every step, read by the layers in NumPy.

torch's fused layers hand out outputs and last states, but no gates. Both networks hold the same weights under the same
names, so either is read here by the NumPy layers, whose caches have the gates; `largest_difference` compares their
states and predictions with the model's own.
"""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from ..config.binding import Bound
from ..config.errors import ConfigError
from ..interfaces.data import DATA_KINDS, Dataset
from ..interfaces.model import Model, State
from ..models.network import RecurrentNetwork
from ..models.numpy import heads
from ..models.numpy.cells import Array, CellState
from ..models.numpy.layers import Stack, live_steps
from ..models.numpy.network import NumpyNetwork
from ..models.numpy.recurrent import Bidirectional, Recurrent, Trace
from ..training.device import Device

log = logging.getLogger("experiments")

GATES = ("i", "f", "g", "o", "r", "z", "n")  # of the LSTM, then of the GRU; a simple cell has none
SIGMOIDS = ("i", "f", "o", "r", "z")  # gates between 0 and 1
MEMORY = ("c", "h")  # what is handed on from step to step
ONWARD, REVERSE = "forward", "reverse"
TOLERANCE = {"float64": 1e-10, "float32": 1e-3, "bfloat16": 0.1}  # differences that rounding explains


class LayerValues(NamedTuple):
    """The values of one layer in one direction, steps in the order of the text."""

    layer: int  # from 1
    direction: str  # ONWARD or REVERSE
    values: dict[str, Array]  # gates of the cell, c of an LSTM, h: each (T, B, H); NaN at padding

    @property
    def name(self) -> str:
        return f"layer {self.layer}" if self.direction == ONWARD else f"layer {self.layer} reverse"


class WindowValues(NamedTuple):
    """What came out of a window."""

    layers: list[LayerValues]
    predictions: Array  # (T, B, K) log-probabilities, or numbers
    after: State


def in_numpy(model: Model, bound: Bound[Model], dataset: Dataset, name: str) -> NumpyNetwork:
    """The NumPy network of these options with the weights of `model`, on the CPU and without dropout.

    ConfigError, with the `name` of the model, if it is another kind of network.
    """
    if not isinstance(model, RecurrentNetwork):
        raise ConfigError(f"{name} has no recurrent layers to look into: give model=torch_lstm, or numpy_gru, ...")
    others = {key: getattr(dataset, key) for key in ("sentence_end", *DATA_KINDS)}
    sizes = {"num_inputs": dataset.num_inputs, "num_outputs": dataset.num_outputs}
    if model.output_kind == "adaptive":
        raise ConfigError(f"{name} has an adaptive output, and only networks with another one can be looked into")
    sampled = {"output": "softmax"} if model.output_kind == "sampled" else {}  # which is for training alone
    options = bound.options | sampled
    network: NumpyNetwork = Bound(bound.path, NumpyNetwork, options).build(others, **sizes)
    network.to(model.output.b.dtype).load_state_dict(model.state_dict())  # in this order nothing is rounded
    return network.eval()


def layers_of(network: NumpyNetwork, num_steps: int) -> Stack:
    """The layers for windows of so many steps, without dropout."""
    return network.stack(network.parameter_arrays(), num_steps, [None] * (network.num_layers + 1))


def as_read(network: NumpyNetwork, inputs: torch.Tensor) -> Array:
    """inputs (T, B) or (T, B, V) -> the array that the first layer reads."""
    array = inputs.cpu()
    return (array.to(network.output.b.dtype) if network.real_inputs else array).numpy()


def read_window(network: NumpyNetwork, inputs: torch.Tensor, state: State) -> WindowValues:
    """inputs (T, B) or (T, B, V), state before -> all that the layers hold."""
    x, stack = as_read(network, inputs), layers_of(network, len(inputs))
    before = network.split(tuple(part.cpu().numpy() for part in state))
    outputs, after, caches = stack.forward(x, before, live_steps(x))
    predictions = outputs if network.real_targets else heads.log_softmax(outputs)
    layers = [*layer_values(stack, caches, after)]
    return WindowValues(layers, predictions, tuple(map(torch.from_numpy, network.joined(after))))


def layer_values(stack: Stack, caches: list[Any], after: list[CellState]) -> Iterator[LayerValues]:
    """The values of each recurrent layer and direction, from what `forward` of the layers gave."""
    ends, depth = iter(after), 0
    for layer, cache in zip(stack.layers, caches):
        if isinstance(layer, Recurrent):
            depth += 1
            yield LayerValues(depth, ONWARD, values_of(layer, cache, next(ends)))
        elif isinstance(layer, Bidirectional):
            depth += 1
            yield LayerValues(depth, ONWARD, values_of(layer.onward, cache[0], next(ends)))
            yield LayerValues(depth, REVERSE, values_of(layer.reverse, cache[1], next(ends)))


def values_of(layer: Recurrent, trace: Trace, after: CellState) -> dict[str, Array]:
    """Quantity -> (T, B, H) of a layer in one direction, from its trace and the state after."""
    gates = [gate for gate in GATES if hasattr(trace.steps[0], gate)]
    values = {gate: np.stack([getattr(step, gate) for step in trace.steps]) for gate in gates}
    if len(after) > 1:
        values["c"] = np.stack([*(step.c_before for step in trace.steps[1:]), after[1]])
    values["h"] = trace.hidden[1:]
    if trace.live is not None:
        values = {name: np.where(trace.live, value, np.nan) for name, value in values.items()}
    return {name: value[layer.order] for name, value in values.items()}


@torch.no_grad()
def largest_difference(model: Model, device: Device, inputs: torch.Tensor, state: State, found: WindowValues) -> float:
    """How far a reading is from what the model itself makes of the window: its predictions and its state after."""
    place = device.torch_device
    with device.autocast():
        predictions, after = model.predict(inputs.to(place), tuple(part.to(place) for part in state))
    pairs = [(predictions, torch.from_numpy(found.predictions)), *zip(after, found.after)]
    gaps = [(own.cpu().double() - other.double()).nan_to_num(posinf=0.0, neginf=0.0) for own, other in pairs]
    return max(float(gap.abs().max()) for gap in gaps)


def warn_if_different(difference: float, precision: str) -> None:
    """Log a warning if the values that were read are others than the model's own."""
    if difference > TOLERANCE[precision]:
        log.warning("the model's own states and predictions differ by up to %.2g from the values shown", difference)
