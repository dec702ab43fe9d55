"""What several runners need before they begin: weights, and a split that the data has."""

from collections.abc import Sequence

from ..checkpoints.initial_weights import InitialWeights
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset, Window


def required_weights(experiment: Experiment) -> InitialWeights:
    """The weights of `checkpoint=`. ConfigError if none are given."""
    if experiment.initial_weights is None:
        runner = experiment.choices["runner"]
        raise ConfigError(f"runner={runner} needs weights: give checkpoint=latest, a run id or a file")
    return experiment.initial_weights


def check_split(dataset: Dataset, split: str, option: str = "split") -> None:
    """ConfigError if the data has no such split; `option` is the runner's option that names it."""
    if split not in dataset.splits:
        raise ConfigError(f"runner.{option}={split} is not in this dataset; it has {', '.join(dataset.splits)}")


def windows_of(dataset: Dataset, split: str, batch_size: int, truncation: int | None) -> Sequence[Window]:
    """The windows of a split to look into a network: labelled sequences in the order of an epoch, not by length.

    ConfigError if the data has no such split or cannot be cut so.
    """
    check_split(dataset, split)
    try:
        return dataset.windows(split, batch_size, truncation, 0 if dataset.labelled else None)
    except ValueError as error:
        raise ConfigError(str(error)) from error
