"""The runner that prints a model's layers."""

from ..experiment import Experiment
from ..training.artifacts import layer_table


class Summary:
    """Print a row per layer: name, output shape for one window, trainable parameters."""

    def run(self, experiment: Experiment) -> None:
        dataset = experiment.build_dataset()
        print(f"{experiment.choices['model']} on {experiment.choices['data']} (T, B, size)")
        print(layer_table(experiment.build_model(dataset), experiment.settings))
