"""The bag of words against scikit-learn's own text pipeline, and as a model of this framework."""

import io
import itertools

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from experiments.data.labelled import LabelledSequences, Sequences
from experiments.interfaces.vocabulary import Vocabulary
from experiments.models.baselines.bag_of_words import BagOfWords

SYMBOLS = "abcdefgh"
OPTIONS = {"max_ngram": 2, "min_count": 1, "strengths": [4.0]}


def sequences(number=120, seed=0, classes=2) -> LabelledSequences:
    """Random sequences, some empty; the label shifts which symbols are frequent and which follow each other."""
    draw = np.random.default_rng(seed)
    lengths, labels = draw.integers(0, 15, size=number), draw.integers(classes, size=number).astype(np.int8)
    parts = [(draw.integers(4, size=n) + 2 * y * draw.integers(2, size=n)) % 8 for n, y in zip(lengths, labels)]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    train = Sequences(np.concatenate(parts).astype(np.int32), starts, labels)
    names = tuple(map(str, range(classes)))
    return LabelledSequences(Vocabulary(SYMBOLS, separator=""), {"train": train}, names, seed=0)


def texts(data: LabelledSequences) -> list[str]:
    symbols, starts, _ = data.sequences["train"]
    return [" ".join(SYMBOLS[k] for k in symbols[a:b]) for a, b in itertools.pairwise(starts)]


def fitted(data, truncation=None, **options) -> BagOfWords:
    model = BagOfWords(8, data.num_outputs, **{**OPTIONS, **options})
    model.fit(data.windows("train", 16, truncation))
    return model


def predicted(model, data, truncation=None, batch_size=16) -> np.ndarray:
    """Log-probabilities (n, K) in the order of the data."""
    rows = []
    for window in data.windows("train", batch_size, truncation):
        state = model.initial_state(window.inputs.shape[1]) if window.starts else state  # noqa: F821
        log_probs, state = model.predict(torch.from_numpy(window.inputs), state)
        rows += [log_probs[-1]] if window.count else []
    order = np.argsort(data.sequences["train"].lengths, kind="stable")
    return torch.cat(rows).numpy()[np.argsort(order)]


@pytest.mark.parametrize("max_ngram", [1, 2, 3])
def test_probabilities_are_those_of_scikit_learns_pipeline(max_ngram):
    data = sequences()
    vectorizer = TfidfVectorizer(token_pattern=r"\w", ngram_range=(1, max_ngram), sublinear_tf=True)
    features = vectorizer.fit_transform(texts(data))
    reference = LogisticRegression(C=4.0, solver="liblinear", dual=True, max_iter=1000, random_state=0, tol=1e-8)
    expected = reference.fit(features, data.sequences["train"].labels).predict_log_proba(features)
    ours = predicted(fitted(data, max_ngram=max_ngram), data)
    assert np.abs(ours - expected).max() < 5e-3  # the same optimum, found to the solver's tolerance


def test_pairs_stay_inside_a_sequence_and_rare_terms_are_left_out():
    data = sequences()
    model = fitted(data)
    pairs = {(t // 8, t % 8) for t in model.terms[1]}
    inside = {tuple(SYMBOLS.index(s) for s in text.split()[k : k + 2]) for text in texts(data) for k in range(15)}
    assert {(int(model.terms[0][a]), int(b)) for a, b in pairs} == {pair for pair in inside if len(pair) == 2}
    assert len(fitted(data, min_count=5).terms[1]) < len(model.terms[1])


def test_predictions_do_not_depend_on_truncation_and_batch_size():
    data = sequences()
    model = fitted(data, truncation=3)
    whole = predicted(fitted(data), data)
    for truncation, batch_size in ((None, 120), (4, 16), (1, 7)):
        assert predicted(model, data, truncation, batch_size) == pytest.approx(whole, abs=1e-12)


def test_more_than_two_classes():
    data = sequences(classes=3)
    log_probs = predicted(fitted(data), data)
    assert log_probs.shape == (120, 3)
    assert (log_probs.argmax(axis=1) == data.sequences["train"].labels).mean() > 0.6


def test_the_strength_with_the_lowest_loss_in_training_is_chosen():
    data = sequences()
    free, weak, strong = (fitted(data, strengths=s) for s in ([1e-4, 1.0], [1e-4], [1.0]))
    assert np.array_equal(free.weights, strong.weights)
    assert not np.array_equal(free.weights, weak.weights)


def test_a_strength_at_the_end_of_the_list_is_said(caplog):
    fitted(sequences(), strengths=[1e-5, 1e-4])
    assert "the best of model.strengths is the largest, 0.0001: a larger one may be better" in caplog.text
    caplog.clear()
    fitted(sequences(), strengths=[1e-4])
    assert not caplog.text


def test_what_was_learnt_survives_a_checkpoint():
    data, file = sequences(), io.BytesIO()
    model = fitted(data)
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = BagOfWords(8, 2, **OPTIONS)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert np.array_equal(predicted(model, data), predicted(other, data))


def test_training_that_leaves_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="no term occurs min_count=10000 times"):
        fitted(sequences(), min_count=10000)
    with pytest.raises(ValueError, match="at least 2 training sequences of each"):
        fitted(sequences(number=2))


def test_terms_of_another_model_are_refused():
    with pytest.raises(ValueError, match="these are the terms of another bag of words"):
        BagOfWords(8, 2, **{**OPTIONS, "max_ngram": 1}).load_state_dict(fitted(sequences()).state_dict())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"max_ngram": 0}, "max_ngram must be at least 1, got 0"),
        ({"min_count": 0}, "min_count must be at least 1, got 0"),
        ({"strengths": []}, "num_strengths must be at least 1, got 0"),
        ({"strengths": [2.0, 0.0]}, r"strengths\[1\] must be above 0, got 0.0"),
    ],
)
def test_impossible_options_are_refused(options, part):
    with pytest.raises(ValueError, match=part):
        BagOfWords(8, 2, **{**OPTIONS, **options})
