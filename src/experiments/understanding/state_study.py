"""The states and gates of a network over a text, recorded, and what is drawn of them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from ..interfaces.data import Window
from ..interfaces.model import Model, State
from ..models.numpy.network import NumpyNetwork
from ..training.device import Device
from .numpy_layers import LayerValues, largest_difference, read_window
from .passages import live
from .tables import Row


@dataclasses.dataclass(frozen=True)
class Recording:
    """The N steps of one column that a network read, without padding."""

    inputs: np.ndarray  # (N,) ids, or vectors (N, V)
    starts: list[int]  # steps before which the state is the initial one
    layers: list[LayerValues]  # with (N, H) of each quantity
    difference: float  # the largest one to the model's own states and predictions


def record(
    model: Model,
    network: NumpyNetwork,
    device: Device,
    windows: Iterable[Window],
    check: Callable[[], None],
) -> Recording:
    """Read windows of one column, the state carried as they say. `network` is the model in NumPy."""
    state: State = ()
    inputs, parts, starts, difference, count = [], [], [], 0.0, 0
    for window in windows:
        check()
        if window.starts:
            state = network.initial_state(1)
            starts.append(count)
        tensor = device.tensors(window)[0].cpu()
        reading = read_window(network, tensor, state)
        difference = max(difference, largest_difference(model, device, tensor, state, reading))
        is_live = live(window.inputs)[:, 0]
        inputs.append(window.inputs[is_live, 0])
        parts.append([{name: v[is_live, 0] for name, v in each.values.items()} for each in reading.layers])
        state, count = reading.after, count + int(is_live.sum())
    layers = [
        each._replace(values={name: np.concatenate([part[n][name] for part in parts]) for name in each.values})
        for n, each in enumerate(reading.layers)
    ]
    return Recording(np.concatenate(inputs), starts, layers, difference)


def windows_read(windows: Sequence[Window], steps: int, number: int) -> Iterator[Window]:
    """The first windows, at least so many of them and so many steps, as far as there are such."""
    count = 0
    for k in range(len(windows)):
        window = windows[k]
        yield window
        count += int(live(window.inputs).sum())
        if k + 1 >= number and count >= steps:
            break


def varying_units(layers: Sequence[LayerValues], number: int) -> list[list[int]]:
    """Of each layer the units whose h varies most, by their standard deviation."""
    return [np.argsort(-each.values["h"].std(axis=0), kind="stable")[:number].tolist() for each in layers]


def value_rows(
    recording: Recording, symbols: Sequence[str], steps: slice, units: Sequence[Sequence[int]]
) -> Iterator[Row]:
    """A row for each drawn step, layer, direction, quantity and unit; `symbols` (N,) as people read them."""
    for n, each in enumerate(recording.layers):
        for name, values in each.values.items():
            for t in range(*steps.indices(len(values))):
                for unit in units[n]:
                    yield {
                        "step": t,
                        "symbol": symbols[t],
                        "layer": each.layer,
                        "direction": each.direction,
                        "quantity": name,
                        "unit": unit,
                        "value": float(values[t, unit]),
                    }
