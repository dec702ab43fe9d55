"""Checks before data is read: whether the sections can be built and fit each other."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from ..config.binding import Bound
from ..config.errors import ConfigError, first_line
from ..config.settings import Settings
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from .class_weights import check_class_weights


def dry_run(bound: Mapping[str, Bound[Any]], settings: Settings) -> None:
    """Build model, optimizer and schedule without allocating memory, so that errors come before data is read."""
    try:
        with torch.device("meta"):
            model = bound["model"].build(num_inputs=2, num_outputs=2)
        dataset = bound["data"].target
        if inspect.isclass(dataset) and issubclass(dataset, Dataset):  # else checked once it is built
            check_compatible(model, dataset, settings)
    except NotImplementedError:
        pass  # a model that cannot live on the meta device is checked when it is built
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"model: {first_line(error)}") from error
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    try:
        bound["optimizer"].build(params=[weight]).step()
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"optimizer: {first_line(error)}") from error
    bound["schedule"].build()


def check_compatible(model: Model, dataset: Dataset | type[Dataset], settings: Settings) -> None:
    """ConfigError if the model cannot read such data, or not in such windows. `dataset` may be its class."""
    if model.labels_only and not dataset.labelled:
        raise ConfigError(
            "this model gives one label to a whole sequence (a bag of words, model.bidirectional or model.pooling), so "
            "it is no language model: choose data=imdb or data=labelled, or model.bidirectional=false and "
            "model.pooling=last"
        )
    check_class_weights(model, dataset, settings)
    if model.needs_whole_sequences and settings.truncation is not None:
        raise ConfigError(
            "the state of a bidirectional network cannot be carried from window to window: "
            f"give truncation=null, got {settings.truncation}"
        )
