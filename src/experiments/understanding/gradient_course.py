"""The norms of gradients by lag in the course of a training: measured before it and after every so many updates."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from ..config.errors import ConfigError
from ..config.figure import save_figure
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model
from ..training.device import Device
from .gradient_figures import draw_norms
from .lag_norms import LagNorms, check_has_gradients, fall_to, half_life, measure_lag_norms
from .passages import read_passages

PASSAGES, STEPS = 1, 5  # pieces of the training split, and steps of each whose losses are differentiated one by one
LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # whose norms are metrics


class GradientCourse:
    """Measures a model on the same windows whenever it is asked to, and leaves the model as it was.

    `name` is that of the model, `interval` is in updates, `lags` in steps; windows are twice as long, of
    `batch_size` columns.
    Raises ConfigError for a model without gradients through time, and for data that fills no such window.
    """

    def __init__(
        self, model: Model, name: str, dataset: Dataset, device: Device, *, interval: int, lags: int, batch_size: int
    ):
        check_has_gradients(model, name)
        self.name = name
        self.interval, self.lags, self.device, self.is_labelled = interval, lags, device, dataset.labelled
        try:
            epoch = 0 if dataset.labelled else None  # in the order of an epoch, not by length
            self.windows: Sequence[Window] = dataset.windows("train", batch_size, 2 * lags, epoch)
        except ValueError as error:
            raise ConfigError(f"runner.gradients_interval: {error}") from error

    def is_due(self, updates: int) -> bool:
        """Whether it is to be measured when so many updates are done."""
        return updates % self.interval == 0

    def measure(self, model: Model, updates: int, picture: Path) -> dict[str, float]:
        """Draw the norms with the weights that the model has now as a PNG; returns their metrics.

        Without dropout; no random number is drawn, and no gradient is left in the parameters.
        """
        was_training = model.training
        model.eval()
        try:
            with torch.backends.cudnn.flags(enabled=False):  # cuDNN has no gradient outside training
                passages = read_passages(model, self.windows, self.device, PASSAGES, lambda: None)
                lags = min(self.lags, self._reach(len(passages[0].inputs)))
                norms = measure_lag_norms(model, passages, self.device, STEPS, lags)
        finally:
            model.train(was_training)
        when = "before training" if updates == 0 else f"after {updates:,} updates"
        save_figure(draw_norms(norms, f"{self.name}, {when}"), picture)
        return course_metrics(norms)

    def _reach(self, steps: int) -> int:
        """The longest lag in a passage: of a sequence all of it, of a text half, so that several steps have it."""
        return steps if self.is_labelled else max(1, steps // 2)


def course_metrics(norms: LagNorms) -> dict[str, float]:
    """Metric -> half-life, steps to 1 %, norm at lag 1, and at other lags relative to it, of each part of the state."""
    return {key: value for key, value in _metrics(norms) if math.isfinite(value)}


def _metrics(norms: LagNorms) -> Iterator[tuple[str, float]]:
    for name, means in zip(norms.names, norms.means):
        part = name.replace(" ", "_")
        yield f"gradients/{part}/half_life", half_life(means)
        yield f"gradients/{part}/to_1_percent", fall_to(0.01, means)
        yield f"gradients/{part}/lag_1", float(means[0])
        for lag in LAGS[1:]:
            if lag <= len(means) and 0.0 < means[0] < math.inf:
                yield f"gradients/{part}/lag_{lag}_relative", float(means[lag - 1] / means[0])
