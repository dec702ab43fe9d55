"""What every training does: epochs, validation, the best weights, checkpoints, the test."""

import abc
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoints import checkpoint, training_state
from ..checkpoints.stored_dataset import StoredDataset
from ..checkpoints.training_state import Stateful
from ..interfaces.data import Dataset
from ..interfaces.model import CountedModel, Model
from ..interfaces.task import task_of
from ..tracking.interruption import Stop
from ..tracking.run import Run
from .best import Best
from .class_weights import set_class_weights
from .evaluation import Diverged, Evaluation, finite
from .metrics import Metrics
from .progress import Progress
from .timed_metrics import TimedMetrics

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..runners.train import Train

COUNTED_STEPS = 1 << 16  # of the windows in which a text is counted: bounds memory


class Training(abc.ABC):
    """One run's data and model, and where its training stands."""

    train_metrics_are = "last epoch, running"  # how the final report explains the metrics of the training split
    windows_per_epoch = 1
    end_note = ""  # what ended it, where it had a limit, for the final report
    run: Run  # from `train` on
    stop: Stop

    def __init__(self, experiment: "Experiment", runner: "Train", dataset: Dataset, model: Model):
        self.experiment, self.settings, self.runner = experiment, experiment.settings, runner
        self.dataset, self.model, self.task = dataset, model, task_of(dataset)
        self.processes = experiment.processes
        set_class_weights(model, dataset, self.settings, experiment.device)
        how = dataset, self.settings, experiment.device
        self.evaluation = Evaluation(*how, exact=False, processes=self.processes)
        self.exact_evaluation = Evaluation(*how, exact=True, processes=self.processes)
        if "valid" in dataset.splits:
            self.evaluation.windows("valid")  # raises if the batch has more columns than the split fills
        self.schedule = experiment.schedule.build()
        self._stored_dataset = StoredDataset.of(dataset).state_dict()
        self.epoch = self.updates = self.targets = 0  # epochs and updates done, training targets seen
        self.best = Best()
        self._best_saved: int | None = None
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind

    @property
    def num_epochs(self) -> int:
        """The epochs after which the training is done."""
        return self.settings.epochs

    @property
    def ended_by(self) -> str | None:
        """The option that ends the training now, "epochs" or "patience"; None: there is another epoch."""
        if self.epoch >= self.num_epochs:
            return "epochs"
        patience = self.settings.patience
        return None if patience is None or self.best.stale < patience else "patience"

    def train(self, run: Run, stop: Stop) -> None:
        """Epochs until an option ends them, the loss diverges or the run is asked to stop."""
        self.run, self.stop, self.saved_at, self.saved_targets = run, stop, self.processes.now(), self.targets
        has_bar = self.experiment.job is None and self.processes.is_first
        print_every = self.runner.print_every
        with Progress(self.windows_per_epoch, self.num_epochs, self.task, print_every, has_bar) as progress:
            while self.ended_by is None:
                self._epoch(progress)

    def test(self) -> None:
        """Score the test split exactly, with the weights the model has now."""
        if "test" in self.dataset.splits:
            metrics, _ = self.exact_evaluation.score_in_full(self.model, "test", self.run, self.stop)
            self._log("test", metrics)

    def parts(self) -> dict[str, Stateful]:
        """What its training state consists of, by the name in the file; without parts it cannot be resumed midway."""
        return {}

    def restore(self, folder: Path) -> None:
        """Continue where the run in this folder stood; from the beginning if it left no training state."""
        if parts := self.parts():
            states = self.processes.from_first(lambda: training_state.read(folder, self.model.state_dict()))
            if states is not None:
                training_state.load(parts, states, folder)

    def save(self) -> None:
        """Write a training state to resume from, if it has parts, and the best weights.

        Of several processes the first one writes; all have to call this, as each has the state of its own columns.
        """
        states = {name: part.state_dict() for name, part in self.parts().items()}
        if self.processes.is_first:
            self.run.journal.sync()  # a training state must not know values that a loss of power can take away
            if states:
                training_state.save(states, self.description(), self.run.folder)
            self.save_best()
        self.saved_at, self.saved_targets = self.processes.now(), self.targets

    def save_best(self) -> None:
        """Write best.pt if there are best weights that it does not hold yet."""
        path = self.run.folder / "best.pt"
        if self.best.weights is not None and (self.best.targets != self._best_saved or not path.exists()):
            checkpoint.save(path, self.description() | {"model": self.best.weights})
            self._best_saved = self.best.targets

    def description(self) -> dict[str, Any]:
        """The part of a checkpoint that describes its run."""
        return {
            "config": self.experiment.config,
            "choices": self.experiment.choices,
            "run": self.run.name,
            "run_id": self.run.run_id,
            "vocabulary": self.dataset.vocabulary.fingerprint,
            "dataset": self._stored_dataset,
            "best": self.best.summary(),
        }

    @abc.abstractmethod
    def _learn(self, progress: Progress) -> tuple[dict[str, float] | None, float]:
        """Learn from the training split, or from what is left of this epoch.

        Returns the metrics on it (None if they were not computed) and the targets per second.
        """

    def _epoch(self, progress: Progress) -> None:
        """One epoch, or what is left of it."""
        train, rate = self._learn(progress)
        if train:
            done = {"epoch": self.epoch + 1, "updates": self.updates, "targets_per_second": rate}
            self._log("train", train | done)
        with self.evaluated_weights():
            valid = self._validate()
            deciding_loss = (valid or train or {})["loss"]
            self._observe(deciding_loss)
            if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
                raise Diverged(f"training diverged: a weight is not finite{self._advice()}")
            self._finish_epoch()
            self.best.update(deciding_loss, self.model, self.epoch, self.targets)
        if self.best.epoch == self.epoch:
            self._log_best(valid or train or {})
        progress.epoch(self.epoch, train, valid, rate)
        self._save_if_due()
        if self.experiment.job is not None:
            self.experiment.job.report(self.epoch, self.best.loss)

    def evaluated_weights(self) -> contextlib.AbstractContextManager[None]:
        """Inside, the model has the weights that are validated and kept."""
        return contextlib.nullcontext()

    def _observe(self, loss: float) -> None:
        """Adapt to the deciding loss after an epoch."""
        self.schedule.observe(loss)

    def _finish_epoch(self) -> None:
        self.epoch += 1

    def _validate(self) -> dict[str, float] | None:
        if "valid" not in self.dataset.splits:
            return None
        metrics = self._finite(self.evaluation.score(self.model, "valid", self.stop))
        self._log("valid", metrics)
        return metrics

    def _finite(self, metrics: Metrics) -> dict[str, float]:
        if not metrics.count:  # a model that needs both sides has seen no symbol with both
            raise ValueError("the text is too short for anything to be predicted: lower batch_size or the context")
        return finite(metrics.compute(), "training", self.task, self._advice())

    def _advice(self) -> str:
        lr, clip = self.experiment.optimizer.options.get("lr"), self.settings.clip_norm
        lower = f"lower optimizer.lr (now {lr}) or clip_norm (now {'null' if clip is None else clip})"
        return f" after {self.targets:,} targets; {lower}"

    def _save_if_due(self) -> None:
        by_targets = self.runner.checkpoint_targets_interval
        due = by_targets is not None and self.targets - self.saved_targets >= by_targets
        if due or self.processes.now() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _log_best(self, metrics: dict[str, float]) -> None:
        """Log the loss and what describes the task: a store's table shows the newest value of a metric."""
        keys = dict.fromkeys(("loss", self.task.criterion(metrics)))
        self.run.log_metrics({f"best/{key}": metrics[key] for key in keys}, self.targets)

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.run.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)


class CountedTraining(Training):
    """One epoch in which the model's `fit` is given the training split in order; an interrupted run starts again.

    The training split is scored only if there is no validation split.
    """

    model: CountedModel
    train_metrics_are = "what was counted, exact"
    num_epochs = 1

    def _learn(self, progress: Progress) -> tuple[dict[str, float] | None, float]:  # noqa: ARG002
        clock = TimedMetrics()
        steps = None if self.dataset.labelled else COUNTED_STEPS
        windows = self.dataset.windows("train", self.exact_evaluation.batch_size, steps)
        self.model.fit(windows)
        self.stop.check()
        self.targets = clock.count = sum(window.count for window in windows)
        if "valid" in self.dataset.splits:
            return None, clock.rate()
        return self._finite(self.exact_evaluation.score(self.model, "train", self.stop)), clock.rate()
