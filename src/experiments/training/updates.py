"""Training by gradients: the updates of truncated BPTT, logged and saved between them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..checkpoints.training_state import Stateful
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model
from ..tracking.interruption import Stop
from ..tracking.run import Run
from .budget import Budget
from .loop import Training
from .metrics import Metrics, TimedMetrics
from .progress import Progress
from .random_state import RandomState
from .system_metrics import SystemMetrics
from .tbptt import TruncatedBptt, groups

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..runners.train import Train
    from ..understanding.gradient_course import GradientCourse


class GradientTraining(Training):
    """A training whose state (weights, optimizer, place in the epoch, ...) can be saved after every update."""

    course: "GradientCourse | None" = None  # if the runner sets it, it measures gradients by lag at an interval

    def __init__(self, experiment: "Experiment", runner: "Train", dataset: Dataset, model: Model):
        super().__init__(experiment, runner, dataset, model)
        self.windows_per_epoch = len(self._windows(0))
        self.tbptt = TruncatedBptt(
            model,
            experiment.build_optimizer(model),
            experiment.device,
            reduction=self.settings.reduction,
            clip_norm=self.settings.clip_norm,
            processes=self.processes,
        )
        self.system = SystemMetrics(experiment.device.torch_device)
        limits = runner.max_seconds, runner.max_targets
        self.budget = Budget(self.num_epochs, *limits, self.processes)
        self.window = 0  # windows of this epoch done
        self.metrics, self.interval = TimedMetrics(), TimedMetrics()  # of this epoch, since the last interval/* metrics

    @property
    def ended_by(self) -> str | None:
        """As of every training, or the limit that was reached: an epoch that it ends early is validated first."""
        return super().ended_by or (self.budget.reached if self.window == 0 else None)

    def train(self, run: Run, stop: Stop) -> None:
        self.metrics.start()
        self.interval.start()
        super().train(run, stop)
        if self.budget.is_limited:
            run.set_tags({"ended_by": str(self.ended_by)})
            self.end_note = f"by {self.ended_by} after {self.targets:,} targets"

    def save(self) -> None:
        with self.budget.paused():
            super().save()

    def parts(self) -> dict[str, Stateful]:
        return ({"budget": self.budget} if self.budget.is_limited else {}) | {
            "model": self.model,
            "optimizer": self.tbptt.optimizer,
            "schedule": self.schedule,
            "best": self.best,
            "epoch_metrics": self.metrics,
            "interval_metrics": self.interval,
            "random_state": RandomState(self.experiment.device),
            "loop": self,
        }

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch, the carried state and the newest metrics."""
        place = {key: getattr(self, key) for key in ("epoch", "window", "updates", "targets", "last")}
        return place | {"state": self.tbptt.whole_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        place = dict(state)
        carried = place.pop("state")
        vars(self).update(place)
        if carried is not None:
            self.tbptt.carry_on(carried)

    def _learn(self, progress: Progress) -> tuple[dict[str, float], float]:
        epoch = self._windows(self.epoch)
        left = (epoch[k] for k in range(self.window, len(epoch)))
        if self.updates == 0:
            self._measure_gradients()
        self.budget.start()
        for windows in groups(left, self.settings.update_windows):
            if self.budget.reached:
                break
            self._set_rate(self.epoch + self.window / len(epoch), progress)
            logged = (self.updates + 1) % self.runner.log_interval == 0
            norm = self.tbptt.update(windows, self.metrics, self.interval, measured=logged)
            self.updates, self.window = self.updates + 1, self.window + len(windows)
            self.targets += sum(window.count for window in windows)
            self.budget.lap(self.targets)
            progress.windows(len(windows), self.epoch + 1, self.metrics)
            if logged:
                self._log_interval(norm)
            self._measure_gradients()
            self._save_if_due()
            self.stop.check()
        return self._finite(self.metrics) | self._summed_loss(self.metrics), self.metrics.rate()

    def _set_rate(self, epochs: float, progress: Progress) -> None:
        """Set the learning rate after so many epochs, which may be only a part of those that there is time for."""
        if self.budget.is_limited:
            self.schedule.share = self.budget.share(epochs)
            progress.set_share(self.schedule.share)
        self.tbptt.set_rate(self.schedule.factor(epochs))

    def _finish_epoch(self) -> None:
        super()._finish_epoch()
        self.window, self.metrics = 0, TimedMetrics()

    def _validate(self) -> dict[str, float] | None:
        with self.interval.paused():
            return super()._validate()

    def _measure_gradients(self) -> None:
        """Log the gradients by lag and store their picture, if that is due now."""
        if self.course is not None and self.course.is_due(self.updates):
            with self.metrics.paused(), self.interval.paused():
                picture = self.run.folder / f"gradient_norms_{self.updates}.png"
                self.run.log_metrics(self.course.measure(self.model, self.updates, picture), self.targets)
                self.run.log_file(picture)
        interval = self.runner.gradients_interval  # measured by the first process, for which the others wait
        if interval is not None and self.updates % interval == 0:
            self.budget.start()

    def _windows(self, epoch: int) -> Sequence[Window]:
        return self.dataset.windows("train", self.settings.batch_size, self.settings.truncation, epoch)

    def _summed_loss(self, metrics: Metrics) -> dict[str, float]:
        return {"loss_sum": metrics.summed_loss()} if self.settings.loss_sum else {}

    def _log_interval(self, norm: torch.Tensor | None) -> None:
        values: dict[str, float] = {}
        if self.interval.count:
            metrics = self._finite(self.interval)
            values = {key: metrics[key] for key in dict.fromkeys(("loss", *self.task.curves(metrics)))}
            values |= self._summed_loss(self.interval)
        rate = self.tbptt.optimizer.param_groups[0]["lr"]
        values |= {"grad_norm": float("nan" if norm is None else norm), "learning_rate": rate}
        self._log("interval", values | {"targets_per_second": self.interval.rate()})
        self.run.log_metrics(self.system.measure(), self.targets)
        self.interval = TimedMetrics()
