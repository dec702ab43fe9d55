"""Kneser-Ney against its definition on dictionaries, and against the figures published for the Penn Treebank."""

import collections
import io
import itertools
import math

import numpy as np
import pytest
import torch

from experiments.data.ptb import PennTreebank
from experiments.data.windows import stream_windows
from experiments.models.baselines import kneser_ney
from experiments.models.baselines.ngram import Ngram
from experiments.training.metrics import Metrics

SYMBOLS, END = 6, 0


def stream(length: int, seed: int = 0) -> np.ndarray:
    """Symbols of which some follow others often; a sixth to a quarter of them END."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(SYMBOLS, size=length)
    follows = rng.random(length) < 0.5
    for k in range(1, length):
        ids[k] = (ids[k - 1] * 2 + 1) % SYMBOLS if follows[k] else ids[k]
    return ids


def fitted(order: int, discounts: str = "modified", end: int | None = END, batch_size: int = 1, length: int = 400):
    model = Ngram(SYMBOLS, SYMBOLS, end, order=order, discounts=discounts)
    model.fit(stream_windows(stream(length), batch_size, 7))
    return model


def columns(ids: np.ndarray, batch_size: int) -> list[list[int]]:
    """The stream as columns that overlap by one symbol: the last target of one is the first input of the next."""
    bounds = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(len(ids) - 1), batch_size))])
    return [ids[a : b + 1].tolist() for a, b in itertools.pairwise(bounds)]


class Definition:
    """Chen and Goodman's recursion word by word, on dictionaries of tuples, oldest symbol first."""

    def __init__(self, texts: list[list[int]], order: int, end: int | None, kind: str):
        self.order, self.end = order, end
        self.counts = [collections.Counter() for _ in range(order)]
        before = collections.defaultdict(set)
        for where, text in enumerate(texts):
            for t in range(1, len(text)):
                history = self.history(text[:t])
                for size in range(min(order - 1, len(history)) + 1):
                    gram = (*history[len(history) - size :], text[t])
                    if size == order - 1:
                        self.counts[size][gram] += 1  # the highest order: how often it occurs
                    elif size == len(history):
                        before[gram].add((where, t))  # nothing to its left
                    else:
                        before[gram].add(history[-size - 1])
        for gram, left in before.items():
            self.counts[len(gram) - 1][gram] = len(left)
        self.discounts = [self.estimated(counter, kind) for counter in self.counts]

    def history(self, text: list[int]) -> tuple[int, ...]:
        """The symbols back to the last END, which is included."""
        ends = [t for t, symbol in enumerate(text) if symbol == self.end]
        return tuple(text[ends[-1] if ends else 0 :])

    @staticmethod
    def estimated(counter, kind: str) -> list[float]:
        """Discounts of counts 0, 1, 2, 3 and more; half the count where the formula fails."""
        n = collections.Counter(counter.values())
        y = n[1] / (n[1] + 2 * n[2]) if n[1] else math.nan
        ds = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else math.nan for k in (1, 2, 3)]
        ds = [d if 0 < d < k else k / 2 for k, d in enumerate(ds, 1)]
        return [0.0, *(ds if kind == "modified" else [ds[0]] * 3)]

    def p(self, word: int, text: list[int]) -> float:
        history = self.history(text)
        return self.backed_off(word, history[len(history) - min(len(history), self.order - 1) :])

    def backed_off(self, word: int, context: tuple[int, ...]) -> float:
        counter, d = self.counts[len(context)], self.discounts[len(context)]
        lower = self.backed_off(word, context[1:]) if context else 1 / SYMBOLS
        seen = [counter[(*context, w)] for w in range(SYMBOLS)]
        if not sum(seen):
            return lower
        count = seen[word]
        return (count - d[min(count, 3)] + sum(d[min(c, 3)] for c in seen) * lower) / sum(seen)


@pytest.mark.parametrize("discounts", ["modified", "single"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("end", "batch_size"), [(END, 1), (None, 1), (END, 3)])
def test_probabilities_are_those_of_the_definition(order, discounts, end, batch_size):
    model = fitted(order, discounts, end, batch_size)
    definition = Definition(columns(stream(400), batch_size), order, end, discounts)
    text = stream(60, seed=1)
    log_probs, _ = model.predict(torch.from_numpy(text)[:, None], model.initial_state(1))
    expected = [[definition.p(word, text[: t + 1].tolist()) for word in range(SYMBOLS)] for t in range(60)]
    assert torch.allclose(log_probs[:, 0].exp(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", [2, 3, 10, 40])
def test_a_corpus_too_small_for_discounts_leaves_something_for_every_word(length):
    model = fitted(3, length=length)
    inputs = torch.randint(SYMBOLS, (50, 2), generator=torch.Generator().manual_seed(0))
    p = model.predict(inputs, model.initial_state(2))[0].exp()
    assert (p > 0).all()
    assert torch.allclose(p.sum(dim=2), torch.ones(50, 2).double(), rtol=0, atol=1e-12)


def test_discounts_are_those_of_chen_and_goodman():
    counts = np.repeat([1, 2, 3, 4, 5], [40, 20, 10, 5, 2])
    assert kneser_ney.discounts(counts, "modified") == pytest.approx([0.5, 1.25, 2.0])  # Y = 40 / 80
    assert kneser_ney.discounts(counts, "single") == pytest.approx([0.5, 0.5, 0.5])
    assert kneser_ney.discounts(np.array([1, 1, 5]), "modified") == pytest.approx([0.5, 1.0, 1.5])  # no counts of two


@pytest.mark.parametrize(("end", "same"), [(END, True), (None, False)])
def test_contexts_do_not_cross_sentence_ends(end, same):
    model = fitted(4, end=end)
    columns = torch.tensor([[word, END, 3] for word in range(SYMBOLS)]).T
    last = model.predict(columns, model.initial_state(SYMBOLS))[0][-1]
    assert bool((last == last[0]).all()) is same


def test_fitting_does_not_depend_on_how_the_stream_is_cut():
    whole, pieces = fitted(4), Ngram(SYMBOLS, SYMBOLS, END, order=4, discounts="modified")
    pieces.fit(stream_windows(stream(400), 1, None))
    for ours, theirs in zip(whole.model.levels, pieces.model.levels):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))


def test_computing_in_pieces_changes_nothing(monkeypatch):
    whole = fitted(4)
    monkeypatch.setattr(kneser_ney, "PIECE", 3)
    for ours, theirs in zip(whole.model.estimates, fitted(4).model.estimates):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))


def test_fitting_again_forgets_what_was_counted():
    model = fitted(3)
    model.fit([])
    assert [number for *_, number in model.summary(5, 1)] == [0, 0, 0]
    log_probs, _ = model.predict(torch.tensor([[1], [2]]), model.initial_state(1))
    assert torch.allclose(log_probs, torch.tensor(-math.log(SYMBOLS)).double())


def test_counts_survive_a_checkpoint():
    model, file = fitted(3), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = Ngram(SYMBOLS, SYMBOLS, END, order=3, discounts="modified")
    other.load_state_dict(torch.load(file, weights_only=True))
    inputs = torch.from_numpy(stream(50, seed=3))[:, None]
    assert torch.equal(*(net.predict(inputs, net.initial_state(1))[0] for net in (model, other)))


@pytest.mark.parametrize("options", [{"order": 4}, {"sentence_end": None}, {"num_outputs": 5}])
def test_counts_of_another_model_are_refused(options):
    own = {"num_inputs": SYMBOLS, "num_outputs": SYMBOLS, "sentence_end": END, "order": 3, "discounts": "modified"}
    with pytest.raises(ValueError, match="counts of another n-gram model"):
        Ngram(**{**own, **options}).load_state_dict(fitted(3).state_dict())


@pytest.mark.parametrize(("order", "end", "part"), [(0, END, "order must be at least 1"), (2, 6, "ids 0 to 5")])
def test_impossible_options_are_refused(order, end, part):
    with pytest.raises(ValueError, match=part):
        Ngram(SYMBOLS, SYMBOLS, end, order=order, discounts="modified")


@pytest.fixture(scope="module")
def ptb(real_data, tmp_path_factory):
    options = {"url": "", "timeout": 30.0, "corpus_size": None, "held_out": True, "wrap": False}
    return PennTreebank(path=str(real_data / "ptb"), cache=str(tmp_path_factory.mktemp("cache")), **options)


def fitted_to_ptb(ptb, order: int, discounts: str) -> Ngram:
    end = int(ptb.vocabulary.encode(["<eos>"])[0])
    model = Ngram(ptb.num_inputs, ptb.num_outputs, end, order=order, discounts=discounts)
    model.fit(ptb.windows("train", 1, None))
    return model


@pytest.mark.parametrize(
    ("order", "discounts", "perplexity"),
    [
        (2, "modified", 185.7),
        (3, "modified", 148.3),
        (4, "modified", 142.7),
        (5, "modified", 141.2),
        (5, "single", 143.5),
    ],
)
def test_perplexity_of_the_penn_treebank_is_the_published_one(ptb, order, discounts, perplexity):
    model, tally = fitted_to_ptb(ptb, order, discounts), Metrics()
    state = model.initial_state(1)
    for window in ptb.windows("test", 1, 512):
        score, state = model(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
        tally.update(score, window.count)
    assert tally.count == 82429
    assert tally.compute()["perplexity"] == pytest.approx(perplexity, abs=0.05)


def test_ten_thousand_probabilities_sum_to_one_after_seen_and_random_contexts(ptb):
    model = fitted_to_ptb(ptb, 5, "modified")
    text = ptb.windows("test", 1, 60)[3].inputs
    random = np.random.default_rng(0).integers(ptb.num_inputs, size=(60, 1))
    inputs = torch.from_numpy(np.concatenate([text, random], axis=1))
    targets = torch.from_numpy(np.roll(inputs.numpy(), -1, axis=0))
    log_probs, _ = model.predict(inputs, model.initial_state(2))
    assert (log_probs.exp().sum(dim=2) - 1).abs().max() < 1e-12
    score, _ = model.score(inputs, targets, model.initial_state(2))
    assert int(score.correct) == (log_probs.argmax(dim=2) == targets).sum().item()
