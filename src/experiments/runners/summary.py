"""The runner that prints a model's layers."""

from typing import TYPE_CHECKING

from ..training.artifacts import layer_table

if TYPE_CHECKING:
    from ..experiment import Experiment


class Summary:
    """Print a row per layer: name, output shape for one window, trainable parameters."""

    def run(self, experiment: "Experiment") -> None:
        dataset = experiment.build_dataset()
        print(f"{experiment.choices['model']} on {experiment.choices['data']} (T, B, size)")
        print(layer_table(experiment.build_model(dataset), experiment.settings))
