"""Evaluation: what a split costs a model, every target counted once."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..config.settings import Settings
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model, State
from .device import Device
from .metrics import Metrics
from .progress import short

ROWS = 512  # time steps times columns of one window of a text: bounds memory, does not change the result

Labelled = tuple[np.ndarray, np.ndarray]  # labels (B,), log-probabilities (B, K)


class Diverged(ArithmeticError):
    """A loss or a perplexity is no finite number."""

    outcome = "diverged"


def finite(metrics: dict[str, float], what: str, advice: str = "") -> dict[str, float]:
    """The metrics themselves; Diverged if one of them is no finite number."""
    if all(math.isfinite(value) for value in metrics.values()):
        return metrics
    raise Diverged(f"{what} diverged: {short(metrics)}{advice}")


def is_exact(dataset: Dataset, batch_size: int) -> bool:
    """Whether an evaluation in so many columns is exact: of a text, all but the first begin without their past."""
    return batch_size == 1 or dataset.labelled


def how_read(dataset: Dataset, settings: Settings, batch_size: int) -> str:
    """Whether an evaluation in so many columns is exact, and what it is otherwise."""
    if is_exact(dataset, batch_size):
        return "exact"
    past = f"after {settings.eval_warm_up} unscored steps" if settings.eval_warm_up else "cold"
    return f"approximate: {batch_size} columns begin {past}"


def columns(dataset: Dataset, settings: Settings, exact: bool) -> int:
    """How many columns to read in an evaluation; with labels any number is exact, so one is never the best choice."""
    if dataset.labelled:
        return settings.eval_batch_size if settings.eval_batch_size > 1 else settings.batch_size
    return 1 if exact else settings.eval_batch_size


def evaluation_windows(dataset: Dataset, split: str, batch_size: int, warm_up: int = 0) -> Sequence[Window]:
    """The windows of an evaluation: short ones of a text, whole sequences where these have labels."""
    if dataset.labelled:
        return dataset.windows(split, batch_size, None)
    warmed = {"warm_up": warm_up} if warm_up and batch_size > 1 else {}
    return dataset.windows(split, batch_size, max(1, ROWS // batch_size), **warmed)


@torch.no_grad()
def score_split(
    model: Model,
    dataset: Dataset,
    split: str,
    device: Device,
    batch_size: int,
    check: Callable[[], None],
    labels: list[Labelled] | None = None,
    warm_up: int = 0,
) -> Metrics:
    """The metrics of a split read as `batch_size` columns, see `is_exact`; `warm_up` as in `interfaces.data.Dataset`.

    `check` is called between windows and may raise to stop. To `labels`, if given, every window with labels adds them
    (B,) and the log-probabilities (B, K) for them.
    """
    training, tally = model.training, Metrics()
    state: State = ()  # the first window begins a new one
    model.eval()
    try:
        for window in evaluation_windows(dataset, split, batch_size, warm_up):
            check()
            if window.starts:
                state = model.initial_state(window.inputs.shape[1])
            inputs, targets = device.tensors(window)
            with device.autocast():
                if labels is not None and window.count:
                    log_probs, _ = model.predict(inputs, state)
                    labels.append((window.targets[-1], log_probs[-1].double().cpu().numpy()))
                score, state = model(inputs, targets, state)
            tally.update(score, window.count)
        return tally
    finally:
        model.train(training)
