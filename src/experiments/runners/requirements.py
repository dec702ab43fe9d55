"""What several runners need before they begin: weights, and a split that the data has."""

from ..checkpoints.initial_weights import InitialWeights
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset


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
