"""The average of the weights over the updates of a training, which is evaluated with it."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ..config.settings import Settings


class Averaging:
    """The average of a model's weights after every update since it began, uniform or exponential.

    uniform:      the mean of the weights after each update (Polyak and Juditsky, 1992: ASGD)
    exponential:  average = decay * average + (1 - decay) * weights, from the first weights on

    It begins after `averaging_start` epochs, or, if that is null, when a validation loss is above the best of those
    before the last `averaging_checks` (Merity et al., 2017: NT-ASGD). Before that the plain weights are evaluated.
    """

    def __init__(self, model: torch.nn.Module, settings: Settings):
        self._kind, self._decay = settings.averaging, settings.averaging_decay
        self._start, self._checks = settings.averaging_start, settings.averaging_checks
        self._weights = dict(model.named_parameters())
        self.average: dict[str, Tensor] = {}
        self.count = 0  # updates that it holds
        self.losses: list[float] = []  # of all checks, until it begins
        self.has_begun = False

    def state_dict(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("average", "count", "losses", "has_begun")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self.average = {name: each.to(self._weights[name].device) for name, each in self.average.items()}

    def observe(self, loss: float) -> None:
        """After a validation: begin if the loss has not improved for long enough."""
        if self._kind is None or self._start is not None or self.has_begun:
            return
        earlier = self.losses[: max(0, len(self.losses) - self._checks)]
        self.losses.append(loss)
        self.has_begun = bool(earlier) and loss > min(earlier)

    @torch.no_grad()
    def update(self, epochs: float) -> None:
        """After an update that was made when `epochs` were done: take its weights in."""
        if self._kind is None:
            return
        self.has_begun = self.has_begun or (self._start is not None and epochs >= self._start)
        if not self.has_begun:
            return
        self.count += 1
        if self.count == 1:
            self.average = {name: weight.detach().clone() for name, weight in self._weights.items()}
            return
        share = 1.0 / self.count if self._kind == "uniform" else 1.0 - self._decay
        weights = [self._weights[name].detach() for name in self.average]
        torch._foreach_lerp_(list(self.average.values()), weights, share)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the model has the averaged weights, if there are any; afterwards its own again, to the bit."""
        plain = {name: self._weights[name].detach().clone() for name in self.average}
        self._set(self.average)
        try:
            yield
        finally:
            self._set(plain)

    @torch.no_grad()
    def _set(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in weights.items():
            self._weights[name].copy_(weight)  # in place: the NumPy network and the optimizer share the memory
