"""The exact cost of a checkpoint on a split."""

import logging
from typing import TYPE_CHECKING, Literal

from ..config.errors import ConfigError
from ..training.classification import report
from ..training.evaluation import Labelled, columns, finite, how_read, score_split
from ..training.progress import short

if TYPE_CHECKING:
    from ..experiment import Experiment

log = logging.getLogger("experiments")


class Evaluate:
    """Score a split with the weights that `checkpoint=` names; its loss in nats is the return value."""

    def __init__(self, *, split: Literal["train", "valid", "test"]):
        self.split = split

    def run(self, experiment: "Experiment") -> float:
        weights = experiment.initial_weights
        if weights is None:
            raise ConfigError("runner=evaluate needs weights: give checkpoint=latest, a run id or a file")
        dataset = experiment.build_dataset()
        if self.split not in dataset.splits:
            raise ConfigError(f"runner.split={self.split} is not in this dataset; it has {', '.join(dataset.splits)}")
        batch_size = columns(dataset, experiment.settings, exact=False)
        dataset.windows(self.split, batch_size, None)  # refuses a batch that the split cannot fill
        model = experiment.build_model(dataset)
        how = how_read(dataset, experiment.settings, batch_size)
        tags = {"runner": "evaluate", "evaluated": weights.run_id, "evaluation": how}
        with experiment.open_run(dataset.fingerprint, None, **tags) as (tracker, stop):
            labels: list[Labelled] | None = [] if dataset.labelled else None
            read = stop.check, labels, experiment.settings.eval_warm_up
            tally = score_split(model, dataset, self.split, experiment.device, batch_size, *read)
            metrics = finite(tally.compute(), "evaluation")
            if labels:
                metrics |= report(labels, dataset.labels, self.split, tracker)
            step = weights.content["best"]["targets"]
            tracker.log_metrics({f"{self.split}/{key}": value for key, value in metrics.items()}, step)
        log.info(
            "%s of %s: %s over %s targets (%s)",
            self.split,
            weights.source,
            short(metrics),
            f"{tally.count:,}",
            how,
        )
        log.info("  ".join(f"{key} {value:.8g}" for key, value in metrics.items()))
        return metrics["loss"]
