"""What every target of a split costs a model, one by one."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from ..config.settings import Settings
from ..interfaces.data import IGNORE, Dataset, Window
from ..interfaces.model import Model, State
from ..training.device import Device
from ..training.evaluation import Evaluation


class TargetLosses(NamedTuple):
    """N targets in the order of the windows."""

    targets: np.ndarray  # (N,) int64
    nats: np.ndarray  # (N,) float64, negative log-likelihoods
    sequences: np.ndarray | None  # (N,) int64: the sequence of each target; None of one text


def losses_of_split(model: Model, dataset: Dataset, split: str, settings: Settings, device: Device) -> TargetLosses:
    """What every target of a split costs a model; a text is read as one column."""
    windows = Evaluation(dataset, settings, device, exact=True).windows(split)
    return target_losses(model, windows, device, dataset.labelled)


@torch.no_grad()
def target_losses(model: Model, windows: Iterable[Window], device: Device, labelled: bool) -> TargetLosses:
    """The losses of all targets of a split; `labelled`: every column of a window is a sequence of its own.

    The windows are those of an evaluation: a text in one column, or whole sequences.
    """
    was_training, num_sequences = model.training, 0
    state: State = ()  # the first window starts a new one
    targets, nats, sequences = [], [], []
    model.eval()
    try:
        for window in windows:
            if window.starts:
                state = model.initial_state(window.inputs.shape[1])
            with device.autocast():
                found, state = model.target_nats(*device.tensors(window), state)
            counted = (window.targets != IGNORE).T  # (B, T): column by column
            targets.append(window.targets.T[counted])
            nats.append(found.double().cpu().numpy().T[counted])
            sequences.append(num_sequences + np.nonzero(counted)[0])
            num_sequences += window.targets.shape[1]
    finally:
        model.train(was_training)
    return TargetLosses(np.concatenate(targets), np.concatenate(nats), np.concatenate(sequences) if labelled else None)
