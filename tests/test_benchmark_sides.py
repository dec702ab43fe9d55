"""The sides of a benchmark do equal work: their losses are those of an independent program."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import our_reviews, reviews, straightforward
from benchmarks.alternate import check_losses, figures_of, mean_losses
from benchmarks.floor import operations, products
from benchmarks.problem import Problem
from benchmarks.side import measure

TEXT = Problem(vocabulary=30, hidden=5, batch=3, truncation=4, updates=4, warm_up=1, threads=1)
LABELS = Problem(vocabulary=40, hidden=5, embedding=6, batch=4, truncation=200, updates=5, warm_up=1, reviews=True)
LABELS = dataclasses.replace(LABELS, shortest=2, lr=0.05, threads=1)


def packed_losses(problem: Problem) -> list[float]:
    """torch's own bidirectional LSTM over packed sequences, trained with Adam from the same weights."""
    symbols, starts, labels = reviews.sequences(problem)
    E, H = problem.embedding, problem.hidden
    weights = {name: torch.from_numpy(W) for name, W in reviews.weights(problem).items()}
    embedding = nn.Embedding.from_pretrained(weights["embedding.W"], freeze=False)
    lstm, output = nn.LSTM(E, H, problem.layers, bidirectional=True), nn.Linear(2 * H, 1)
    named = {"weight_ih": "W_ih", "weight_hh": "W_hh", "bias_ih": "b_ih"}
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            kind, _, depth = name.removesuffix("_reverse").rpartition("_l")
            prefix = "reverse_layers" if name.endswith("_reverse") else "layers"
            parameter.copy_(weights[f"{prefix}.{depth}.{named[kind]}"] if kind in named else torch.zeros(4 * H))
    output.load_state_dict({"weight": weights["output.W"], "bias": weights["output.b"]})
    single = [p for name, p in lstm.named_parameters() if not name.startswith("bias_hh")]
    optimizer = torch.optim.Adam([*embedding.parameters(), *single, *output.parameters()], problem.lr)
    losses = []
    for batch in reviews.batches(problem, starts):
        words = [embedding(torch.from_numpy(symbols[starts[k] : starts[k + 1]]).long()) for k in batch]
        _, (last, _) = lstm(nn.utils.rnn.pack_sequence(words, enforce_sorted=False))
        logits = output(torch.cat([last[-2], last[-1]], dim=1))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[batch]).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_our_network_for_labels_computes_the_losses_of_packed_sequences():
    ours = [loss for loss in our_reviews.updates(LABELS) if loss is not None]
    assert len(ours) == LABELS.updates + LABELS.warm_up
    assert ours == pytest.approx(packed_losses(LABELS), rel=1e-5)


def test_reviews_have_their_words_behind_the_padding_and_make_batches_of_similar_length():
    found = symbols, starts, labels = reviews.sequences(LABELS)
    batches = reviews.batches(LABELS, starts)
    assert sorted(np.concatenate(batches)) == [*range(len(labels))]
    lengths = np.diff(starts)
    assert lengths.min() >= LABELS.shortest
    spreads = [np.ptp(lengths[batch]) for batch in batches]
    assert max(spreads) < np.ptp(lengths)
    rows = reviews.columns(found, batches[0], LABELS.truncation, -1)
    for row, k in zip(rows, batches[0]):
        assert [*row[row >= 0]] == [*symbols[starts[k] : starts[k + 1]]]
        assert (row[: LABELS.truncation - lengths[k]] == -1).all()
    assert set(labels) == {0, 1}


def test_dropout_changes_the_losses_of_the_straightforward_model_and_none_does_not():
    def losses(dropout: float) -> list[float]:
        return measure(straightforward.updates(dataclasses.replace(TEXT, dropout=dropout)), TEXT).losses

    assert losses(0.0) == losses(0.0)
    assert losses(0.5) != losses(0.0)


def test_a_compiled_step_replaces_the_step_and_nothing_else():
    calls = []

    def compiled(function):
        return lambda *arguments: calls.append(arguments) or function(*arguments)

    plain, wrapped = (measure(straightforward.updates(TEXT, *how), TEXT).losses for how in ((), (compiled,)))
    assert plain == wrapped
    assert len(calls) == TEXT.updates + TEXT.warm_up


@pytest.mark.parametrize("problem", [TEXT, LABELS], ids=["text", "labels"])
def test_the_products_are_three_for_each_weight(problem):
    """Forward, gradient of the input, gradient of the weight: 6 operations for a weight and a token."""
    weights = reviews.weights(problem) if problem.reviews else None
    if weights is None:
        H, V = problem.hidden, problem.vocabulary
        used = problem.layers * 2 * 4 * H * H + H * V
    else:
        used = sum(W.size for name, W in weights.items() if name.endswith(("W_ih", "W_hh")))
    assert operations(problem) == 6 * used * problem.batch * problem.truncation
    assert all(times in (1, problem.truncation) for times, *_ in products(problem))


def test_sides_that_do_not_compute_the_same_are_refused():
    def turn(*losses) -> dict:
        return {"seconds": 1.0, "losses": [*losses]}

    one, other, none = figures_of([turn(2.0, 1.0)]), figures_of([turn(2.0, 1.1)]), figures_of([{"seconds": 1.0}])
    check_losses({"one": one, "same": one, "products alone": none}, 0.0)
    check_losses({"one": one, "other": other}, 0.11)
    with pytest.raises(SystemExit, match=r"other and one do not compute the same: losses differ by 0\.1"):
        check_losses({"one": one, "other": other}, 0.01)
    check_losses({"one": mean_losses(one), "other": mean_losses(figures_of([turn(1.0, 2.0)]))}, 0.0)
