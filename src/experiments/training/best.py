"""The best weights so far."""

import copy
import math

import torch


class Best:
    """Compares the loss that decides, epoch by epoch, and keeps a copy of the weights that had the lowest.

    Without a validation split that loss is the running one of training, measured while the weights moved.
    """

    def __init__(self) -> None:
        self.loss, self.epoch, self.targets = math.inf, 0, 0
        self.stale = 0  # epochs since then
        self.weights: dict[str, torch.Tensor] | None = None

    def judge(self, loss: float, model: torch.nn.Module, epoch: int, targets: int) -> None:
        """After an epoch: keep these weights if the loss is lower."""
        if loss < self.loss:
            self.loss, self.epoch, self.targets, self.stale = loss, epoch, targets, 0
            weights = model.state_dict()
            moves = any(True for _ in model.parameters())  # tables that were counted once stay as they are
            self.weights = copy.deepcopy(weights) if moves else weights
        else:
            self.stale += 1

    def facts(self) -> dict[str, float]:
        """All but the weights."""
        return {"loss": self.loss, "epoch": self.epoch, "targets": self.targets, "stale": self.stale}

    def restore(self, facts: dict[str, float], weights: dict[str, torch.Tensor] | None) -> None:
        vars(self).update(facts, weights=weights)
