"""The best weights so far."""

import copy
import math
from typing import Any

import torch

from ..checkpoints.training_state import AttributesAsState


class Best(AttributesAsState):
    """The epoch with the lowest deciding loss and a copy of its weights.

    Without a validation split that loss is the running one of training, measured while the weights changed.
    """

    def __init__(self) -> None:
        self.loss, self.epoch, self.targets = math.inf, 0, 0
        self.stale = 0  # epochs since then
        self.weights: dict[str, torch.Tensor] | None = None

    def update(self, loss: float, model: torch.nn.Module, epoch: int, targets: int) -> None:
        """After an epoch: keep these weights if the loss is lower."""
        if loss >= self.loss:
            self.stale += 1
            return
        self.loss, self.epoch, self.targets, self.stale = loss, epoch, targets, 0
        weights = model.state_dict()
        is_counted = next(model.parameters(), None) is None  # its tables do not change and need no copy
        self.weights = weights if is_counted else copy.deepcopy(weights)

    def summary(self) -> dict[str, Any]:
        """Everything but the weights."""
        return {key: value for key, value in self.state_dict().items() if key != "weights"}
