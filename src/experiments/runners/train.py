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
from .scoring import Diverged, finite, score_split
from .tbptt import TruncatedBptt, groups

log = logging.getLogger("experiments")


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
            training.test(stop)
            describe(training, tracker)
        summarize(experiment, tracker, training)
        return training.best.loss


class Training:
    """One run's data, model and optimizer, and where it stands."""

    def __init__(self, experiment, runner: Train):
        self.experiment, self.settings, self.runner = experiment, experiment.settings, runner
        self.dataset = experiment.build_dataset()
        self.windows_per_epoch = len(self._windows(0))
        if "valid" in self.dataset.splits:
            self.dataset.windows("valid", self.settings.eval_batch_size, None)  # refuses more columns than it fills
        self.model = experiment.build_model(self.dataset).train()
        self.optimizer = experiment.build_optimizer(self.model)
        self.schedule = experiment.schedule.build()
        how = {"reduction": self.settings.reduction, "clip_norm": self.settings.clip_norm}
        self.tbptt = TruncatedBptt(self.model, self.optimizer, experiment.compute, **how)
        self.epoch = self.window = self.updates = self.targets = 0  # epochs done, windows of this one, totals
        self.best = Best()
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind

    def train(self, tracker, stop: Stop) -> None:
        """Epochs until they are done, patience is over, the loss diverges or somebody stops it."""
        self.tracker, self.interval, self.saved_at = tracker, Meter(), time.monotonic()
        patience = self.settings.patience
        with Progress(self.windows_per_epoch, self.settings.epochs) as progress:
            while self.epoch < self.settings.epochs and (patience is None or self.best.stale < patience):
                self._epoch(stop, progress)

    def test(self, stop: Stop) -> None:
        """Score the test split exactly, with the weights the model has now."""
        if "test" in self.dataset.splits:
            self._log("test", finite(self._score("test", 1, stop).read(), "the test"))

    def save(self) -> None:
        """Write last.pt, with the whole state of model, optimizer and schedule, and best.pt, which is for use."""
        common = {"config": self.experiment.config, "choices": self.experiment.choices, "run_id": self.tracker.run_id}
        common |= {"vocabulary": self.dataset.vocabulary.fingerprint, "best": self.best.facts()}
        last = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": vars(self.schedule),
            "state": self.tbptt.state,
            "rng": torch.get_rng_state(),
            "position": {key: getattr(self, key) for key in ("epoch", "window", "updates", "targets")},
        }
        checkpoint.save(self.tracker.folder / "last.pt", common | last)
        if self.best.weights is not None:
            checkpoint.save(self.tracker.folder / "best.pt", common | {"model": self.best.weights})
        self.saved_at = time.monotonic()

    def _epoch(self, stop: Stop, progress: Progress) -> None:
        meter = Meter()
        for windows in groups(self._windows(self.epoch), self.settings.windows_per_update):
            self.tbptt.set_rate(self.schedule.factor(self.epoch + self.window / self.windows_per_epoch))
            norm = self.tbptt.update(windows, meter, self.interval)
            self.updates, self.window = self.updates + 1, self.window + len(windows)
            self.targets += sum(window.count for window in windows)
            progress.windows(len(windows), self.epoch + 1, meter)
            if self.updates % self.runner.log_interval == 0:
                self._log_interval(norm)
            self._save_if_due()
            stop.check()
        self.epoch, self.window = self.epoch + 1, 0
        train, rate = self._measured(meter), meter.rate()
        self._log("train", {**train, "epoch": self.epoch, "targets_per_second": rate})
        valid = self._validate(stop)
        decides = (valid or train)["loss"]
        self.schedule.observe(decides)
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise Diverged(f"training diverged: a weight is no finite number{self._advice()}")
        self.best.judge(decides, self.model, self.epoch, self.targets)
        progress.epoch(self.epoch, train, valid, rate)
        self._save_if_due()

    def _windows(self, epoch: int):
        return self.dataset.windows("train", self.settings.batch_size, self.settings.truncation, epoch)

    def _score(self, split: str, batch_size: int, stop: Stop) -> Tally:
        return score_split(self.model, self.dataset, split, self.experiment.compute, batch_size, stop.check)

    def _validate(self, stop: Stop) -> dict[str, float] | None:
        if "valid" not in self.dataset.splits:
            return None
        with self.interval.paused():
            metrics = self._measured(self._score("valid", self.settings.eval_batch_size, stop))
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
        values |= {"grad_norm": float(norm), "learning_rate": self.optimizer.param_groups[0]["lr"]}
        self._log("interval", values | {"targets_per_second": self.interval.rate()})
        self.interval = Meter()

    def _save_if_due(self) -> None:
        if time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.tracker.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)
