"""The bag of words: TF-IDF and logistic regression through scikit-learn, the baseline to beat for labels."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...interfaces.data import IGNORE
from ...interfaces.model import CountedModel, Score, State

FOLDS = 3  # of the cross-validation that chooses the strength


class BagOfWords(CountedModel):
    """Which words a sequence holds, and which groups of up to `max_ngram` neighbours; nothing else of their order.

    A term counts 1 + log(its number in the sequence), times its inverse document frequency, and the sequence's vector
    has length 1 (Manning et al., 2008, section 6.4). Groups must occur `min_count` times in training. The inverse
    strength of the L2 penalty is that of `strengths` with the lowest loss in a cross-validation over training data.
    Raises ValueError for impossible options.
    """

    labels_only = True

    def __init__(self, num_inputs: int, num_outputs: int, *, max_ngram: int, min_count: int, strengths: list[float]):
        super().__init__()
        for name, value in (("max_ngram", max_ngram), ("min_count", min_count)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not strengths or min(strengths) <= 0:
            raise ValueError(f"strengths must be one or more numbers above 0, got {strengths}")
        self.num_inputs, self.num_outputs = num_inputs, num_outputs
        self.max_ngram, self.min_count, self.strengths = max_ngram, min_count, strengths
        self.terms: list[np.ndarray] = []  # of each length, sorted: rank of the term without its last word * V + that
        self.idf, self.strength = np.zeros(0), 0.0
        self.weights, self.bias = np.zeros((num_outputs, 0)), np.zeros(num_outputs)

    def fit(self, windows) -> None:
        """Learn from the labelled sequences of some windows."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, StratifiedKFold

        columns, labels, state = [], [], None
        for window in windows:
            state = window.inputs if window.starts else np.concatenate([state, window.inputs])
            if window.count:
                columns += list(state.T)
                labels.append(window.targets[-1])
        labels = np.concatenate(labels)
        fewest = np.unique(labels, return_counts=True)[1].min()
        if fewest < 2 or len(np.unique(labels)) < 2:
            raise ValueError("a bag of words needs at least 2 training sequences of each of 2 labels or more")
        self.terms = []
        counts = self._counts(columns, learn=True)
        if not counts.shape[1]:
            raise ValueError(f"no term occurs min_count={self.min_count} times in the training sequences: lower it")
        tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        self.idf = tfidf.idf_
        binary = {"solver": "liblinear", "dual": True} if self.num_outputs == 2 else {}  # several times faster
        regression = LogisticRegression(max_iter=1000, random_state=0, **binary)
        folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
        search = GridSearchCV(regression, {"C": self.strengths}, scoring="neg_log_loss", cv=folds)
        self._keep(search.fit(tfidf.transform(counts), labels).best_estimator_)

    def initial_state(self, batch_size: int) -> State:
        """No symbols (0, B): the state is all that was read."""
        return (torch.zeros((0, batch_size), dtype=torch.int64),)

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K), the same at every step; state after."""
        read = torch.cat([*state, inputs])
        log_probs = torch.from_numpy(self._outputs(list(read.numpy().T))).log_softmax(dim=1)
        return log_probs.expand(len(inputs), -1, -1), (read,)

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        log_probs, state = self.predict(inputs, state)
        nats = F.nll_loss(log_probs.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
        return Score(nats, nats, (log_probs.argmax(dim=2) == targets).sum()), state

    def summary(self, steps: int, batch_size: int) -> list[tuple[str, tuple[int, ...], int]]:
        """One row per length of terms, and the regression: name, shape of what it reads or says, numbers learnt."""
        rows = [(f"terms of {n}", (steps, batch_size, len(terms)), 0) for n, terms in enumerate(self.terms, 1)]
        name = f"regression, strength {self.strength:g}" if self.terms else "regression"
        return [*rows, (name, (1, batch_size, self.num_outputs), self.weights.size + self.bias.size)]

    def get_extra_state(self) -> dict[str, Tensor]:
        """All that was learnt, so that it stands in a checkpoint."""
        arrays = {f"terms.{n}": terms for n, terms in enumerate(self.terms)}
        arrays |= {"idf": self.idf, "weights": self.weights, "bias": self.bias}
        arrays |= {"sizes": np.array(self._sizes()), "strength": np.array(self.strength)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of `get_extra_state`. ValueError if that was of another model."""
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
        theirs, ours = arrays["sizes"].tolist(), self._sizes()
        if theirs != ours:
            raise ValueError(f"these are the terms of another bag of words: max_ngram, V, K are {theirs}, not {ours}")
        self.terms = [arrays[f"terms.{n}"] for n in range(self.max_ngram) if f"terms.{n}" in arrays]
        self.strength = float(arrays["strength"])
        self.idf, self.weights, self.bias = arrays["idf"], arrays["weights"], arrays["bias"]

    def _sizes(self) -> list[int]:
        return [self.max_ngram, self.num_inputs, self.num_outputs]

    def _keep(self, model) -> None:
        """The regression's weights, one row per class; of two classes the first is the constant 0."""
        self.weights, self.bias = np.zeros((self.num_outputs, len(self.idf))), np.full(self.num_outputs, -np.inf)
        rows = model.classes_[1:] if len(model.classes_) == 2 else model.classes_
        self.bias[model.classes_], self.strength = 0.0, model.C
        self.weights[rows], self.bias[rows] = model.coef_, model.intercept_

    def _outputs(self, columns: list[np.ndarray]) -> np.ndarray:
        """Columns of symbols -> outputs (B, K)."""
        from sklearn.feature_extraction.text import TfidfTransformer

        if not self.terms:  # nothing was learnt: all classes alike
            return np.zeros((len(columns), self.num_outputs))
        tfidf = TfidfTransformer(sublinear_tf=True)
        tfidf.idf_ = self.idf
        return tfidf.transform(self._counts(columns)) @ self.weights.T + self.bias

    def _counts(self, columns: list[np.ndarray], learn: bool = False):
        """Columns of symbols and padding -> a sparse matrix (B, terms) of how often each holds each term."""
        from scipy import sparse

        columns = [column[column >= 0] for column in columns]
        lengths = np.array([len(column) for column in columns])
        symbols, owners = np.concatenate(columns), np.repeat(np.arange(len(columns)), lengths)
        found, first = [], 0
        groups = np.zeros(len(symbols), np.int64)  # the term of n words that ends at each place, -1 where there is none
        for n in range(self.max_ngram):
            before = groups if n == 0 else np.concatenate([[-1], np.where(owners[1:] == owners[:-1], groups[:-1], -1)])
            keys = np.where(before >= 0, before * self.num_inputs + symbols, -1)
            if learn:
                terms, numbers = np.unique(keys[keys >= 0], return_counts=True)
                self.terms.append(terms[numbers >= self.min_count])
            groups = places(self.terms[n], keys)
            found.append(np.stack([owners, groups + first])[:, groups >= 0])
            first += len(self.terms[n])
        rows, terms = np.concatenate(found, axis=1)
        return sparse.csr_matrix((np.ones(len(rows)), (rows, terms)), shape=(len(columns), first))


def places(terms: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Sorted terms (m,), keys (n,) -> the place of each key among the terms, -1 where it is none of them."""
    if not len(terms):
        return np.full(len(keys), -1)
    at = np.minimum(np.searchsorted(terms, keys), len(terms) - 1)
    return np.where(terms[at] == keys, at, -1)
