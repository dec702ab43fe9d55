"""Dynamic evaluation: the weights follow the text that was read (Krause et al., 2018).

After every segment of the text, which is scored first, each weight w takes a step
    w <- w - rate * g / (r + epsilon) + decay * min(r / mean(r), 1 / decay) * (w0 - w)
where g is the gradient of the segment's mean loss, r the root of the mean square of such gradients over the training
split, mean(r) that over all weights, and w0 the trained weight, towards which it returns.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from ..interfaces.data import Window
from ..interfaces.model import Model, State
from ..training.device import Device


class Step(NamedTuple):
    """How far the weights move."""

    rate: float
    decay: float
    epsilon: float


def root_mean_squares(
    model: Model, windows: Iterable[Window], device: Device, check: Callable[[], None]
) -> dict[str, Tensor]:
    """Of each parameter the root of the mean square of its gradients over windows of the training split."""
    squares = {name: torch.zeros_like(W) for name, W in model.named_parameters()}
    state: State = ()
    number = 0
    for window in windows:
        check()
        if window.starts:
            state = model.initial_state(window.inputs.shape[1])
        if window.count:
            gradients, state = mean_gradients(model, window, device, state)
            for name, gradient in gradients.items():
                squares[name].addcmul_(gradient, gradient)
            number += 1
    return {name: (square / max(1, number)).sqrt_() for name, square in squares.items()}


def mean_gradients(model: Model, window: Window, device: Device, state: State) -> tuple[dict[str, Tensor], State]:
    """The gradients of the window's mean loss, without dropout, and the state after it."""
    model.zero_grad()
    with torch.backends.cudnn.flags(enabled=False), device.autocast():  # cuDNN has no gradient outside training
        _, after = model.learn(*device.tensors(window), state)
    learned = {name: W.grad for name, W in model.named_parameters() if W.grad is not None}
    gradients = {name: gradient.to_dense() / window.count for name, gradient in learned.items()}
    model.zero_grad()
    return gradients, after


class MovingWeights:
    """Weights of a model that follow a text; in a `with`, at whose end they are as trained again."""

    def __init__(self, model: Model, roots: dict[str, Tensor], how: Step):
        self.model, self.rate = model, how.rate
        total = sum(float(root.sum(dtype=torch.float64)) for root in roots.values())
        mean = total / sum(root.numel() for root in roots.values())
        self.trained = {name: W.detach().clone() for name, W in model.named_parameters()}
        self.divisors = {name: root + how.epsilon for name, root in roots.items()}
        self.pulls = {name: (root * (how.decay / mean)).clamp_(max=1.0) for name, root in roots.items()}

    def __enter__(self) -> "MovingWeights":
        return self

    @torch.no_grad()
    def __exit__(self, *_: object) -> None:
        for name, W in self.model.named_parameters():
            W.copy_(self.trained[name])

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """Move the weights that have a gradient."""
        for name, W in self.model.named_parameters():
            if name in gradients:
                W.add_(self.pulls[name] * (self.trained[name] - W))  # both parts from where the weights are now
                W.addcdiv_(gradients[name], self.divisors[name], value=-self.rate)
