"""The metrics of a classifier: precision, recall, F1, area under the ROC curve, confusion matrix."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..config.errors import first_line
from ..interfaces.data import Dataset
from ..tracking.run import Run
from .pictures import draw_confusion_matrix

log = logging.getLogger("experiments")


def report_classification(
    batches: Sequence[tuple[np.ndarray, np.ndarray]],
    dataset: Dataset,
    label_counts: Sequence[int],
    split: str,
    run: Run,
) -> dict[str, float]:
    """Labels (n,) and log-probabilities (n, K) of each batch of a split -> metrics.

    `label_counts` are the targets of each class in the training of the weights, empty if they are not known.
    Also stores in the run's folder the confusion matrix, as CSV and as a picture, and a table of the classes; logs a
    warning for what cannot be written.
    """
    from sklearn.metrics import confusion_matrix  # takes a second, so it is not imported at the top

    labels, log_probs = map(np.concatenate, zip(*batches))
    counts = confusion_matrix(labels, log_probs.argmax(axis=1), labels=range(log_probs.shape[1]))
    run.log_text(f"confusion_matrix_{split}.csv", confusion_table(counts, dataset.labels))
    run.log_text(f"classes_{split}.csv", class_table(counts, dataset.labels))
    path = run.folder / f"confusion_matrix_{split}.png"
    try:
        draw_confusion_matrix(counts, dataset.labels, path, f"{run.name}: {split}")
        run.log_file(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, first_line(error))
    return classification_metrics(labels, log_probs) | majority_accuracy(labels, label_counts)


def majority_accuracy(labels: np.ndarray, label_counts: Sequence[int]) -> dict[str, float]:
    """The accuracy of always predicting the most frequent class of training; nothing where that is not known."""
    if not label_counts:
        return {}
    return {"majority_accuracy": float((labels == int(np.argmax(label_counts))).mean())}


def confusion_table(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts (K, K) -> CSV, a row for each true class and a column for each predicted one."""
    return _as_csv([("true", *names), *((name, *row) for name, row in zip(names, counts.tolist()))])


def class_table(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts (K, K), rows the true classes -> CSV with precision, recall, F1 and support of each class.

    What would be divided by zero is 0.
    """
    correct, predicted, support = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    columns = [correct / np.maximum(predicted, 1), correct / np.maximum(support, 1)]
    columns.append(2 * correct / np.maximum(predicted + support, 1))
    rows = zip(names, *(column.tolist() for column in columns), support.tolist(), predicted.tolist())
    return _as_csv([("label", "precision", "recall", "f1", "support", "predicted"), *rows])


def _as_csv(rows: Iterable[Sequence[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def classification_metrics(labels: np.ndarray, log_probs: np.ndarray) -> dict[str, float]:
    """Labels (n,), log-probabilities (n, K) -> precision, recall, f1, auc, macro_f1.

    With two classes the first three are those of class 1, otherwise macro averages (auc: one against the rest). There
    is no auc if a class does not occur. `macro_f1` is the mean over the classes that occur or are predicted.
    """
    from sklearn import metrics

    K = log_probs.shape[1]
    average: dict[str, Any] = {"average": "binary"} if K == 2 else {"average": "macro", "labels": list(range(K))}
    *values, _ = metrics.precision_recall_fscore_support(labels, log_probs.argmax(axis=1), **average, zero_division=0)
    results = dict(zip(("precision", "recall", "f1"), map(float, values)))
    if len(np.unique(labels)) == K:
        score = log_probs[:, 1] - log_probs[:, 0] if K == 2 else np.exp(log_probs)
        results["auc"] = float(metrics.roc_auc_score(labels, score, multi_class="ovr"))
    macro = metrics.f1_score(labels, log_probs.argmax(axis=1), average="macro", zero_division=0)
    return results | {"macro_f1": float(macro)}
