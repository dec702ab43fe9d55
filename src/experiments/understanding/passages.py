"""The pieces of a split over which gradients are measured, each with the state that enters it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..interfaces.data import IGNORE, Window, padding_steps
from ..interfaces.model import Model, State
from ..training.device import Device


class Passage(NamedTuple):
    """Steps of a split side by side."""

    inputs: torch.Tensor  # (T, B) or (T, B, V)
    targets: torch.Tensor  # (T, B)
    state: State  # that enters, without a graph
    counts: np.ndarray  # (T, B) bool, where there is a target
    live: np.ndarray  # (T, B) bool, where there is no padding


@torch.no_grad()
def read_passages(
    model: Model, windows: Sequence[Window], device: Device, number: int, check: Callable[[], None]
) -> list[Passage]:
    """The first windows with targets, `number` of them at most, their states carried from those before.

    The first window of a text begins without a past, so it is read and left out if there are others as long. `check` is
    called for every window that is read.
    """
    passages: list[Passage] = []
    state: State = ()
    goes_on = len(windows) > 1 and not windows[1].starts and len(windows[1].inputs) == len(windows[0].inputs)
    carried = 1 if goes_on and windows[0].count else 0
    for k, window in enumerate(windows):
        check()
        if passages and not window.starts and len(window.inputs) < len(passages[0].inputs):
            break  # the end of a text
        if window.starts:
            state = model.initial_state(window.inputs.shape[1])
        inputs, targets = device.tensors(window)
        if window.count and k >= carried:
            passages.append(Passage(inputs, targets, state, counted(window.targets), live(window.inputs)))
            if len(passages) == number:
                break
        with device.autocast():
            state = model(inputs, targets, state)[1]
    return passages


def counted(targets: np.ndarray) -> np.ndarray:
    """targets (T, B) -> bool, where one is predicted."""
    found: np.ndarray = ~np.isnan(targets) if targets.dtype.kind == "f" else targets != IGNORE
    return found


def live(inputs: np.ndarray) -> np.ndarray:
    """inputs (T, B) or (T, B, V) -> (T, B) bool, where there is no padding."""
    padding = padding_steps(inputs)
    return np.ones(inputs.shape[:2], bool) if padding is None else ~padding


def without_targets(targets: torch.Tensor, steps: int) -> torch.Tensor:
    """targets (T, B) of which the first `steps` are not predicted."""
    targets = targets.clone()
    targets[:steps] = torch.nan if targets.is_floating_point() else IGNORE
    return targets
