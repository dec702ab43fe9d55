"""What a truncation keeps of the gradient of the parameters, and what it costs in time and memory."""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..interfaces.model import Model
from ..training.device import Device
from .passages import Passage, without_targets
from .peak_memory import peak_bytes

REPEATS = 3
Gradient = dict[str, np.ndarray]  # by parameter, flat


class Kept(NamedTuple):
    """A truncation's gradient beside the reference's: of all parameters, and of the recurrent weights W_hh alone."""

    truncation: int
    cosine: float
    error: float  # Euclidean norm of the difference, divided by that of the reference
    recurrent_cosine: float  # NaN for a model without W_hh
    recurrent_error: float


class Cost(NamedTuple):
    truncation: int
    milliseconds: float  # for 1,000 steps of a column, forward and backward
    mebibytes: float  # at most in use at once for one window, gradients included and parameters not


def compare_truncations(
    model: Model, passages: Sequence[Passage], device: Device, truncations: Sequence[int]
) -> Iterator[Kept]:
    """Each truncation's gradient of the same losses, summed over passages, beside that of whole passages.

    The losses are those of the second half of each passage (of a sequence its end), so that the reference reaches at
    least half a passage back; forward values are the same for every truncation.
    """
    reference = truncated_gradient(model, passages, device, None)
    for truncation in truncations:
        found = truncated_gradient(model, passages, device, truncation)
        recurrent = [name for name in reference if name.endswith("W_hh")]
        yield Kept(truncation, *likeness(found, reference, [*reference]), *likeness(found, reference, recurrent))


def truncated_gradient(model: Model, passages: Sequence[Passage], device: Device, truncation: int | None) -> Gradient:
    """The gradient of the parameters, in float64, by windows of `truncation` steps that end where a passage ends.

    None: a window is the whole passage. The model's own gradients are cleared.
    """
    model.zero_grad()
    for passage in passages:
        targets = passage.targets
        if passage.counts[-1].any() and passage.counts[0].any():
            targets = without_targets(targets, len(targets) // 2)
        learn_in_windows(model, passage, targets, device, truncation or len(targets))
    names = {name: W.grad for name, W in model.named_parameters() if W.grad is not None}
    gradient = {name: found.to_dense().cpu().double().flatten().numpy() for name, found in names.items()}
    model.zero_grad()
    return gradient


def learn_in_windows(model: Model, passage: Passage, targets: torch.Tensor, device: Device, truncation: int) -> None:
    """Add the gradients of a passage to the parameters' as training does, the state detached between windows."""
    T, state = len(targets), passage.state
    ignored = targets.isnan() if targets.is_floating_point() else targets < 0
    counts = ~ignored.all(dim=1).cpu().numpy()
    for begin, end in itertools.pairwise([0, *range(T % truncation or truncation, T + 1, truncation)]):
        learns = bool(counts[begin:end].any())
        with device.autocast(), torch.set_grad_enabled(learns):
            step = model.learn if learns else model
            state = step(passage.inputs[begin:end], targets[begin:end], state)[1]


def likeness(found: Gradient, reference: Gradient, names: Sequence[str]) -> tuple[float, float]:
    """Cosine and relative error of a gradient, over these parameters; NaN for none."""
    if not names:
        return float("nan"), float("nan")
    one, other = (np.concatenate([gradient[name] for name in names]) for gradient in (found, reference))
    size = float(np.linalg.norm(other))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = float(one @ other / (np.linalg.norm(one) * size))
        return cosine, float(np.linalg.norm(one - other) / size)


def measure_costs(model: Model, passage: Passage, device: Device, truncations: Sequence[int]) -> Iterator[Cost]:
    """Time and memory of each truncation over one passage, in the model's mode of training; the best of REPEATS."""
    was_training = model.training
    model.train()
    try:
        for truncation in truncations:
            seconds = min(timed(model, passage, device, truncation) for _ in range(REPEATS))
            size = num_bytes(model, passage, device, truncation)
            yield Cost(truncation, 1e6 * seconds / passage.live.sum(), size / 2**20)
    finally:
        model.zero_grad()
        model.train(was_training)


def timed(model: Model, passage: Passage, device: Device, truncation: int) -> float:
    """Seconds for the gradients of a passage in windows of so many steps."""
    model.zero_grad()
    synchronize(device)
    start = time.perf_counter()
    learn_in_windows(model, passage, passage.targets, device, truncation)
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: Device) -> None:
    if device.torch_device.type == "cuda":
        torch.cuda.synchronize()


def num_bytes(model: Model, passage: Passage, device: Device, truncation: int) -> int:
    """The most bytes that learning from the passage's last window of so many steps needs at once."""
    last = slice(max(0, len(passage.inputs) - truncation), None)
    window = passage._replace(inputs=passage.inputs[last], targets=passage.targets[last])
    model.zero_grad()
    return peak_bytes(
        lambda: learn_in_windows(model, window, window.targets, device, truncation),
        in_numpy=model.computes_without_torch,
        known=[*model.parameters(), *passage.state, passage.inputs, passage.targets],
    )
