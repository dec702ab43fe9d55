"""Training: epochs of truncated BPTT, validation, the best weights, checkpoints."""

import logging
import time

import torch

from ..interruption import Stop
from ..metrics import Meter, Tally
from . import checkpoint
from .artifacts import describe, keep_files
from .best import Best
from .closing import summarize
from .progress import Progress
from .report import report
from .scoring import Diverged, columns, finite, is_labelled, score_split
from .tbptt import TruncatedBptt, groups

log = logging.getLogger("experiments")

FIT_STEPS = 1 << 16  # of the windows that a model without gradients is given


class Train:
    """Train, validate each epoch, keep the best weights, test with them. The return value is the best loss."""

    def __init__(self, *, log_interval: int, checkpoint_interval: float):
        """`log_interval`: updates between interval/* metrics; `checkpoint_interval`: seconds between checkpoints."""
        if log_interval < 1:
            raise ValueError(f"log_interval must be at least 1 update, got {log_interval}")
        if checkpoint_interval < 0:
            raise ValueError(f"checkpoint_interval must be at least 0 seconds, got {checkpoint_interval}")
        self.log_interval, self.checkpoint_interval = log_interval, checkpoint_interval

    def run(self, experiment) -> float:
        training = Training(experiment, self)  # whatever can be refused is refused here, before there is a run
        with experiment.open_run(training.dataset.fingerprint, runner="train") as (tracker, stop):
            log.info("%s  %s", tracker.name, experiment.command)
            try:
                training.train(tracker, stop)
            finally:
                keep_files(training, tracker)
            stop.check()
            training.model.load_state_dict(training.best.weights)
            training.test(tracker, stop)
            describe(training, tracker)
        summarize(experiment, tracker, training)
        return training.best.loss


class Training:
    """One run's data, model and optimizer, and where it stands.

    A model without gradients (it has a `fit`) sees the training split once, in order, in the one epoch it needs.
    """

    def __init__(self, experiment, runner: Train):
        self.experiment, self.settings, self.runner = experiment, experiment.settings, runner
        self.dataset = experiment.build_dataset()
        if "valid" in self.dataset.splits:  # refuses more columns than it fills
            self.dataset.windows("valid", columns(self.dataset, self.settings, exact=False), None)
        self.model = experiment.build_model(self.dataset).train()
        self.fits = hasattr(self.model, "fit")
        self.epochs = 1 if self.fits else self.settings.epochs
        self.windows_per_epoch = 1 if self.fits else len(self._windows(0))
        self.schedule = experiment.schedule.build()
        self.tbptt = None if self.fits else self._tbptt()
        self.epoch = self.window = self.updates = self.targets = 0  # epochs done, windows of this one, totals
        self.best = Best()
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind

    def train(self, tracker, stop: Stop) -> None:
        """Epochs until they are done, patience is over, the loss diverges or somebody stops it."""
        self.tracker, self.interval, self.saved_at = tracker, Meter(), time.monotonic()
        patience = self.settings.patience
        with Progress(self.windows_per_epoch, self.epochs) as progress:
            while self.epoch < self.epochs and (patience is None or self.best.stale < patience):
                self._epoch(stop, progress)

    def test(self, tracker, stop: Stop) -> None:
        """Score the test split exactly, with the weights the model has now."""
        if "test" not in self.dataset.splits:
            return
        labels = [] if is_labelled(self.dataset) else None
        metrics = finite(self._score("test", stop, exact=True, labels=labels).read(), "the test")
        if labels:
            metrics |= report(labels, self.dataset.labels, "test", tracker)
        self._log("test", metrics)

    def save(self) -> None:
        """Write last.pt, with the whole state of model, optimizer and schedule, and best.pt, which is for use."""
        common = {"config": self.experiment.config, "choices": self.experiment.choices, "run_id": self.tracker.run_id}
        common |= {"vocabulary": self.dataset.vocabulary.fingerprint, "best": self.best.facts()}
        if self.tbptt is not None:  # else there is nothing to continue
            last = {
                "model": self.model.state_dict(),
                "optimizer": self.tbptt.optimizer.state_dict(),
                "schedule": vars(self.schedule),
                "state": self.tbptt.state,
                "rng": torch.get_rng_state(),
                "position": {key: getattr(self, key) for key in ("epoch", "window", "updates", "targets")},
            }
            checkpoint.save(self.tracker.folder / "last.pt", common | last)
        if self.best.weights is not None:
            checkpoint.save(self.tracker.folder / "best.pt", common | {"model": self.best.weights})
        self.saved_at = time.monotonic()

    def _tbptt(self) -> TruncatedBptt:
        optimizer = self.experiment.build_optimizer(self.model)
        how = {"reduction": self.settings.reduction, "clip_norm": self.settings.clip_norm}
        return TruncatedBptt(self.model, optimizer, self.experiment.compute, **how)

    def _epoch(self, stop: Stop, progress: Progress) -> None:
        train, rate = self._fit(stop) if self.fits else self._updates(stop, progress)
        if train:
            self._log("train", {**train, "epoch": self.epoch, "targets_per_second": rate})
        valid = self._validate(stop)
        decides = (valid or train)["loss"]
        self.schedule.observe(decides)
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise Diverged(f"training diverged: a weight is no finite number{self._advice()}")
        self.best.judge(decides, self.model, self.epoch, self.targets)
        progress.epoch(self.epoch, train, valid, rate)
        self._save_if_due()

    def _updates(self, stop: Stop, progress: Progress) -> tuple[dict[str, float], float]:
        """One epoch of updates; their running metrics and targets per second."""
        meter, epoch = Meter(), self._windows(self.epoch)
        for windows in groups(epoch, self.settings.windows_per_update):
            self.tbptt.set_rate(self.schedule.factor(self.epoch + self.window / len(epoch)))
            norm = self.tbptt.update(windows, meter, self.interval)
            self.updates, self.window = self.updates + 1, self.window + len(windows)
            self.targets += sum(window.count for window in windows)
            progress.windows(len(windows), self.epoch + 1, meter)
            if self.updates % self.runner.log_interval == 0:
                self._log_interval(norm)
            self._save_if_due()
            stop.check()
        self.epoch, self.window = self.epoch + 1, 0
        return self._measured(meter), meter.rate()

    def _fit(self, stop: Stop) -> tuple[dict[str, float] | None, float]:
        """What a model without gradients learns; scored on training too if nothing else can decide."""
        meter = Meter()
        steps = None if is_labelled(self.dataset) else FIT_STEPS
        windows = self.dataset.windows("train", columns(self.dataset, self.settings, exact=True), steps)
        self.model.fit(windows)
        stop.check()
        meter.count = sum(window.count for window in windows)
        self.epoch, self.targets = 1, meter.count
        train = None if "valid" in self.dataset.splits else self._measured(self._score("train", stop, exact=True))
        return train, meter.rate()

    def _windows(self, epoch: int):
        return self.dataset.windows("train", self.settings.batch_size, self.settings.truncation, epoch)

    def _score(self, split: str, stop: Stop, *, exact: bool, labels: list | None = None) -> Tally:
        batch_size = columns(self.dataset, self.settings, exact)
        return score_split(self.model, self.dataset, split, self.experiment.compute, batch_size, stop.check, labels)

    def _validate(self, stop: Stop) -> dict[str, float] | None:
        if "valid" not in self.dataset.splits:
            return None
        with self.interval.paused():
            metrics = self._measured(self._score("valid", stop, exact=False))
        self._log("valid", metrics)
        return metrics

    def _measured(self, tally: Tally) -> dict[str, float]:
        """The tally's metrics; Diverged if one of them is no finite number."""
        return finite(tally.read(), "training", self._advice())

    def _advice(self) -> str:
        lr, clip = self.experiment.optimizer.options.get("lr"), self.settings.clip_norm
        lower = f"lower optimizer.lr (now {lr}) or clip_norm (now {'null' if clip is None else clip})"
        return f" after {self.targets:,} targets; {lower}"

    def _log_interval(self, norm: torch.Tensor) -> None:
        metrics = self._measured(self.interval)
        values = {key: metrics[key] for key in ("loss", "perplexity") if key in metrics}
        values |= {"grad_norm": float(norm), "learning_rate": self.tbptt.optimizer.param_groups[0]["lr"]}
        self._log("interval", values | {"targets_per_second": self.interval.rate()})
        self.interval = Meter()

    def _save_if_due(self) -> None:
        if time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.tracker.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)
