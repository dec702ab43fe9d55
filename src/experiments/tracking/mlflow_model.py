"""A checkpoint as a model of MLflow's, which `mlflow models serve` serves."""

import warnings
from importlib.metadata import version
from pathlib import Path

from mlflow import pyfunc
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

LOADER = "experiments.api.served"  # MLflow imports it by its name, where it serves
TEXT = ColSpec(DataType.string, "text")
HINT = "An input example was not provided"  # would be computed by loading the whole network
PARAMETERS = (
    ParamSpec("output", DataType.string, "sample"),
    ParamSpec("length", DataType.long, 200),
    ParamSpec("temperature", DataType.double, 1.0),
    ParamSpec("seed", DataType.long, 0),
)


def save_model(checkpoint: Path, folder: Path) -> None:
    """Write a folder with MLflow's description of a model and a copy of the checkpoint."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f".*{HINT}")
        pyfunc.save_model(
            str(folder),
            loader_module=LOADER,
            data_path=str(checkpoint),
            signature=ModelSignature(Schema([TEXT]), params=ParamSchema(list(PARAMETERS))),
            pip_requirements=[f"recurrent-experiments=={version('recurrent-experiments')}"],
        )
