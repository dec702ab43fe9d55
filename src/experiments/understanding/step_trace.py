"""A forward and a backward pass of a recurrent network one step at a time, with every number between.

Each step is a window of a single step of the NumPy layers, whose `backward` gives what each parameter's gradient
receives there. The sum over the steps is the gradient that `Model.learn` computes at once.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from ..interfaces.model import Model, State
from ..models.numpy import heads
from ..models.numpy.cells import Array
from ..models.numpy.layers import Gradients, Layer, RowGradient, Stack, States
from ..models.numpy.network import NumpyNetwork
from ..models.numpy.recurrent import Recurrent, Trace
from ..training.device import Device
from .numpy_layers import as_read, layers_of, values_of
from .passages import counted

FORWARD, BACKWARD = "forward", "backward"
ROWS = {1: ("",), 3: ("_r", "_z", "_n"), 4: ("_i", "_f", "_g", "_o")}  # blocks of the gates' inputs, by their number


class Quantity(NamedTuple):
    """One array of the calculation."""

    phase: str  # FORWARD or BACKWARD
    step: int  # from 0
    place: str  # layers.0, output, ...
    name: str  # z_i, h, d_h, ...
    value: Array  # without the dimensions of time and batch


class StepTrace(NamedTuple):
    """All of a calculation over T steps of one column."""

    forward: list[Quantity]  # in the order of the calculation
    backward: list[Quantity]  # the last step first
    gradients: dict[str, Array]  # by parameter, summed over the steps


def trace_steps(network: NumpyNetwork, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> StepTrace:
    """inputs and targets (T, 1), without padding, state before -> the trace. The loss is the sum over all targets."""
    x, stack = as_read(network, inputs), layers_of(network, 1)
    states = network.split(tuple(part.cpu().numpy() for part in state))
    zeros = [tuple(np.zeros_like(part) for part in parts) for parts in states]
    forward: list[Quantity] = []
    caches, d_outputs = [], []
    for t in range(len(x)):
        outputs, states, cache = stack.forward(x[t : t + 1], states)
        forward += (Quantity(FORWARD, t, *found) for found in of_layers(network, stack, x[t], cache, states))
        found_loss, d_output = of_loss(network, outputs, targets[t : t + 1].cpu().numpy())
        forward += (Quantity(FORWARD, t, "output", *found) for found in found_loss)
        caches.append(cache)
        d_outputs.append(d_output)
    backward: list[Quantity] = []
    sums: dict[str, Array] = {}
    d_states: States = zeros
    for t in reversed(range(len(x))):
        walk = StepBackward(network, stack, caches[t], d_states)
        backward += (Quantity(BACKWARD, t, *found) for found in walk.quantities(d_outputs[t]))
        d_states = walk.d_before
        for name, gradient in walk.gradients.items():
            sums[name] = sums[name] + gradient if name in sums else gradient
    return StepTrace(forward, backward, sums)


def of_layers(
    network: NumpyNetwork, stack: Stack, x: Array, caches: list[Any], after: States
) -> Iterator[tuple[str, str, Array]]:
    """Place, name and value of what one step computes up to the last layer; x (1,) ids or (1, V) is what it reads."""
    if network.embedding is None:
        yield "x", "one-hot" if x.ndim == 1 else "vector", np.eye(network.num_inputs)[x[0]] if x.ndim == 1 else x[0]
    else:
        yield "x", "embedding", network.embedding.W.detach().numpy()[x[0]]
    recurrent = [(layer, cache) for layer, cache in zip(stack.layers, caches) if isinstance(layer, Recurrent)]
    for (layer, cache), state in zip(recurrent, after):
        for name, value in of_recurrent(layer, cache):
            yield layer.name, name, value
        for name, value in values_of(layer, cache, state).items():
            yield layer.name, name, value[0, 0]


def of_recurrent(layer: Recurrent, cache: Trace) -> Iterator[tuple[str, Array]]:
    """The state that enters and the gates' inputs: z = W_ih x + b_ih + W_hh h + b_hh, of which a GRU's n keeps both."""
    h = cache.hidden[0, 0]
    from_x = (layer.W_ih[:, cache.x[0]] if cache.x.ndim == 1 else layer.W_ih @ cache.x[0, 0]) + layer.b_ih
    from_h = layer.W_hh @ h + (0.0 if layer.b_hh is None else layer.b_hh)
    yield "h before", h
    blocks = ROWS[len(from_x) // len(h)]
    if len(blocks) == 4:
        yield "c before", cache.steps[0].c_before[0]
    for row, x_part, h_part in zip(blocks, np.split(from_x, len(blocks)), np.split(from_h, len(blocks))):
        if row == "_n":
            yield "z_n of x", x_part
            yield "z_n of h", h_part
        else:
            yield f"z{row}", x_part + h_part


def of_loss(network: NumpyNetwork, outputs: Array, targets: Array) -> tuple[list[tuple[str, Array]], Array]:
    """outputs (1, 1, K), targets (1, 1) -> names and values of what the loss is made of, and d_outputs."""
    loss, d_outputs, _ = network.loss_function(outputs.copy(), targets)
    is_counted = bool(counted(targets).all())
    if network.loss == "squared_error":
        found = [("outputs", outputs[0, 0])]
    else:
        p = np.exp(heads.log_softmax(outputs))[0, 0]
        found = [("logits", outputs[0, 0]), ("p", p), *([("p of target", p[targets[0, 0]])] if is_counted else [])]
    return [*found, *([("loss", np.asarray(loss))] if is_counted else [])], d_outputs


class StepBackward:
    """One step backwards through all layers, from the last."""

    def __init__(self, network: NumpyNetwork, stack: Stack, caches: list[Any], d_states: States):
        self.is_squared = network.loss == "squared_error"
        self.layers: list[tuple[Layer, Any]] = [*zip(stack.layers, caches)]
        self.d_after = list(d_states)  # from the step after
        self.d_before: States = []
        self.gradients: dict[str, Array] = {}  # what this step adds

    def quantities(self, d_y: Any) -> Iterator[tuple[str, str, Array]]:
        """Place, name and value of each gradient; d_y (1, 1, K) is that of the outputs."""
        yield "output", "d_outputs" if self.is_squared else "d_logits", d_y[0, 0]
        for layer, cache in reversed(self.layers):
            own = [self.d_after.pop() for _ in range(layer.num_states)][::-1]
            if isinstance(layer, Recurrent):
                for name, value in d_of_recurrent(layer, cache, d_y, own[0]):
                    yield layer.name, name, value
            d_y, before, found = layer.backward(d_y, own, cache)
            self.d_before = before + self.d_before
            self._add(found)
            if isinstance(layer, Recurrent) and d_y is not None:
                yield layer.name, "d_x", d_y[0, 0]
        for name, gradient in self.gradients.items():
            place, _, weight = name.rpartition(".")
            yield place, f"d_{weight}", gradient

    def _add(self, found: Gradients) -> None:
        for name, gradient in found.items():
            assert not isinstance(gradient, RowGradient)  # only an optimizer of training asks for it
            self.gradients[name] = self.gradients[name] + gradient if name in self.gradients else gradient


def d_of_recurrent(
    layer: Recurrent, cache: Trace, d_y: Array, d_state: tuple[Array, ...]
) -> Iterator[tuple[str, Array]]:
    """The gradients of a layer's state at one step, where they come from, and those of the gates' inputs."""
    step, d_h = cache.steps[0], d_y[0] + d_state[0]
    yield "d_h from above", d_y[0, 0]
    yield "d_h from the next step", d_state[0][0]
    yield "d_h", d_h[0]
    if len(d_state) > 1:
        yield "d_c from the next step", d_state[1][0]
        yield "d_c", (d_state[1] + d_h * step.o * (1.0 - step.tanh_c**2))[0]
    d_x_gates, d_h_gates, _ = layer.cell.step_backward((d_h, *d_state[1:]), step)
    blocks = ROWS[d_x_gates.shape[1] // d_h.shape[1]]
    for row, d_of_x, d_of_h in zip(blocks, *(np.split(d[0], len(blocks)) for d in (d_x_gates, d_h_gates))):
        if row == "_n":
            yield "d_z_n of x", d_of_x
            yield "d_z_n of h", d_of_h
        else:
            yield f"d_z{row}", d_of_x


def learned_gradients(
    model: Model, device: Device, inputs: torch.Tensor, targets: torch.Tensor, state: State
) -> tuple[float, dict[str, Array]]:
    """The loss of the window and the gradients of all parameters, as the model's own `learn` computes them."""
    model.zero_grad()
    place = device.torch_device
    arguments = inputs.to(place), targets.to(place), tuple(part.to(place) for part in state)
    with torch.backends.cudnn.flags(enabled=False), device.autocast():  # cuDNN has no gradient outside training
        score, _ = model.learn(*arguments)
    names = {name: W.grad for name, W in model.named_parameters() if W.grad is not None}
    gradients = {name: gradient.to_dense().cpu().numpy().copy() for name, gradient in names.items()}
    model.zero_grad()
    loss = score.loss.item() if isinstance(score.loss, torch.Tensor) else score.loss
    return loss, gradients
