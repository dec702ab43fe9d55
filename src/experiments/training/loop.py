"""What every training does: epochs, validation, the best weights, checkpoints, the test."""

import abc
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoints import checkpoint
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..tracking.interruption import Stop
from ..tracking.run import Run
from .best import Best
from .classification import report
from .evaluation import Diverged, Labelled, columns, finite, score_split
from .metrics import Metrics
from .progress import Progress

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..runners.train import Train


class Training(abc.ABC):
    """One run's data and model, and where its training stands."""

    train_metrics_are = "last epoch, running"  # how the final report explains the metrics of the training split

    def __init__(self, experiment: "Experiment", runner: "Train", dataset: Dataset, model: Model):
        self.experiment, self.settings, self.runner = experiment, experiment.settings, runner
        self.dataset, self.model = dataset, model
        if "valid" in dataset.splits:  # raises if the batch has more columns than the split fills
            dataset.windows("valid", columns(dataset, self.settings, exact=False), None)
        self.schedule = experiment.schedule.build()
        self.epochs, self.windows_per_epoch = self.settings.epochs, 1
        self.epoch = self.updates = self.targets = 0  # epochs and updates done, training targets seen
        self.best = Best()
        self._best_saved: int | None = None
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind

    def train(self, run: Run, stop: Stop) -> None:
        """Epochs until all are done, patience is over, the loss diverges or the run is asked to stop."""
        self.run, self.saved_at, self.saved_targets = run, time.monotonic(), self.targets
        patience = self.settings.patience
        with Progress(self.windows_per_epoch, self.epochs, self.experiment.job is not None) as progress:
            while self.epoch < self.epochs and (patience is None or self.best.stale < patience):
                self._epoch(stop, progress)

    def test(self, run: Run, stop: Stop) -> None:
        """Score the test split exactly, with the weights the model has now."""
        if "test" not in self.dataset.splits:
            return
        labels: list[Labelled] | None = [] if self.dataset.labelled else None
        metrics = finite(self._score("test", stop, exact=True, labels=labels).compute(), "the test")
        if labels:
            metrics |= report(labels, self.dataset.labels, "test", run)
        self._log("test", metrics)

    def save(self) -> None:
        """Write a training state to resume from, if there is one, and the best weights."""
        self.run.journal.sync()  # a training state must not know values that a loss of power can take away
        self._save_state()
        self.save_best()
        self.saved_at, self.saved_targets = time.monotonic(), self.targets

    def save_best(self) -> None:
        """Write best.pt if there are best weights that it does not hold yet."""
        path = self.run.folder / "best.pt"
        if self.best.weights is not None and (self.best.targets != self._best_saved or not path.exists()):
            checkpoint.save(path, self.description() | {"model": self.best.weights})
            self._best_saved = self.best.targets

    def description(self) -> dict[str, Any]:
        """What every checkpoint says of its run."""
        return {
            "config": self.experiment.config,
            "choices": self.experiment.choices,
            "run_id": self.run.run_id,
            "vocabulary": self.dataset.vocabulary.fingerprint,
            "best": self.best.summary(),
        }

    @abc.abstractmethod
    def _learn(self, stop: Stop, progress: Progress) -> tuple[dict[str, float] | None, float]:
        """Learn from the training split, or from what is left of this epoch.

        Returns the metrics on it (None if they were not computed) and the targets per second.
        """

    def restore(self, folder: Path) -> None:  # noqa: B027 - nothing to do without a training state
        """Continue where the run in this folder stood; from the beginning if it left no training state."""

    @abc.abstractmethod
    def _save_state(self) -> None:
        """Write the training state, if there is one to resume from."""

    def _epoch(self, stop: Stop, progress: Progress) -> None:
        """One epoch, or what is left of it; it counts as done when the last line here has run."""
        train, rate = self._learn(stop, progress)
        if train:
            done = {"epoch": self.epoch + 1, "updates": self.updates, "targets_per_second": rate}
            self._log("train", train | done)
        valid = self._validate(stop)
        deciding_loss = (valid or train or {})["loss"]
        self.schedule.observe(deciding_loss)
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise Diverged(f"training diverged: a weight is not finite{self._advice()}")
        self._finish_epoch()
        self.best.update(deciding_loss, self.model, self.epoch, self.targets)
        progress.epoch(self.epoch, train, valid, rate)
        self._save_if_due()
        if self.experiment.job is not None:
            self.experiment.job.report(self.epoch, self.best.loss)

    def _finish_epoch(self) -> None:
        self.epoch += 1

    def _score(self, split: str, stop: Stop, *, exact: bool, labels: list[Labelled] | None = None) -> Metrics:
        batch_size = columns(self.dataset, self.settings, exact)
        options = stop.check, labels, self.settings.eval_warm_up
        return score_split(self.model, self.dataset, split, self.experiment.device, batch_size, *options)

    def _validate(self, stop: Stop) -> dict[str, float] | None:
        if "valid" not in self.dataset.splits:
            return None
        metrics = self._finite(self._score("valid", stop, exact=False))
        self._log("valid", metrics)
        return metrics

    def _finite(self, metrics: Metrics) -> dict[str, float]:
        """The values of the metrics. Diverged if one of them is not finite."""
        return finite(metrics.compute(), "training", self._advice())

    def _advice(self) -> str:
        lr, clip = self.experiment.optimizer.options.get("lr"), self.settings.clip_norm
        lower = f"lower optimizer.lr (now {lr}) or clip_norm (now {'null' if clip is None else clip})"
        return f" after {self.targets:,} targets; {lower}"

    def _save_if_due(self) -> None:
        by_targets = self.runner.checkpoint_targets_interval
        due = by_targets is not None and self.targets - self.saved_targets >= by_targets
        if due or time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.run.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)
