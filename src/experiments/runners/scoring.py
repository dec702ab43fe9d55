"""Evaluation: what a split costs a model, every target counted once."""

import math
from collections.abc import Callable

import torch

from ..metrics import Tally
from .progress import short

ROWS = 512  # time steps times columns of one window: bounds memory, does not change the result


class Diverged(ArithmeticError):
    """A loss or a perplexity is no finite number."""

    outcome = "diverged"


def finite(metrics: dict[str, float], what: str, advice: str = "") -> dict[str, float]:
    """The metrics themselves; Diverged if one of them is no finite number."""
    if all(math.isfinite(value) for value in metrics.values()):
        return metrics
    raise Diverged(f"{what} diverged: {short(metrics)}{advice}")


@torch.no_grad()
def score_split(model, dataset, split: str, compute, batch_size: int, check: Callable[[], None]) -> Tally:
    """The tally of a split read as `batch_size` columns; exact for 1, while more columns begin without a past.

    `check` is called between windows and may raise to stop.
    """
    training, tally, state = model.training, Tally(), None
    model.eval()
    try:
        for window in dataset.windows(split, batch_size, max(1, ROWS // batch_size)):
            check()
            if window.starts:
                state = model.initial_state(window.inputs.shape[1])
            with compute.autocast():
                score, state = model(compute.tensor(window.inputs), compute.tensor(window.targets), state)
            tally.add(score, window.count)
        return tally
    finally:
        model.train(training)
