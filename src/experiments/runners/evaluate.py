"""The runner that scores a checkpoint on a split."""

import logging
from typing import Literal

from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.task import task_of
from ..recording import open_run
from ..scoring.protocols import Protocol, protocol_of
from ..training.evaluation import Evaluation
from ..training.summary_line import summary_line
from ..training.text_statistics import announce, recorded

log = logging.getLogger("experiments")


class Evaluate:
    """Score a split with the weights that `checkpoint=` names; the return value is the loss in nats per target.

    With a protocol that of the published code is shown beside the exact numbers (`scoring/protocols.py`).
    """

    def __init__(
        self,
        *,
        split: Literal["train", "valid", "test"],
        protocol: Literal["exact", "zaremba", "pytorch_examples", "awd", "textbook"],
    ):
        self.split, self.protocol = split, protocol

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
        protocol = self._protocol(dataset, experiment.settings.truncation)
        model, how = experiment.build_model(dataset), evaluation.description
        tags = {"runner": "evaluate", "evaluated": weights.run_id, "evaluation": how}
        with open_run(experiment, dataset.fingerprint, None, recorded(dataset), **tags) as (run, stop):
            announce(dataset, experiment.data.options)
            metrics, count = evaluation.score_in_full(model, self.split, run, stop)
            if protocol is not None:
                published = protocol.metrics(evaluation.score_windows(model, protocol.windows, stop))
                metrics |= {f"{key}_{self.protocol}": value for key, value in published.items()}
            step = weights.content["best"]["targets"]
            run.log_metrics({f"{self.split}/{key}": value for key, value in metrics.items()}, step)
        task = task_of(dataset)
        summary = summary_line(metrics, task)
        log.info("%s of %s: %s over %s targets (%s)", self.split, weights.source, summary, f"{count:,}", how)
        log.info("  ".join(f"{key} {value:.8g}" for key, value in task.of(metrics).items()))
        if protocol is not None:
            log.info("protocol %s: perplexity %.2f (%s)", self.protocol, published["perplexity"], protocol.description)
        return metrics["loss"]

    def _protocol(self, dataset: Dataset, truncation: int | None) -> Protocol | None:
        """What the published code reads; None if nothing but the exact numbers is asked for."""
        if self.protocol == "exact":
            return None
        try:
            return protocol_of(self.protocol, dataset, self.split, truncation)
        except ValueError as error:
            raise ConfigError(f"runner.{error}") from error
