"""Epochs of truncated BPTT, validation, the best weights, checkpoints."""

import logging
import time

import torch

from ..checkpoints import checkpoint, training_state
from ..tracking.interruption import Stop
from .best import Best
from .classification import report
from .evaluation import Diverged, columns, finite, is_labelled, score_split
from .metrics import Meter, Tally
from .progress import Progress
from .tbptt import TruncatedBptt, groups

log = logging.getLogger("experiments")

FIT_STEPS = 1 << 16  # of the windows that a model without gradients is given


class Training:
    """One run's data, model and optimizer, and where it stands.

    A model without gradients (it has a `fit`) sees the training split once, in order, in the one epoch it needs.
    """

    def __init__(self, experiment, runner):
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
        self.meter, self.interval = Meter(), Meter()  # of this epoch, since the last interval/* metrics
        self.best, self._best_saved = Best(), None
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind

    def train(self, tracker, stop: Stop) -> None:
        """Epochs until they are done, patience is over, the loss diverges or somebody stops it."""
        self.tracker, self.saved_at, self.saved_targets = tracker, time.monotonic(), self.targets
        self.meter.start()
        self.interval.start()
        patience = self.settings.patience
        with Progress(self.windows_per_epoch, self.epochs, self.experiment.member is not None) as progress:
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
        """Write a snapshot to go on from, and the best weights for use."""
        self.tracker.journal.sync()  # no snapshot may know of values that a loss of power can take away
        training_state.save(self, self.tracker.folder)
        self.save_best()
        self.saved_at, self.saved_targets = time.monotonic(), self.targets

    def save_best(self) -> None:
        """Write best.pt if there are best weights and they are not there yet."""
        path = self.tracker.folder / "best.pt"
        if self.best.weights is not None and (self.best.targets != self._best_saved or not path.exists()):
            checkpoint.save(path, self.describing() | {"model": self.best.weights})
            self._best_saved = self.best.targets

    def describing(self) -> dict:
        """What every checkpoint says of its run."""
        known = {"config": self.experiment.config, "choices": self.experiment.choices, "run_id": self.tracker.run_id}
        return known | {"vocabulary": self.dataset.vocabulary.fingerprint, "best": self.best.facts()}

    def _tbptt(self) -> TruncatedBptt:
        optimizer = self.experiment.build_optimizer(self.model)
        how = {"reduction": self.settings.reduction, "clip_norm": self.settings.clip_norm}
        return TruncatedBptt(self.model, optimizer, self.experiment.compute, **how)

    def _epoch(self, stop: Stop, progress: Progress) -> None:
        """One epoch, or what is left of it; it is over, and counted, when its last line here has run."""
        train, rate = self._fit(stop) if self.fits else self._updates(stop, progress)
        if train:
            self._log("train", {**train, "epoch": self.epoch + 1, "updates": self.updates, "targets_per_second": rate})
        valid = self._validate(stop)
        decides = (valid or train)["loss"]
        self.schedule.observe(decides)
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise Diverged(f"training diverged: a weight is no finite number{self._advice()}")
        self.epoch, self.window, self.meter = self.epoch + 1, 0, Meter()
        self.best.judge(decides, self.model, self.epoch, self.targets)
        progress.epoch(self.epoch, train, valid, rate)
        self._save_if_due()
        if self.experiment.member is not None:
            self.experiment.member.report(self.epoch, self.best.loss)

    def _updates(self, stop: Stop, progress: Progress) -> tuple[dict[str, float], float]:
        """The updates of an epoch that are still to do; its running metrics and targets per second."""
        epoch = self._windows(self.epoch)
        left = (epoch[k] for k in range(self.window, len(epoch)))
        for windows in groups(left, self.settings.update_windows):
            self.tbptt.set_rate(self.schedule.factor(self.epoch + self.window / len(epoch)))
            logged = (self.updates + 1) % self.runner.log_interval == 0
            norm = self.tbptt.update(windows, self.meter, self.interval, measured=logged)
            self.updates, self.window = self.updates + 1, self.window + len(windows)
            self.targets += sum(window.count for window in windows)
            progress.windows(len(windows), self.epoch + 1, self.meter)
            if logged:
                self._log_interval(norm)
            self._save_if_due()
            stop.check()
        return self._measured(self.meter), self.meter.rate()

    def _fit(self, stop: Stop) -> tuple[dict[str, float] | None, float]:
        """What a model without gradients learns; scored on training too if nothing else can decide."""
        meter = Meter()
        steps = None if is_labelled(self.dataset) else FIT_STEPS
        windows = self.dataset.windows("train", columns(self.dataset, self.settings, exact=True), steps)
        self.model.fit(windows)
        stop.check()
        meter.count = sum(window.count for window in windows)
        self.targets = meter.count
        train = None if "valid" in self.dataset.splits else self._measured(self._score("train", stop, exact=True))
        return train, meter.rate()

    def _windows(self, epoch: int):
        return self.dataset.windows("train", self.settings.batch_size, self.settings.truncation, epoch)

    def _score(self, split: str, stop: Stop, *, exact: bool, labels: list | None = None) -> Tally:
        batch_size = columns(self.dataset, self.settings, exact)
        how = stop.check, labels, self.settings.eval_warm_up
        return score_split(self.model, self.dataset, split, self.experiment.compute, batch_size, *how)

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
        by_targets = self.runner.checkpoint_targets_interval
        due = by_targets is not None and self.targets - self.saved_targets >= by_targets
        if due or time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.tracker.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)
