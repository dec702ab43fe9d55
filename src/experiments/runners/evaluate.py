"""The runner that scores a checkpoint on a split."""

import logging
from typing import Literal

import numpy as np

from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..tracking.interruption import Stop
from ..tracking.run import Run
from ..training.classification import report
from ..training.evaluation import columns, finite, how_read, score_split
from ..training.progress import short

log = logging.getLogger("experiments")


class Evaluate:
    """Score a split with the weights that `checkpoint=` names; the return value is the loss in nats per target."""

    def __init__(self, *, split: Literal["train", "valid", "test"]):
        self.split = split

    def run(self, experiment: Experiment) -> float:
        weights, settings = experiment.initial_weights, experiment.settings
        if weights is None:
            raise ConfigError("runner=evaluate needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        if self.split not in dataset.splits:
            raise ConfigError(f"runner.split={self.split} is not in this dataset; it has {', '.join(dataset.splits)}")
        batch_size = columns(dataset, settings, exact=False)
        dataset.windows(self.split, batch_size, None)  # raises if the batch has more columns than the split fills
        model, how = experiment.build_model(dataset), how_read(dataset, settings, batch_size)
        tags = {"runner": "evaluate", "evaluated": weights.run_id, "evaluation": how}
        with experiment.open_run(dataset.fingerprint, None, **tags) as (run, stop):
            metrics, count = self._measure(experiment, dataset, model, batch_size, run, stop)
            step = weights.content["best"]["targets"]
            run.log_metrics({f"{self.split}/{key}": value for key, value in metrics.items()}, step)
        summary = short(metrics)
        log.info("%s of %s: %s over %s targets (%s)", self.split, weights.source, summary, f"{count:,}", how)
        log.info("  ".join(f"{key} {value:.8g}" for key, value in metrics.items()))
        return metrics["loss"]

    def _measure(
        self, experiment: Experiment, dataset: Dataset, model: Model, batch_size: int, run: Run, stop: Stop
    ) -> tuple[dict[str, float], int]:
        """The metrics of the split, and the number of targets."""
        labels: list[tuple[np.ndarray, np.ndarray]] | None = [] if dataset.labelled else None
        options = stop.check, labels, experiment.settings.eval_warm_up
        scored = score_split(model, dataset, self.split, experiment.device, batch_size, *options)
        metrics = finite(scored.compute(), "evaluation")
        if labels:
            metrics |= report(labels, dataset.labels, self.split, run)
        return metrics, scored.count
