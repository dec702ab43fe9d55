"""The bag of words: TF-IDF and logistic regression through scikit-learn, the baseline to beat for labels."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from torch import Tensor

from ...config.checks import above, at_least
from ...interfaces.data import IGNORE, Window
from ...interfaces.model import CountedModel, Score, State, SummaryRow
from ..numpy.cells import Array
from .kneser_ney import index_of

log = logging.getLogger("experiments")

FOLDS = 3  # of the cross-validation that chooses the strength


class BagOfWords(CountedModel):
    """Which words a sequence holds, and which groups of up to `max_ngram` neighbours, without their order.

    A term counts 1 + log(its number in the sequence), times its inverse document frequency, and the sequence's vector
    has length 1 (Manning et al., 2008, section 6.4). Groups must occur `min_count` times in training. The inverse
    strength of the L2 penalty is that of `strengths` with the lowest loss in a cross-validation over training data.
    Raises ValueError for impossible options.
    """

    labels_only = True
    takes_class_weights = True

    def __init__(self, num_inputs: int, num_outputs: int, *, max_ngram: int, min_count: int, strengths: list[float]):
        super().__init__()
        at_least(1, max_ngram=max_ngram, min_count=min_count, num_strengths=len(strengths))
        above(0, **{f"strengths[{k}]": strength for k, strength in enumerate(strengths)})
        self.num_inputs, self.num_outputs = num_inputs, num_outputs
        self._sizes = [max_ngram, num_inputs, num_outputs]
        self.max_ngram, self.min_count, self.strengths = max_ngram, min_count, strengths
        self.terms: list[Array] = []  # of each length, sorted: index of the term without its last word * V + that word
        self.idf, self.strength = np.zeros(0), 0.0
        self.weights, self.bias = np.zeros((num_outputs, 0)), np.zeros(num_outputs)

    def fit(self, windows: Iterable[Window]) -> None:
        """Learn from the labelled sequences of some windows."""
        columns, labels = _sequences(windows)
        numbers = np.unique(labels, return_counts=True)[1]
        if numbers.min() < 2 or len(numbers) < 2:
            raise ValueError("a bag of words needs at least 2 training sequences of each of 2 labels or more")
        self.terms = []
        counts = self._counts(columns, learn=True)
        if not counts.shape[1]:
            raise ValueError(f"no term occurs min_count={self.min_count} times in the training sequences: lower it")
        tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        self.idf = tfidf.idf_
        self._fit_regression(tfidf.transform(counts), labels, min(FOLDS, numbers.min()))

    def initial_state(self, batch_size: int) -> State:
        """No symbols (0, B): the state is all that was read."""
        return (torch.zeros((0, batch_size), dtype=torch.int64),)

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), the same at every step; state after."""
        read = torch.cat([*state, inputs])
        outputs = np.zeros((inputs.shape[1], self.num_outputs))
        if self.terms:  # otherwise nothing was learnt: all classes alike
            tfidf = TfidfTransformer(sublinear_tf=True)
            tfidf.idf_ = self.idf
            outputs = tfidf.transform(self._counts(list(read.numpy().T))) @ self.weights.T + self.bias
        log_probs = torch.from_numpy(outputs).log_softmax(dim=1)
        return log_probs.expand(len(inputs), -1, -1), (read,)

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        log_probs, state = self.predict(inputs, state)
        nats = F.nll_loss(log_probs.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
        return Score(nats, nats, (log_probs.argmax(dim=2) == targets).sum()), state

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per length of terms, and the regression: name, shape of its output, number of weights."""
        lengths = enumerate(self.terms, 1)
        rows: list[SummaryRow] = [(f"terms of {n}", (steps, batch_size, len(terms)), 0) for n, terms in lengths]
        name = f"regression, strength {self.strength:g}" if self.terms else "regression"
        return [*rows, (name, (1, batch_size, self.num_outputs), self.weights.size + self.bias.size)]

    def get_extra_state(self) -> dict[str, Tensor]:
        """All that was learnt, for a checkpoint."""
        arrays = {f"terms.{n}": terms for n, terms in enumerate(self.terms)}
        arrays |= {"idf": self.idf, "weights": self.weights, "bias": self.bias}
        arrays |= {"sizes": np.array(self._sizes), "strength": np.array(self.strength)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def set_extra_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `get_extra_state`. ValueError if that was of another model."""
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
        if (theirs := arrays["sizes"].tolist()) != (ours := self._sizes):
            raise ValueError(f"these are the terms of another bag of words: max_ngram, V, K are {theirs}, not {ours}")
        self.terms = [arrays[f"terms.{n}"] for n in range(self.max_ngram) if f"terms.{n}" in arrays]
        self.strength = float(arrays["strength"])
        self.idf, self.weights, self.bias = arrays["idf"], arrays["weights"], arrays["bias"]

    def _fit_regression(self, features: Any, labels: Array, num_folds: int) -> None:
        """Choose the strength and keep the weights, a row per class; of two classes the first is the constant 0."""
        binary = {"solver": "liblinear", "dual": True} if self.num_outputs == 2 else {}  # several times faster
        weights = None if self.class_weights is None else dict(enumerate(self.class_weights.tolist()))
        regression = LogisticRegression(max_iter=1000, random_state=0, class_weight=weights, **binary)
        splits = StratifiedKFold(num_folds, shuffle=True, random_state=0)
        search = GridSearchCV(regression, {"C": self.strengths}, scoring="neg_log_loss", cv=splits)
        best = search.fit(features, labels).best_estimator_
        if best.C == max(self.strengths) > min(self.strengths):
            log.warning("the best of model.strengths is the largest, %g: a larger one may be better", best.C)
        self.weights, self.bias = np.zeros((self.num_outputs, len(self.idf))), np.full(self.num_outputs, -np.inf)
        rows = best.classes_[1:] if len(best.classes_) == 2 else best.classes_
        self.bias[best.classes_], self.strength = 0.0, best.C
        self.weights[rows], self.bias[rows] = best.coef_, best.intercept_

    def _counts(self, columns: list[Array], learn: bool = False) -> Any:
        """Columns of symbols and padding -> a sparse matrix (B, terms) of how often each holds each term.

        scikit-learn's CountVectorizer takes 2.5 times as long for pairs of words: it looks up one string at a time.
        """
        columns = [column[column >= 0] for column in columns]
        symbols = np.concatenate(columns)
        owners = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
        found, num_terms = [], 0
        ended = np.zeros(len(symbols), np.int64)  # the term of n words that ends at each place, -1 where there is none
        for n in range(self.max_ngram):
            if n:  # the term of n words that ends one place before, in the same column
                ended = np.concatenate([[-1], np.where(owners[1:] == owners[:-1], ended[:-1], -1)])
            keys = np.where(ended >= 0, ended * self.num_inputs + symbols, -1)
            if learn:
                terms, counts = np.unique(keys[keys >= 0], return_counts=True)
                self.terms.append(terms[counts >= self.min_count])
            ended = index_of(self.terms[n], keys)
            found.append(np.stack([owners, ended + num_terms])[:, ended >= 0])
            num_terms += len(self.terms[n])
        rows, terms = np.concatenate(found, axis=1)
        return sparse.csr_matrix((np.ones(len(rows)), (rows, terms)), shape=(len(columns), num_terms))


def _sequences(windows: Iterable[Window]) -> tuple[list[Array], Array]:
    """Windows -> the columns of symbols that they make up when joined, and the label of each."""
    columns: list[Array] = []
    labels, read = [], np.zeros((0, 0))
    for window in windows:
        read = window.inputs if window.starts else np.concatenate([read, window.inputs])
        if window.count:
            columns += list(read.T)
            labels.append(window.targets[-1])
    return columns, np.concatenate(labels)
