"""Evaluation: what a split costs a model, every target counted once."""

from collections.abc import Callable

import torch

from ..metrics import Tally

ROWS = 512  # time steps times columns of one window: bounds memory, does not change the result


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
