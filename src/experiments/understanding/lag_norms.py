"""The gradient of a loss with respect to earlier states, by lag.

The network reads one step at a time and hands its state s_t on from step t to step t + 1: the hidden outputs h of all
layers, for an LSTM also its memory cells c. The gradient at lag k >= 1 is that of the loss of the target at step t with
respect to s_(t-k), through the k steps in between. It is what truncation cuts where it detaches a state. A part of
the state is one layer's h or c, and its gradient is taken with the other parts held fixed.

Only `Model.forward` is used, so that the NumPy networks are measured by their own backpropagation, torch's by
autograd, and a model of one's own like them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..config.errors import ConfigError
from ..interfaces.model import CountedModel, Model, State
from ..training.device import Device
from .passages import Passage

PARTS = ("h", "c")


class LagNorms(NamedTuple):
    """Mean Euclidean norms of gradients over steps t and columns, by part of the state and lag."""

    names: list[str]  # of the S parts, see `part_names`
    means: np.ndarray  # (S, K) of lag 1 to K; NaN where no loss has so long a past
    counts: np.ndarray  # (K,) losses that the means are over


def check_has_gradients(model: Model, name: str) -> None:
    """Raise ConfigError unless the model carries a differentiable state in one direction."""
    if isinstance(model, CountedModel) or not any(part.is_floating_point() for part in model.initial_state(1)):
        raise ConfigError(f"{name} has no hidden state through which a gradient travels: give model=torch_lstm")
    if model.needs_whole_sequences or model.labels_only:
        raise ConfigError(
            f"{name} reads whole sequences at once (bidirectional or pooled), so that there is no state between steps: "
            "measure one trained with model.bidirectional=false model.pooling=last"
        )


def measure_lag_norms(model: Model, passages: Sequence[Passage], device: Device, steps: int, lags: int) -> LagNorms:
    """The mean norms over passages, in each over the columns and over `steps` of its time steps, evenly spaced.

    Steps are those with a target and, if there are such, with a past of `lags` steps in the passage.
    """
    names = part_names(passages[0].state)
    sums, counts = np.zeros((len(names), lags)), np.zeros(lags, int)
    for passage in passages:
        norms = state_gradients(model, passage, device, chosen_steps(passage.counts, steps, lags), lags)
        is_there = ~np.isnan(norms[0])
        sums += np.where(is_there, norms, 0.0).sum(axis=(2, 3))
        counts += is_there.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return LagNorms(names, sums / counts, counts)


def part_names(state: State) -> list[str]:
    """What is measured of a state of (L, B, H) tensors: "layer 1 h" and so on where there are several layers, "h" and
    "c" over all layers, and "all" over both where there are both.
    """
    parts = [*zip(PARTS, state)]
    layers = [f"layer {row + 1} {name}" for name, part in parts if len(part) > 1 for row in range(len(part))]
    return [*layers, *(name for name, _ in parts), *(["all"] if len(parts) > 1 else [])]


def chosen_steps(counts: np.ndarray, number: int, lags: int) -> list[int]:
    """counts (T, B) -> so many of the steps with a target, evenly spaced; those with a long past, if there are any."""
    found = np.flatnonzero(counts.any(axis=1))
    found = found[found >= lags - 1] if found[-1] >= lags - 1 else found[-1:]
    places = np.linspace(0, len(found) - 1, min(number, len(found)))
    return [int(found[place]) for place in np.unique(places.round().astype(int))]


def state_gradients(model: Model, passage: Passage, device: Device, steps: Sequence[int], lags: int) -> np.ndarray:
    """Norms (S, lags, len(steps), B) of the gradient of each loss at these steps; NaN without a target or a past."""
    B = passage.counts.shape[1]
    state = tuple(part.detach().requires_grad_() for part in passage.state)
    entering, losses = [], {}
    with device.autocast():
        for t in range(max(steps) + 1):
            entering.append(state)
            score, state = model(passage.inputs[t : t + 1], passage.targets[t : t + 1], state)
            if t in steps:
                losses[t] = score.loss  # summed over columns, each of which has a state of its own
    norms = np.full((len(part_names(state)), lags, len(steps), B), math.nan)
    for n, t in enumerate(steps):
        parts = [part for before in entering[max(0, t - lags + 1) : t + 1] for part in before]
        found = torch.autograd.grad(losses[t], parts, retain_graph=t != max(steps))
        for k in range(len(found) // len(state)):  # from the state that enters step t backwards: lag k + 1
            end = len(found) - k * len(state)
            is_there = passage.counts[t] & passage.live[t - k]
            norms[:, k, n] = np.where(is_there, norms_of(found[end - len(state) : end]), math.nan)
    return norms


def norms_of(gradients: Sequence[torch.Tensor]) -> np.ndarray:
    """Gradients (L, B, H) of the parts of a state -> Euclidean norms (S, B) in the order of `part_names`."""
    by_layer = [part.cpu().double().norm(dim=2) for part in gradients]  # not every device has float64
    by_part = torch.stack([norms.norm(dim=0) for norms in by_layer])
    layers = [norms for norms in by_layer if len(norms) > 1]
    whole = [by_part.norm(dim=0, keepdim=True)] if len(by_part) > 1 else []
    return torch.cat([*layers, by_part, *whole]).numpy()


def fall_to(share: float, norms: np.ndarray) -> float:
    """norms (K,) of lag 1 to K -> the number of steps after lag 1 in which the norm first falls to this share of it.

    Between two lags it is interpolated as an exponential decay. Infinity if it does not fall so far.
    """
    norms = norms[~np.isnan(norms)]
    if not len(norms) or not np.isfinite(norms[0]):
        return math.inf
    level = share * norms[0]
    below = np.flatnonzero(norms <= level)
    if not len(below):
        return math.inf
    k = int(below[0])
    if k == 0 or norms[k] == 0.0:  # zero from the beginning, or at once
        return float(k)
    return k - 1 + math.log(norms[k - 1] / level) / math.log(norms[k - 1] / norms[k])


def half_life(norms: np.ndarray) -> float:
    """norms (K,) of lag 1 to K -> the steps after lag 1 in which the norm falls to half; infinity if it does not."""
    return fall_to(0.5, norms)


def factor_per_step(norms: np.ndarray) -> float:
    """norms (K,) of lag 1 to K -> by what each step multiplies the norm, in the geometric mean.

    Numbers of zero at the end, too small for the precision, are left out.
    """
    norms = np.trim_zeros(norms[~np.isnan(norms)], "b")
    if len(norms) < 2 or norms[0] == 0.0 or not np.isfinite(norms).all():
        return math.nan
    return float((norms[-1] / norms[0]) ** (1.0 / (len(norms) - 1)))
