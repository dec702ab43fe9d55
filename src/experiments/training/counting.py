"""Training of models that count: the training split is read once, without gradients."""

from typing import TYPE_CHECKING

from ..interfaces.data import Dataset
from ..interfaces.model import CountedModel
from ..tracking.interruption import Stop
from .evaluation import columns
from .loop import Training
from .metrics import TimedMetrics
from .progress import Progress

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..runners.train import Train

STEPS = 1 << 16  # of the windows in which a text is counted: bounds memory


class CountedTraining(Training):
    """One epoch in which the model's `fit` is given the training split in order.

    It is scored on the training split only if there is no validation split. There is no training state: an interrupted
    run counts again.
    """

    train_metrics_are = "what was counted, exact"

    def __init__(self, experiment: "Experiment", runner: "Train", dataset: Dataset, model: CountedModel):
        super().__init__(experiment, runner, dataset, model)
        self.counted = model
        self.epochs = 1

    def _learn(self, stop: Stop, progress: Progress) -> tuple[dict[str, float] | None, float]:  # noqa: ARG002
        clock = TimedMetrics()
        steps = None if self.dataset.labelled else STEPS
        windows = self.dataset.windows("train", columns(self.dataset, self.settings, exact=True), steps)
        self.counted.fit(windows)
        stop.check()
        self.targets = clock.count = sum(window.count for window in windows)
        train = None if "valid" in self.dataset.splits else self._finite(self._score("train", stop, exact=True))
        return train, clock.rate()

    def _save_state(self) -> None:
        """There is none."""
