"""Training by truncated backpropagation through time."""

import copy
import logging
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from ..curves import draw_learning_curve
from ..metrics import Meter
from ..tracking import read_journal
from . import checkpoint
from .closing import summarize
from .interruption import Stop, interruptible
from .progress import Progress
from .scoring import score_split

log = logging.getLogger("experiments")


class Diverged(ArithmeticError):
    """The training loss is no number any more."""

    outcome = "diverged"


class Train:
    """Train, validate each epoch, keep the best weights, test with them. The return value is the best loss."""

    def __init__(self, *, log_interval: int, checkpoint_interval: float):
        """`log_interval`: updates between interval/* metrics; `checkpoint_interval`: seconds between files."""
        if log_interval < 1:
            raise ValueError(f"log_interval must be at least 1 update, got {log_interval}")
        if checkpoint_interval < 0:
            raise ValueError(f"checkpoint_interval must be at least 0 seconds, got {checkpoint_interval}")
        self.log_interval, self.checkpoint_interval = log_interval, checkpoint_interval

    def run(self, experiment) -> float:
        training = Training(
            experiment, self
        )  # whatever can be refused is refused here, before there is a run
        with experiment.open_tracker(training.dataset.fingerprint, runner="train") as tracker:
            tracker.log_config(experiment.parameters())
            training.start(tracker)
            try:
                training.train()
                training.test()
            finally:
                training.keep_files()
        summarize(experiment, tracker, training)
        return training.best_loss


class Training:
    """One run's data, model and optimizer, and where it stands."""

    def __init__(self, experiment, runner: Train):
        self.experiment, self.settings, self.runner = experiment, experiment.settings, runner
        self.dataset = experiment.build_dataset()
        self.windows_per_epoch = len(self._windows(0))
        self.model = experiment.build_model(self.dataset).train()
        self.optimizer = experiment.build_optimizer(self.model)
        self.schedule = experiment.schedule.build()
        self.parameters = list(self.model.parameters())
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.epoch = self.window = self.updates = self.targets = 0  # epochs done, windows of this one, totals
        self.state: Any = None
        self.best_loss, self.best_epoch, self.stale = math.inf, 0, 0
        self.best_weights: dict[str, torch.Tensor] | None = None
        self.last: dict[str, dict[str, float]] = {}  # the newest metrics of each split

    def start(self, tracker) -> None:
        """Begin to record into an entered tracker."""
        self.tracker, self.interval = tracker, Meter()
        self.saved_at = time.monotonic()
        log.info("%s  %s", tracker.name, self.experiment.command)

    def train(self) -> None:
        """Epochs until they are done, patience is over, the loss diverges or somebody stops it."""
        with interruptible() as stop, Progress(self.windows_per_epoch, self.settings.epochs) as progress:
            while self.epoch < self.settings.epochs and not self._is_patience_over():
                self._epoch(stop, progress)

    def test(self) -> None:
        """Score the test split exactly, with the best weights."""
        if "test" not in self.dataset.splits:
            return
        self.model.load_state_dict(self.best_weights)
        with interruptible() as stop:
            tally = score_split(self.experiment, self.model, self.dataset, "test", 1, stop.check)
        self._log("test", tally.read())

    def keep_files(self) -> None:
        """Checkpoints, config and learning curve, however the run ends."""
        folder = self.tracker.folder
        self.save()
        if self.best_weights is not None:
            self.tracker.log_file(folder / "best.pt")
            self.tracker.set_tags({"checkpoint": "best.pt"})
        picture = folder / "learning_curve.png"
        draw_learning_curve(read_journal(folder / "metrics.jsonl"), picture, self.tracker.name)
        if picture.exists():
            self.tracker.log_file(picture)

    def save(self) -> None:
        """Write last.pt, with which training can go on, and best.pt, which is for use."""
        common = {"config": self.experiment.config, "run_id": self.tracker.run_id}
        position = {
            "epoch": self.epoch,
            "window": self.window,
            "updates": self.updates,
            "targets": self.targets,
        }
        best = {"epoch": self.best_epoch, "loss": self.best_loss, "stale": self.stale}
        last = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": vars(self.schedule),
            "state": self.state,
            "rng": torch.get_rng_state(),
        }
        checkpoint.save(
            self.tracker.folder / "last.pt", {**common, **last, "position": position, "best": best}
        )
        if self.best_weights is not None:
            content = {**common, "model": self.best_weights, "best": best}
            checkpoint.save(self.tracker.folder / "best.pt", content)
        self.saved_at = time.monotonic()

    def _epoch(self, stop: Stop, progress: Progress) -> None:
        epoch = Meter()
        for windows in updates(self._windows(self.epoch), self.settings.windows_per_update):
            norm = self._update(windows, epoch, self.interval)
            progress.windows(len(windows), self.epoch + 1, epoch)
            if self.updates % self.runner.log_interval == 0:
                self._log_interval(norm)
            stop.check()
        self.epoch, self.window = self.epoch + 1, 0
        train, rate = self._measured(epoch), epoch.rate()
        self._log("train", {**train, "epoch": self.epoch, "targets_per_second": rate})
        with self.interval.paused():
            valid = self._validate(stop)
        self._judge((valid or train)["loss"])
        progress.epoch(self.epoch, train, valid, rate)
        if time.monotonic() - self.saved_at >= self.runner.checkpoint_interval:
            self.save()

    def _windows(self, epoch: int):
        return self.dataset.windows("train", self.settings.batch_size, self.settings.truncation, epoch)

    def _update(self, windows: list, *tallies: Meter) -> torch.Tensor:
        """Score these windows, collect their gradients, clip and step once; the gradient's norm before clipping."""
        compute, settings = self.experiment.compute, self.settings
        rate = self.schedule.factor(self.epoch + self.window / self.windows_per_epoch)
        for group, base in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = base * rate
        total = sum(window.count for window in windows)
        for window in windows:
            columns = window.inputs.shape[1]
            if window.starts:
                self.state = self.model.initial_state(columns)
            with compute.autocast(), torch.set_grad_enabled(window.count > 0):
                score, state = self.model(
                    compute.tensor(window.inputs), compute.tensor(window.targets), self.state
                )
            if window.count:
                (score.loss / (total if settings.reduction == "mean" else columns)).backward()
                for tally in tallies:
                    tally.add(score, window.count)
            self.state = tuple(part.detach() for part in state)  # the truncation: no gradient passes here
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        if settings.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, settings.clip_norm, norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.updates, self.window, self.targets = (
            self.updates + 1,
            self.window + len(windows),
            self.targets + total,
        )
        return norm

    def _validate(self, stop: Stop) -> dict[str, float] | None:
        if "valid" not in self.dataset.splits:
            return None
        batch_size = self.settings.eval_batch_size
        tally = score_split(self.experiment, self.model, self.dataset, "valid", batch_size, stop.check)
        metrics = self._measured(tally)
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

    def _measured(self, tally: Meter) -> dict[str, float]:
        """The tally's metrics; Diverged if its loss is no finite number."""
        metrics = tally.read()
        if math.isfinite(metrics["loss"]):
            return metrics
        lr, clip = self.experiment.optimizer.options.get("lr"), self.settings.clip_norm
        raise Diverged(
            f"the loss became {metrics['loss']} in epoch {self.epoch + 1} after {self.targets:,} targets: "
            f"lower optimizer.lr (now {lr}) or clip_norm (now {'null' if clip is None else clip})"
        )

    def _log_interval(self, norm: torch.Tensor) -> None:
        metrics = self._measured(self.interval)
        keys = [key for key in ("loss", "perplexity") if key in metrics]
        rate = self.optimizer.param_groups[0]["lr"]
        values = {key: metrics[key] for key in keys} | {"grad_norm": float(norm), "learning_rate": rate}
        self._log("interval", values | {"targets_per_second": self.interval.rate()})
        self.interval = Meter()

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        self.last[kind] = metrics
        self.tracker.log_metrics({f"{kind}/{key}": value for key, value in metrics.items()}, self.targets)


def updates(windows: Iterable, number: int) -> Iterator[list]:
    """Windows -> the groups that make one update: `number` windows that have targets, and those between them."""
    group, counted = [], 0
    for window in windows:
        group.append(window)
        counted += window.count > 0
        if counted == number:
            yield group
            group, counted = [], 0
    if counted:
        yield group
