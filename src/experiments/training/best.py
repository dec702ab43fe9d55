"""The best weights so far."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch


class Best:
    """The epoch with the lowest deciding loss and a copy of its weights.

    Without a validation split that loss is the running one of training, measured while the weights moved.
    """

    def __init__(self) -> None:
        self.loss, self.epoch, self.targets = math.inf, 0, 0
        self.stale = 0  # epochs since then
        self.weights: dict[str, torch.Tensor] | None = None

    def update(self, loss: float, model: torch.nn.Module, epoch: int, targets: int) -> None:
        """After an epoch: keep these weights if the loss is lower."""
        if loss < self.loss:
            self.loss, self.epoch, self.targets, self.stale = loss, epoch, targets, 0
            weights = model.state_dict()
            moves = any(True for _ in model.parameters())  # counted tables do not change and need no copy
            self.weights = copy.deepcopy(weights) if moves else weights
        else:
            self.stale += 1

    def summary(self) -> dict[str, float]:
        """Everything but the weights."""
        return {"loss": self.loss, "epoch": self.epoch, "targets": self.targets, "stale": self.stale}

    def state_dict(self) -> dict[str, Any]:
        """Everything, the weights under `weights`."""
        return self.summary() | {"weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`."""
        vars(self).update(state)
