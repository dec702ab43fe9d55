"""Checks before data is read: whether the sections can be built and fit each other."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..config.binding import Bound
from ..config.errors import ConfigError, first_line
from ..config.settings import Settings
from ..interfaces.data import DATA_KINDS, Dataset
from ..interfaces.model import Model
from .class_weights import check_class_weights
from .eager_optimizer import without_compiler
from .layerwise import check_layerwise, check_rate


def dry_run(bound: Mapping[str, Bound[Any]], settings: Settings) -> None:
    """Build model, optimizer and schedule without allocating memory, so that errors come before data is read."""
    if getattr(bound["runner"].build(), "needs_data", True):
        _build_model(bound["model"], bound["data"].target, settings)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    try:
        without_compiler(lambda: bound["optimizer"].build(params=[weight])).step()
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"optimizer: {first_line(error)}") from error
    check_rate(bound["optimizer"].options, settings)
    bound["schedule"].build()


def _build_model(model: Bound[Model], data: object, settings: Settings) -> None:
    dataset = data if inspect.isclass(data) and issubclass(data, Dataset) else None  # else checked once it is built
    kinds = {} if dataset is None else {name: getattr(dataset, name) for name in DATA_KINDS}
    try:
        with torch.device("meta"), NothingDrawn():
            built = model.build(kinds, num_inputs=2, num_outputs=1 if kinds.get("real_targets") else 2)
        if dataset is not None:
            check_compatible(built, dataset, settings)
    except NotImplementedError:
        pass  # a model that cannot live on the meta device is checked when it is built
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"model: {first_line(error)}") from error


class NothingDrawn(TorchFunctionMode):
    """In it the drawing of initial values does nothing.

    Tensors on the meta device have no values, and torch imports its compiler to draw none (see eager_optimizer.py).
    """

    DRAWING = (Tensor.normal_, Tensor.log_normal_, Tensor.exponential_, Tensor.cauchy_, Tensor.geometric_)

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return arguments[0] if function in self.DRAWING else function(*arguments, **(options or {}))


def check_compatible(model: Model, dataset: Dataset | type[Dataset], settings: Settings) -> None:
    """ConfigError if the model cannot read such data, or not in such windows. `dataset` may be its class."""
    _check_kinds(model, dataset)
    if model.labels_only and not dataset.labelled:
        raise ConfigError(
            "this model gives one label to a whole sequence (a bag of words, model.bidirectional or model.pooling), so "
            "it is no language model: choose data=imdb or data=labelled, or model.bidirectional=false and "
            "model.pooling=last"
        )
    if model.reads_both_sides and (dataset.labelled or dataset.labelled_steps):
        raise ConfigError(
            "word vectors are learned from a running text, and this data has labels: choose data=words data.path=FILE"
        )
    if model.needs_symbol_counts and (dataset.labelled or dataset.labelled_steps):
        raise ConfigError(
            "model.output=adaptive and model.output=sampled are for predicting the words of a text, and this data has "
            "labels: give model.output=softmax"
        )
    if model.penalizes_steps and (dataset.labelled or dataset.labelled_steps):
        raise ConfigError(
            "model.activation_penalty and model.temporal_penalty are for predicting the words of a text, and this "
            "data has labels: give 0 for both"
        )
    if settings.truncation_std is not None and (dataset.labelled or dataset.labelled_steps):
        raise ConfigError(
            f"truncation_std={settings.truncation_std:.10g} is for a text whose windows go on from each other, and "
            "this data has labels: give truncation_std=null"
        )
    check_class_weights(model, dataset, settings)
    check_layerwise(model, settings)
    if model.needs_whole_sequences and settings.truncation is not None:
        raise ConfigError(
            "the state of a bidirectional network cannot be carried from window to window: "
            f"give truncation=null, got {settings.truncation}"
        )


def _check_kinds(model: Model, dataset: Dataset | type[Dataset]) -> None:
    name, other = type(model).__name__, "choose another model, such as model=torch_lstm"
    if model.real_inputs != dataset.real_inputs:
        reads, given = ("vectors", "symbols") if model.real_inputs else ("symbols", "vectors")
        raise ConfigError(f"{name} reads {reads}, but the inputs of this data are {given}: {other}")
    if model.real_targets != dataset.real_targets:
        learns, given = ("numbers", "classes") if model.real_targets else ("classes", "numbers")
        raise ConfigError(f"{name} predicts {learns}, but the targets of this data are {given}: {other}")
    if model.labels_only and dataset.labelled_steps:
        raise ConfigError(
            "this model gives one label to a whole sequence (a bag of words or model.pooling), but this data has "
            f"labels at every step: give model.pooling=last or {other}"
        )
