"""Truncated backpropagation through time: the state is carried from window to window, the gradient is not.

`Model.learn` cuts it: the state that it returns has no graph.
"""

from collections.abc import Iterable, Iterator

import torch

from ..interfaces.data import Window
from ..interfaces.model import Model, Score, State
from .device import Device
from .gradients import Gradients
from .metrics import Metrics
from .processes import Processes


class TruncatedBptt:
    """Updates of a model's parameters from groups of windows; between windows it carries the detached state."""

    def __init__(
        self,
        model: Model,
        optimizer: torch.optim.Optimizer,
        device: Device,
        *,
        reduction: str,
        clip_norm: float | None,
        processes: Processes | None = None,
    ):
        """reduction "mean" divides a group's loss by its targets, "sum_over_time" by its columns only."""
        self.model, self.optimizer, self.device, self.reduction = model, optimizer, device, reduction
        self.processes = processes or Processes()
        self.state: State = ()  # of this process's columns; an epoch's first window starts a new one
        self.gradients = Gradients(model, optimizer, clip_norm)
        self._rates = [group["lr"] for group in optimizer.param_groups]

    def set_rate(self, factor: float) -> None:
        """Set the learning rates to the optimizer's initial ones times a factor."""
        for group, rate in zip(self.optimizer.param_groups, self._rates):
            group["lr"] = rate * factor

    def update(self, windows: list[Window], *metrics: Metrics, measured: bool = True) -> torch.Tensor | None:
        """Score these windows, add up their gradients, clip, step once; the gradient's norm before clipping, 0-d.

        Without clipping the norm is computed only if `measured`, otherwise None.
        """
        targets = sum(window.count for window in windows)
        columns = sum(window.inputs.shape[1] for window in windows if window.starts) or windows[0].inputs.shape[1]
        counted = [(window, score) for window in windows if (score := self._learn(window)) is not None]
        scores = self.processes.add_up([score for _, score in counted], self.gradients.parameters)
        for (window, _), score in zip(counted, scores):
            for each in metrics:
                each.update(score, window.count, window.inputs.shape[1])
        return self.gradients.step(targets if self.reduction == "mean" else columns, measured)

    def whole_state(self) -> State:
        """The carried state of all columns, in the first of several processes; all have to call this."""
        return self.processes.whole(self.state, self.model.share)

    def carry_on(self, state: State) -> None:
        """Go on from a state that was saved, of all columns."""
        own, self.model.share = self.processes.shared(state)
        self.state = tuple(part.to(self.device.torch_device) for part in own)

    def _learn(self, window: Window) -> Score | None:
        """Score a window and add its gradients to those of the parameters; without targets, None, only carry the state.

        The score and the gradients are those of the columns that this process reads.
        """
        window, share = self.processes.own(window)
        if share is not self.model.share:  # to set a module's attribute is slow
            self.model.share = share
        if window.starts:
            self.state = self.model.initial_state(window.inputs.shape[1])
        inputs, targets = self.device.tensors(window)
        step = self.model.learn if window.count else torch.no_grad()(self.model)
        with self.device.autocast():
            score, self.state = step(inputs, targets, self.state)
        return score if window.count else None


def groups(windows: Iterable[Window], number: int) -> Iterator[list[Window]]:
    """Windows -> the groups that make one update: `number` windows that have targets, and those between them."""
    group: list[Window] = []
    counted = 0
    for window in windows:
        group.append(window)
        counted += window.count > 0
        if counted == number:
            yield group
            group, counted = [], 0
    if counted:
        yield group
