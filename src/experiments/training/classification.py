"""The metrics of a classifier: precision, recall, F1, area under the ROC curve, confusion matrix."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config.errors import first_line
from ..tracking.run import Run
from .pictures import draw_confusion_matrix

log = logging.getLogger("experiments")


def report_classification(
    batches: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], split: str, run: Run
) -> dict[str, float]:
    """Labels (n,) and log-probabilities (n, K) of each batch of a split -> metrics.

    Also draws the confusion matrix into the run's folder; logs a warning if it cannot be written.
    """
    from sklearn.metrics import confusion_matrix  # takes a second, so it is not imported at the top

    labels, log_probs = map(np.concatenate, zip(*batches))
    counts = confusion_matrix(labels, log_probs.argmax(axis=1), labels=range(log_probs.shape[1]))
    path = run.folder / f"confusion_matrix_{split}.png"
    try:
        draw_confusion_matrix(counts, names, path, f"{run.name}: {split}")
        run.log_file(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, first_line(error))
    return classification_metrics(labels, log_probs)


def classification_metrics(labels: np.ndarray, log_probs: np.ndarray) -> dict[str, float]:
    """Labels (n,), log-probabilities (n, K) -> precision, recall, f1, auc.

    With two classes those of class 1, otherwise macro averages (auc: one against the rest). There is no auc if a class
    does not occur.
    """
    from sklearn import metrics

    K = log_probs.shape[1]
    average: dict[str, Any] = {"average": "binary"} if K == 2 else {"average": "macro", "labels": list(range(K))}
    *values, _ = metrics.precision_recall_fscore_support(labels, log_probs.argmax(axis=1), **average, zero_division=0)
    results = dict(zip(("precision", "recall", "f1"), map(float, values)))
    if len(np.unique(labels)) == K:
        score = log_probs[:, 1] - log_probs[:, 0] if K == 2 else np.exp(log_probs)
        results["auc"] = float(metrics.roc_auc_score(labels, score, multi_class="ovr"))
    return results
