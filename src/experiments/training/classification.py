"""What a classifier got right and wrong: precision, recall, F1, area under the ROC curve, confusion matrix."""

import logging
from collections.abc import Sequence

import numpy as np

from ..config.errors import first_line
from ..tracking.run import Tracker
from .pictures import draw_confusion_matrix

log = logging.getLogger("experiments")


def report(
    found: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], split: str, tracker: Tracker
) -> dict[str, float]:
    """Labels (B,) and log-probabilities (B, K) of a split's batches -> metrics; the confusion matrix is drawn."""
    labels, log_probs = map(np.concatenate, zip(*found))
    path = tracker.folder / f"confusion_matrix_{split}.png"
    try:
        draw_confusion_matrix(confusion_matrix(labels, log_probs), names, path, f"{tracker.name}: {split}")
        tracker.log_file(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, first_line(error))
    return classification_metrics(labels, log_probs)


def confusion_matrix(labels: np.ndarray, log_probs: np.ndarray) -> np.ndarray:
    """Labels (n,), log-probabilities (n, K) -> counts (K, K), rows the true classes and columns the most probable."""
    K = log_probs.shape[1]
    return np.bincount(labels * K + log_probs.argmax(axis=1), minlength=K * K).reshape(K, K)


def classification_metrics(labels: np.ndarray, log_probs: np.ndarray) -> dict[str, float]:
    """Labels (n,), log-probabilities (n, K) -> precision, recall, f1, auc.

    Of class 1 if there are two classes, else means over the classes (macro, the area one against the rest). No auc
    where a class does not occur.
    """
    from sklearn import metrics  # a second, so only when a run ends

    classes = range(log_probs.shape[1])
    two = len(classes) == 2
    how = {"average": "binary"} if two else {"average": "macro", "labels": list(classes)}
    values = metrics.precision_recall_fscore_support(labels, log_probs.argmax(axis=1), **how, zero_division=0)
    found = dict(zip(("precision", "recall", "f1"), map(float, values)))
    if len(np.unique(labels)) == len(classes):
        score = log_probs[:, 1] - log_probs[:, 0] if two else np.exp(log_probs)
        found["auc"] = float(metrics.roc_auc_score(labels, score, multi_class="ovr"))
    return found
