"""Truncated backpropagation through time: the state goes on from window to window, the gradient does not."""

from collections.abc import Iterable, Iterator

import torch

from .gradients import Gradients
from .metrics import TimedMetrics


class TruncatedBptt:
    """Updates of a model's parameters from groups of windows; between them it carries the detached state."""

    def __init__(self, model, optimizer: torch.optim.Optimizer, compute, *, reduction: str, clip_norm: float | None):
        """reduction "mean" divides a group's loss by its targets, "sum_over_time" by its columns only."""
        self.model, self.optimizer, self.compute, self.reduction = model, optimizer, compute, reduction
        self.state: tuple[torch.Tensor, ...] | None = None
        self.gradients = Gradients(model, optimizer, clip_norm)
        self._by_hand = hasattr(model, "learn")
        self._rates = [group["lr"] for group in optimizer.param_groups]

    def set_rate(self, factor: float) -> None:
        """Learning rates as a factor on the optimizer's own."""
        for group, rate in zip(self.optimizer.param_groups, self._rates):
            group["lr"] = rate * factor

    def update(self, windows: list, *meters: TimedMetrics, measured: bool = True) -> torch.Tensor | None:
        """Score these windows, add up their gradients, clip, step once; the gradient's norm before clipping.

        The norm may be None if it need not be `measured`.
        """
        targets = sum(window.count for window in windows)
        columns = sum(window.inputs.shape[1] for window in windows if window.starts) or windows[0].inputs.shape[1]
        for window in windows:
            score = self._learn(window)
            if window.count:
                for meter in meters:
                    meter.update(score, window.count)
        return self.gradients.step(targets if self.reduction == "mean" else columns, measured)

    def _learn(self, window):
        """Score a window and add its gradients to those of the parameters."""
        if window.starts:
            self.state = self.model.initial_state(window.inputs.shape[1])
        inputs, targets = self.compute.tensors(window)
        if window.count and self._by_hand:
            score, self.state = self.model.learn(inputs, targets, self.state)
            return score
        with self.compute.autocast(), torch.set_grad_enabled(window.count > 0):  # no targets, no graph
            score, state = self.model(inputs, targets, self.state)
        if window.count:
            score.loss.backward()
        self.state = tuple(part.detach() for part in state)  # the truncation: no gradient passes here
        return score


def groups(windows: Iterable, number: int) -> Iterator[list]:
    """Windows -> the groups that make one update: `number` windows that have targets, and those between them."""
    group, counted = [], 0
    for window in windows:
        group.append(window)
        counted += window.count > 0
        if counted == number:
            yield group
            group, counted = [], 0
    if counted:
        yield group
