"""What a training by gradients consists of, and its state: a resumed one computes the same as one never stopped."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..checkpoints.training_state import Stateful
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model
from ..tracking.interruption import Stop
from ..tracking.run import Run
from .averaging import Averaging
from .budget import Budget
from .layerwise import GradualUnfreezing
from .loop import Training
from .progress import Progress
from .random_state import RandomState
from .system_metrics import SystemMetrics
from .tbptt import TruncatedBptt
from .timed_metrics import TimedMetrics

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..runners.train import Train


class ResumableTraining(Training):
    """A training whose state (weights, optimizer, place in the epoch, ...) can be saved after every update."""

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
        self.averaging = Averaging(model, self.settings)
        every = self.settings.unfreeze_every
        self.unfreezing = None if every is None else GradualUnfreezing(model, every)
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
        if self.unfreezing is not None:
            self.unfreezing.announce(self.num_epochs)
        super().train(run, stop)
        if self.budget.is_limited:
            run.set_tags({"ended_by": str(self.ended_by)})
            self.end_note = f"by {self.ended_by} after {self.targets:,} targets"

    def save(self) -> None:
        with self.budget.paused():
            super().save()

    def evaluated_weights(self) -> contextlib.AbstractContextManager[None]:
        return self.averaging.applied()

    def _epoch(self, progress: Progress) -> None:
        if self.unfreezing is not None:
            self.unfreezing.begin(self.epoch)
        super()._epoch(progress)

    def _observe(self, loss: float) -> None:
        super()._observe(loss)
        self.averaging.observe(loss)

    def parts(self) -> dict[str, Stateful]:
        optional: dict[str, Stateful] = {"budget": self.budget} if self.budget.is_limited else {}
        optional |= {"averaging": self.averaging} if self.settings.averaging else {}
        return optional | {
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

    def _windows(self, epoch: int) -> Sequence[Window]:
        settings = self.settings
        windows = self.dataset.windows("train", settings.batch_size, settings.truncation, epoch)
        if settings.truncation is None or settings.truncation_std is None:
            return windows
        from .random_windows import RandomWindows  # only who has them pays for the import

        return RandomWindows(windows, settings.truncation, settings.truncation_std, (settings.seed, epoch))
