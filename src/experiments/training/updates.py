"""Training by gradients: the updates of truncated BPTT, logged and saved between them."""

from typing import TYPE_CHECKING

import torch

from .metrics import Metrics
from .progress import Progress
from .resumable import ResumableTraining
from .tbptt import groups
from .timed_metrics import TimedMetrics

if TYPE_CHECKING:
    from ..understanding.gradient_course import GradientCourse


class GradientTraining(ResumableTraining):
    """The updates of an epoch, and what is logged, measured and saved between them."""

    course: "GradientCourse | None" = None  # if the runner sets it, it measures gradients by lag at an interval

    def _learn(self, progress: Progress) -> tuple[dict[str, float], float]:
        epoch = self._windows(self.epoch)
        left = (epoch[k] for k in range(self.window, len(epoch)))
        if self.updates == 0:
            self._measure_gradients()
        self.budget.start()
        for windows in groups(left, self.settings.update_windows):
            if self.budget.reached:
                break
            self._set_rate(self.epoch + self.window / len(epoch), len(windows[-1].inputs), progress)
            logged = (self.updates + 1) % self.runner.log_interval == 0
            norm = self.tbptt.update(windows, self.metrics, self.interval, measured=logged)
            self.averaging.update(self.epoch + self.window / len(epoch))
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

    def _set_rate(self, epochs: float, steps: int, progress: Progress) -> None:
        """Set the learning rate after so many epochs, which may be only a part of those that there is time for.

        Where windows have random lengths, it is that of a window of so many steps.
        """
        if self.budget.is_limited:
            self.schedule.share = self.budget.share(epochs)
            progress.set_share(self.schedule.share)
        factor = self.schedule.factor(epochs)
        if self.settings.truncation is not None and self.settings.truncation_std is not None:
            factor *= steps / self.settings.truncation
        self.tbptt.set_rate(factor)

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
