"""Learning-rate schedules: the factor on the optimizer's own rate, before each update.

Before each update, `factor(epochs)` is called with the number of epochs done so far (0.5 is the middle of the first);
after each epoch, `observe(loss)` with the deciding loss. Where a limit of time or targets is going to end the training
before its last epoch, `share` is set first: the share of all epochs that it will have.
"""

import math

from ..checkpoints.training_state import AttributesAsState
from ..config.checks import at_least, fractions


class Constant(AttributesAsState):
    """The optimizer's rate throughout."""

    share = 1.0  # of all epochs, after which training ends: below 1 with runner.max_seconds or runner.max_targets

    def factor(self, epochs: float) -> float:  # noqa: ARG002 - the same at any time
        return 1.0

    def observe(self, loss: float) -> None:
        """The loss after an epoch."""


class StepDecay(Constant):
    """Full rate for `after` epochs, then multiplied by `gamma` at once and again every `every` epochs.

    Zaremba et al. (2014): after 4, every 1, gamma 0.5 (small network); after 6, gamma 1/1.2 (medium).
    """

    def __init__(self, *, after: int, every: int, gamma: float):
        at_least(0, after=after)
        at_least(1, every=every)
        fractions(gamma=gamma)
        self.after, self.every, self.gamma = after, every, gamma

    def factor(self, epochs: float) -> float:
        decayed = math.floor(epochs) - self.after
        return self.gamma ** (decayed // self.every + 1) if decayed >= 0 else 1.0


class Plateau(Constant):
    """Divided by `divisor` whenever the loss has not improved for `patience` + 1 epochs in a row.

    The word-language-model example of PyTorch: divisor 4, patience 0.
    """

    def __init__(self, *, divisor: float, patience: int):
        at_least(0, patience=patience)
        at_least(1, divisor=divisor)
        self.divisor, self.patience = divisor, patience
        self.best, self.stale, self.divisions = math.inf, 0, 0

    def factor(self, epochs: float) -> float:  # noqa: ARG002 - only the losses count
        return self.divisor**-self.divisions

    def observe(self, loss: float) -> None:
        if loss < self.best:
            self.best, self.stale = loss, 0
            return
        self.stale += 1
        if self.stale > self.patience:
            self.divisions, self.stale = self.divisions + 1, 0


class Linear(Constant):
    """Rising linearly from 0 for `warmup` epochs, then falling linearly to `final` after `epochs` epochs.

    The fall ends with the training where a limit of time or targets ends it earlier.
    """

    def __init__(self, *, epochs: int, warmup: float, final: float):
        at_least(0, warmup=warmup, final=final)
        if warmup >= epochs:
            raise ValueError(f"warmup must be shorter than the {epochs} epochs, got {warmup}")
        self.epochs, self.warmup, self.final = epochs, warmup, final

    def factor(self, epochs: float) -> float:
        if epochs < self.warmup:
            return epochs / self.warmup
        end = self.epochs * self.share
        done = 1.0 if epochs >= end else (epochs - self.warmup) / (end - self.warmup)
        return self.final + (1.0 - self.final) * self.remaining(done)

    def remaining(self, done: float) -> float:
        """The fraction of the fall that is left, 1 to 0, after this fraction of its time."""
        return 1.0 - done


class Cosine(Linear):
    """As Linear, but falling along half a cosine (Loshchilov and Hutter, 2017, without restarts)."""

    def remaining(self, done: float) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * done))
