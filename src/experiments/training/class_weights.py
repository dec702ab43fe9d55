"""The option `class_weights`: how much a target counts in the loss of training."""

import numpy as np

from ..config.errors import ConfigError
from ..config.settings import Settings
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from .device import Device


def set_class_weights(model: Model, dataset: Dataset, settings: Settings, device: Device) -> None:
    """Give a model the weights of its classes, if there are any. ConfigError if the data does not know its classes."""
    if settings.class_weights is None:
        return
    if not dataset.label_counts:
        raise ConfigError("class_weights=balanced needs data that knows how many training targets each class has")
    weights = balanced(np.array(dataset.label_counts))
    model.class_weights = device.tensor(weights.astype(np.float32 if device.precision != "float64" else np.float64))


def balanced(counts: np.ndarray) -> np.ndarray:
    """Training targets of each class (K,) -> weights (K,), N / (K * count), whose mean over all N targets is 1.

    Those of scikit-learn's class_weight="balanced"; a class without targets weighs nothing.
    """
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)


def check_class_weights(model: Model, dataset: Dataset | type[Dataset], settings: Settings) -> None:
    """ConfigError if there are to be class weights and the model or the data has no use for them."""
    if settings.class_weights is None:
        return
    if not dataset.labelled:
        raise ConfigError(
            f"class_weights={settings.class_weights} is for labels: choose data=imdb or data=labelled, or leave it out"
        )
    if not model.takes_class_weights:
        raise ConfigError(
            f"{type(model).__name__} takes no class weights: leave out class_weights, or choose another model"
        )
    if getattr(model, "loss", None) == "squared_error":
        raise ConfigError(f"class_weights={settings.class_weights} needs model.loss=cross_entropy, got squared_error")
