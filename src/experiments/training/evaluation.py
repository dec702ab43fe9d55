"""Evaluation: the metrics of a split, every target scored once."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from ..config.settings import Settings
from ..interfaces.data import IGNORE, Dataset, Window
from ..interfaces.model import Model, Score, State, nats_of
from ..interfaces.task import Task, task_of
from ..tracking.interruption import Stop
from ..tracking.run import Run
from .classification import report_classification
from .device import Device
from .metrics import Metrics
from .processes import Processes
from .summary_line import summary_line
from .text_metrics import UnknownTargets, text_metrics
from .text_statistics import predicts_symbols, unknown_target

ROWS = 512  # time steps times columns of one window of a text: bounds memory, does not change the result

NOTHING = Score(0.0, 0.0, 0)  # of a process that reads no column of a window

Predictions = list[tuple[np.ndarray, np.ndarray]]  # of each batch: labels (n,), log-probabilities (n, K)


class Diverged(ArithmeticError):
    """A loss or a perplexity is not finite."""

    outcome = "diverged"


def finite(metrics: dict[str, float], what: str, task: Task, advice: str = "") -> dict[str, float]:
    """The metrics themselves; Diverged if one of them is not finite."""
    if all(math.isfinite(value) for value in metrics.values()):
        return metrics
    raise Diverged(f"{what} diverged: {summary_line(metrics, task)}{advice}")


class Evaluation:
    """How the splits of a dataset are scored: in how many columns, and whether the result is exact.

    Sequences with labels are exact in any number of columns, so one column is never the best choice. A text is exact
    only in one: all columns but the first begin without their past, or after `eval_warm_up` unscored steps of it.
    `label_counts` are those of the training of the weights, where that was not on this dataset.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        device: Device,
        *,
        exact: bool,
        label_counts: tuple[int, ...] = (),
        processes: Processes | None = None,
    ):
        self._processes = processes or Processes()
        self._label_counts = label_counts or dataset.label_counts
        self._dataset, self._device, self._warm_up = dataset, device, settings.eval_warm_up
        if dataset.labelled:
            self.batch_size = settings.eval_batch_size if settings.eval_batch_size > 1 else settings.batch_size
        else:
            self.batch_size = 1 if exact else settings.eval_batch_size
        self.is_exact = dataset.labelled or self.batch_size == 1

    @property
    def description(self) -> str:
        """Whether the result is exact, and what it is otherwise."""
        if self.is_exact:
            return "exact"
        past = f"after {self._warm_up} unscored steps" if self._warm_up else "cold"
        return f"approximate: {self.batch_size} columns begin {past}"

    def windows(self, split: str) -> Sequence[Window]:
        """Whole sequences with labels, short windows of a text. ValueError if a text is too short for the columns."""
        if self._dataset.labelled:
            return self._dataset.windows(split, self.batch_size, None)
        warm_up = {} if self.is_exact or not self._warm_up else {"warm_up": self._warm_up}
        return self._dataset.windows(split, self.batch_size, max(1, ROWS // self.batch_size), **warm_up)

    def score(self, model: Model, split: str, stop: Stop) -> Metrics:
        """The metrics of a split."""
        return self.score_windows(model, self.windows(split), stop)

    @torch.no_grad()
    def score_windows(
        self,
        model: Model,
        windows: Iterable[Window],
        stop: Stop,
        predictions: Predictions | None = None,
        unknown: UnknownTargets | None = None,
    ) -> Metrics:
        """The metrics of some windows; predictions of every window with labels are added to `predictions`, if given.

        Unknown targets are added up in `unknown`, if given. A model whose Score has no `target_nats` is asked to
        predict the windows in which there are some.
        Several processes divide the columns between them, unless predictions or unknown targets are kept: then the
        first one scores alone, and has them.
        """
        was_training, metrics = model.training, Metrics()
        state: State = ()  # the first window starts a new one
        is_divided = predictions is None and unknown is None  # else the first of several processes scores all columns
        model.eval()
        try:
            for window in windows:
                stop.check()
                own, share = self._processes.own(window, is_divided)
                score = NOTHING
                if share is None or not share.is_spare:
                    state = model.initial_state(own.inputs.shape[1]) if own.starts else state
                    score, state = self._score(model, own, state, predictions, unknown)
                (total,) = self._processes.add_up([score])
                metrics.update(total, window.count)
            return metrics
        finally:
            model.train(was_training)

    def _score(
        self,
        model: Model,
        window: Window,
        state: State,
        predictions: Predictions | None,
        unknown: UnknownTargets | None,
    ) -> tuple[Score, State]:
        """The score of one window, and the state after it."""
        inputs, targets = self._device.tensors(window)
        with self._device.autocast():
            if predictions is not None and window.count:
                log_probs, _ = model.predict(inputs, state)
                counted = window.targets != IGNORE  # of a sequence its end, or with labelled steps any
                chosen = log_probs[self._device.tensor(counted)].double().cpu().numpy()
                predictions.append((window.targets[counted], chosen))
            score, after = model(inputs, targets, state)
            if unknown is not None and (count := int((window.targets == unknown.symbol).sum())):
                each = score.target_nats
                each = nats_of(model.predict(inputs, state)[0], targets) if each is None else each
                unknown.update(targets, each, count)
        return score, after

    def score_in_full(self, model: Model, split: str, run: Run, stop: Stop) -> tuple[dict[str, float], int]:
        """All metrics of a split, with labels also those of a classifier, and the number of targets.

        Those of a text are in `text_metrics`. Raises Diverged if the loss or the perplexity is not finite.
        """
        predictions: Predictions = []
        is_text = predicts_symbols(self._dataset) and not model.reads_both_sides
        symbol = unknown_target(self._dataset) if is_text else None
        unknown = None if symbol is None else UnknownTargets(symbol)
        wanted = predictions if self._dataset.labels else None
        scored = self.score_windows(model, self.windows(split), stop, wanted, unknown)
        metrics = finite(scored.compute(), f"the evaluation of {split}", task_of(self._dataset))
        if is_text:
            metrics |= text_metrics(scored, unknown, self._dataset.statistics.get(split))
        if predictions:
            metrics |= report_classification(predictions, self._dataset, self._label_counts, split, run)
        return metrics, scored.count
