"""The runner that scores a checkpoint on a split."""

import logging
from typing import Literal

from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.task import task_of
from ..training.evaluation import Evaluation
from ..training.summary_line import summary_line
from ..training.text_statistics import announce, recorded

log = logging.getLogger("experiments")


class Evaluate:
    """Score a split with the weights that `checkpoint=` names; the return value is the loss in nats per target."""

    def __init__(self, *, split: Literal["train", "valid", "test"]):
        self.split = split

    def run(self, experiment: Experiment) -> float:
        weights = experiment.initial_weights
        if weights is None:
            raise ConfigError("runner=evaluate needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        if self.split not in dataset.splits:
            raise ConfigError(f"runner.split={self.split} is not in this dataset; it has {', '.join(dataset.splits)}")
        trained = () if weights.dataset is None else weights.dataset.label_counts
        evaluation = Evaluation(dataset, experiment.settings, experiment.device, exact=False, label_counts=trained)
        evaluation.windows(self.split)  # raises if the batch has more columns than the split fills
        model, how = experiment.build_model(dataset), evaluation.description
        tags = {"runner": "evaluate", "evaluated": weights.run_id, "evaluation": how}
        with experiment.open_run(dataset.fingerprint, None, recorded(dataset), **tags) as (run, stop):
            announce(dataset, experiment.data.options)
            metrics, count = evaluation.score_in_full(model, self.split, run, stop)
            step = weights.content["best"]["targets"]
            run.log_metrics({f"{self.split}/{key}": value for key, value in metrics.items()}, step)
        task = task_of(dataset)
        summary = summary_line(metrics, task)
        log.info("%s of %s: %s over %s targets (%s)", self.split, weights.source, summary, f"{count:,}", how)
        log.info("  ".join(f"{key} {value:.8g}" for key, value in task.of(metrics).items()))
        return metrics["loss"]
