"""Training: epochs of truncated BPTT, validation, the best weights, checkpoints."""

import copy
import logging
import math
import time

import torch

from ..curves import draw_learning_curve
from ..metrics import Meter, Tally
from ..tracking import read_journal
from . import checkpoint
from .closing import summarize
from .interruption import Stop, interruptible
from .progress import Progress, short
from .sample import specimen
from .scoring import score_split
from .summary import layer_table
from .tbptt import TruncatedBptt, groups

log = logging.getLogger("experiments")


class Diverged(ArithmeticError):
    """The loss or the perplexity is no finite number any more."""

    outcome = "diverged"


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
        with experiment.open_run(training.dataset.fingerprint, runner="train") as tracker:
            try:
                training.train(tracker)
            finally:
                training.keep_files()
            training.describe()
            training.test()
        summarize(experiment, tracker, training)
        return training.best_loss


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
        self.best_loss, self.best_epoch, self.stale = math.inf, 0, 0
        self.best_weights: dict[str, torch.Tensor] | None = None
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each kind
        self.saved_at = time.monotonic()

    def train(self, tracker) -> None:
        """Epochs until they are done, patience is over, the loss diverges or somebody stops it."""
        self.tracker, self.interval = tracker, Meter()
        log.info("%s  %s", tracker.name, self.experiment.command)
        with interruptible() as stop, Progress(self.windows_per_epoch, self.settings.epochs) as progress:
            while self.epoch < self.settings.epochs and not self._is_patience_over():
                self._epoch(stop, progress)

    def test(self) -> None:
        """Score the test split exactly, with the best weights."""
        if "test" in self.dataset.splits:
            self.model.load_state_dict(self.best_weights)
            with interruptible() as stop:
                self._log("test", self._score("test", 1, stop).read())

    def describe(self) -> None:
        """The layers, and for a language model what it says with the best weights."""
        self.model.load_state_dict(self.best_weights)
        self.model.eval()
        self._keep_text("layers.txt", layer_table(self.model, self.settings) + "\n")
        if self.dataset.num_inputs == self.dataset.num_outputs == len(self.dataset.vocabulary):
            self._keep_text("sample.txt", specimen(self.model, self.experiment.compute, self.dataset))

    def keep_files(self) -> None:
        """Checkpoints and the learning curve, however the training ended."""
        self.save()
        if self.best_weights is not None:
            self.tracker.log_file(self.tracker.folder / "best.pt")
            self.tracker.set_tags({"checkpoint": "best.pt"})
        picture = self.tracker.folder / "learning_curve.png"
        draw_learning_curve(read_journal(self.tracker.folder / "metrics.jsonl"), picture, self.tracker.name)
        if picture.exists():
            self.tracker.log_file(picture)

    def save(self) -> None:
        """Write last.pt, which holds all that training stands on, and best.pt, which is for use."""
        common = {"config": self.experiment.config, "choices": self.experiment.choices, "run_id": self.tracker.run_id}
        common["best"] = {"epoch": self.best_epoch, "loss": self.best_loss, "stale": self.stale}
        last = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": vars(self.schedule),
            "state": self.tbptt.state,
            "rng": torch.get_rng_state(),
            "position": {key: getattr(self, key) for key in ("epoch", "window", "updates", "targets")},
        }
        checkpoint.save(self.tracker.folder / "last.pt", common | last)
        if self.best_weights is not None:
            checkpoint.save(self.tracker.folder / "best.pt", common | {"model": self.best_weights})
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
            stop.check()
        self.epoch, self.window = self.epoch + 1, 0
        train, rate = self._measured(meter), meter.rate()
        self._log("train", {**train, "epoch": self.epoch, "targets_per_second": rate})
        valid = self._validate(stop)
        self._judge((valid or train)["loss"])
        progress.epoch(self.epoch, train, valid, rate)
        if time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

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

    def _judge(self, loss: float) -> None:
        """Compare the loss that decides (validation's, or training's without one) with the best so far."""
        self.schedule.observe(loss)
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.stale = loss, self.epoch, 0
            self.best_weights = copy.deepcopy(self.model.state_dict())
        else:
            self.stale += 1

    def _is_patience_over(self) -> bool:
        return self.settings.patience is not None and self.stale >= self.settings.patience

    def _measured(self, tally: Tally) -> dict[str, float]:
        """The tally's metrics; Diverged if one of them is no finite number."""
        metrics = tally.read()
        if all(math.isfinite(value) for value in metrics.values()):
            return metrics
        lr, clip = self.experiment.optimizer.options.get("lr"), self.settings.clip_norm
        raise Diverged(
            f"training diverged: {short(metrics)} after {self.targets:,} targets; "
            f"lower optimizer.lr (now {lr}) or clip_norm (now {'null' if clip is None else clip})"
        )

    def _log_interval(self, norm: torch.Tensor) -> None:
        metrics = self._measured(self.interval)
        values = {key: metrics[key] for key in ("loss", "perplexity") if key in metrics}
        values |= {"grad_norm": float(norm), "learning_rate": self.optimizer.param_groups[0]["lr"]}
        self._log("interval", values | {"targets_per_second": self.interval.rate()})
        self.interval = Meter()

    def _keep_text(self, name: str, text: str) -> None:
        (self.tracker.folder / name).write_text(text, encoding="utf-8")
        self.tracker.log_file(self.tracker.folder / name)

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.tracker.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)
