"""A trained network as MLflow serves it: texts in, texts or probabilities out (`tracker.model=true`)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..config.errors import ConfigError
from .trained import Trained, load

OUTPUTS = ("sample", "score")


def _load_pyfunc(path: str) -> "Served":
    """What MLflow calls with the path of the checkpoint; the name is MLflow's."""
    return Served(load(path))


class Served:
    """A model of MLflow's `pyfunc`."""

    def __init__(self, trained: Trained):
        self.trained = trained

    def predict(self, texts: pd.DataFrame, params: Mapping[str, Any] | None = None) -> list[str] | pd.DataFrame:
        """The texts of the first column, with `output=sample` continued as by runner=sample, one text each.

        With `output=score` the rows of runner=score: for every token its probability, or for every line those of the
        labels, beside the text. The other parameters are those of `Trained.sample`. ConfigError for an unknown output.
        """
        options = dict(params or {})
        output = options.pop("output", OUTPUTS[0])
        if output not in OUTPUTS:
            raise ConfigError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
        lines = [str(text) for text in texts.iloc[:, 0]]
        if output == "score":
            return pd.concat([self.trained.score(line).assign(text=line) for line in lines], ignore_index=True)
        return [self.trained.sample(line, **options) for line in lines]
