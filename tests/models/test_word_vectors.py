"""Skip-gram and CBOW: what is predicted from what, gradients by hand, in torch and by differences, and the draws."""

import math

import numpy as np
import pytest
import torch

from experiments.config.errors import ConfigError
from experiments.interfaces.data import IGNORE, PADDING
from experiments.models.numpy import word_losses
from experiments.models.word_vectors import model as model_module
from experiments.models.word_vectors import noise

from .word_vectors import COUNTS, KINDS, SYMBOLS, read_in_windows, word_vectors

CASES = [(predicts, loss) for predicts in ("neighbours", "centre") for loss in ("softmax", "negative_sampling")]
DRAWN = {"shrink_context": True, "subsample": 0.05}


def stream(steps: int = 14, columns: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.randint(SYMBOLS, (steps, columns), generator=torch.Generator().manual_seed(seed))


def gradients(model, inputs, targets, state):
    model.zero_grad()
    score, _ = model.learn(inputs, targets, state)
    dense = [W.grad.to_dense() if W.grad.is_sparse else W.grad for W in (model.embedding.W, model.output.W)]
    return float(score.loss), score.correct, [W.clone() for W in dense]


def costs_by_loop(model, columns) -> tuple[float, int]:
    """The summed full-softmax loss of whole columns and the number of predictions, from the definition."""
    W, U = (part.W.detach().numpy() for part in (model.embedding, model.output))
    C, loss, count = model.context_size, 0.0, 0
    for words in columns:
        for centre, word in enumerate(words):
            near = [words[k] for k in range(max(0, centre - C), min(len(words), centre + C + 1)) if k != centre]
            if model.predicts == "neighbours":
                pairs = [(W[word], other) for other in near]
            else:
                pairs = [(W[near].mean(axis=0), word)] if centre + C < len(words) else []
            for h, predicted in pairs:
                z = U @ h
                loss += math.log(np.exp(z).sum()) - z[predicted]
                count += 1
    return loss, count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("predicts", ["neighbours", "centre"])
@pytest.mark.parametrize("steps", [1, 3, 13])
def test_every_word_is_scored_once_whatever_the_windows(kind, predicts, steps):
    model, symbols = word_vectors(kind, predicts=predicts).eval(), stream()
    scores = read_in_windows(model, symbols, steps)
    loss, count = costs_by_loop(model, symbols.T.tolist())
    assert sum(float(score.loss) for score in scores) == pytest.approx(loss, rel=1e-12)
    assert sum(score.predictions for score in scores) == count
    assert all(torch.equal(score.nats, score.loss) for score in scores)


@pytest.mark.parametrize("predicts", ["neighbours", "centre"])
def test_padding_and_targets_that_are_not_predicted_change_nothing(predicts):
    model, symbols = word_vectors("torch", predicts=predicts).eval(), stream(9, 2)
    inputs, targets = symbols[:-1].clone(), symbols[1:].clone()
    inputs[5:, 1], targets[5:, 1] = PADDING, IGNORE  # the second column ends earlier
    targets[:3, 0] = IGNORE  # a warm-up
    score, after = model.score(inputs, targets, model.initial_state(2))
    first, state = model.score(inputs[:3, :1], torch.full((3, 1), IGNORE), model.initial_state(1))
    assert first.predictions == 0
    assert float(first.loss) == 0.0
    second, _ = model.score(inputs[3:, :1], targets[3:, :1], state)
    other = read_in_windows(model, symbols[:6, 1:], 2)
    assert score.predictions == second.predictions + sum(each.predictions for each in other)
    total = float(second.loss) + sum(float(each.loss) for each in other)
    assert float(score.loss) == pytest.approx(total, rel=1e-12)
    assert after[0][:, 1].tolist() == symbols[:5, 1].tolist()[-len(after[0]) :]


@pytest.mark.parametrize(("predicts", "loss"), CASES)
@pytest.mark.parametrize("drawn", [{}, DRAWN])
def test_gradients_by_hand_are_those_of_torch(predicts, loss, drawn):
    symbols, found = stream(), []
    for kind in KINDS:
        model = word_vectors(kind, predicts=predicts, loss=loss, **drawn).train()
        state = model.initial_state(3)
        torch.manual_seed(3)
        first = gradients(model, symbols[:6], symbols[1:7], state)
        _, state = model.score(symbols[:6], symbols[1:7], state)
        found.append((first, gradients(model, symbols[6:-1], symbols[7:], state)))
    for ours, theirs in zip(*found):
        assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
        assert ours[1] is None if loss == "negative_sampling" else int(ours[1]) == int(theirs[1])
        for by_hand, by_autograd in zip(ours[2], theirs[2]):
            assert by_hand.abs().max() > 0.1
            torch.testing.assert_close(by_hand, by_autograd, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("predicts", "loss"), CASES)
def test_gradients_are_those_of_finite_differences(kind, predicts, loss):
    model, symbols = word_vectors(kind, predicts=predicts, loss=loss).train(), stream(7, 2)

    def cost() -> torch.Tensor:
        torch.manual_seed(3)  # the same noise
        return model.score(symbols[:-1], symbols[1:], model.initial_state(2))[0].loss

    cost().backward()
    for W in (model.embedding.W, model.output.W):
        for k in range(0, W.numel(), 3):
            with torch.no_grad():
                place, before = W.view(-1), W.view(-1)[k].item()
                values = []
                for sign in (1, -1):
                    place[k] = before + sign * 1e-5
                    values.append(float(cost()))
                place[k] = before
            assert W.grad.view(-1)[k].item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("predicts", ["neighbours", "centre"])
def test_negative_sampling_is_its_formula(kind, predicts):
    """-log sigmoid(u_o h) - sum_k log sigmoid(-u_k h), draw by draw, without those of the word itself."""
    model, symbols = word_vectors(kind, predicts=predicts, loss="negative_sampling").train(), stream(7, 2)
    examples, _ = model.examples(symbols[:-1], symbols[1:], model_module.Past(*model.initial_state(2)))
    drawn = torch.randint(SYMBOLS, (len(examples.rows), 3), generator=torch.Generator().manual_seed(2))
    W, U = (part.W.detach().numpy() for part in (model.embedding, model.output))
    expected, left_out = 0.0, 0
    for row, target, others in zip(examples.rows.tolist(), examples.targets.tolist(), drawn.tolist()):
        h = W[[k for k in examples.sources[row].tolist() if k >= 0]].mean(axis=0)
        expected -= math.log(1 / (1 + math.exp(-U[target] @ h)))
        left_out += others.count(target)
        expected -= sum(math.log(1 / (1 + math.exp(U[k] @ h))) for k in others if k != target)
    assert left_out
    loss, correct = model.costs(examples, drawn)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert correct is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_softmax_in_parts_is_the_whole(kind, monkeypatch):
    model, symbols = word_vectors(kind), stream()
    whole = gradients(model, symbols[:-1], symbols[1:], model.initial_state(3))
    monkeypatch.setattr(word_losses, "CACHED", 1)
    parts = gradients(model, symbols[:-1], symbols[1:], model.initial_state(3))
    assert parts[:2] == (pytest.approx(whole[0]), whole[1])
    for one, other in zip(parts[2], whole[2]):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("predicts", "loss"), CASES)
def test_a_row_sparse_gradient_is_the_dense_one(kind, predicts, loss, monkeypatch):
    model, symbols, found = word_vectors(kind, predicts=predicts, loss=loss).train(), stream(3, 1), []
    monkeypatch.setattr(model_module, "FEW", 0)
    for model.sparse_gradients in (False, True):
        torch.manual_seed(3)
        found.append(gradients(model, symbols[:-1], symbols[1:], model.initial_state(1)))
        is_partial = [True, loss == "negative_sampling"]
        assert [W.grad.is_sparse for W in model.parameters()] == [
            part and model.sparse_gradients for part in is_partial
        ]
    for dense, sparse in zip(found[0][2], found[1][2]):
        torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("predicts", "loss"), CASES)
def test_a_window_without_predictions_has_gradients_of_zero(kind, predicts, loss):
    model, symbols = word_vectors(kind, predicts=predicts, loss=loss), stream(2, 1)
    targets = torch.full((1, 1), IGNORE)
    loss, _, found = gradients(model, symbols[:1], targets, model.initial_state(1))
    assert loss == 0.0
    assert all(not W.any() for W in found)


@pytest.mark.parametrize("predicts", ["neighbours", "centre"])
def test_a_narrower_context_and_left_out_words_are_those_that_were_drawn(predicts, monkeypatch):
    """Reaches by position: with them the predictions by a loop over the words that are left."""
    model, symbols = word_vectors("torch", predicts=predicts, context_size=3, **DRAWN).train(), stream(30, 1)
    reaches = torch.randint(4, (30, 1), generator=torch.Generator().manual_seed(5))
    place = 0

    def draw(ids, *_):  # the first input is drawn again in every window, and has to keep its reach
        return torch.cat([reaches[:1] if place == 0 else torch.full((1, 1), 1), reaches[place + 1 : place + len(ids)]])

    monkeypatch.setattr(model_module.noise, "draw_reaches", draw)
    found, state = [], model_module.Past(*model.initial_state(1))
    for place in range(0, 29, 4):
        last = min(place + 4, 29)
        examples, state = model.examples(symbols[place:last], symbols[place + 1 : last + 1], state)
        for row, target in zip(examples.rows.tolist(), examples.targets.tolist()):
            found.append((*sorted(k for k in examples.sources[row].tolist() if k >= 0), target))
    words = [(int(k), int(r)) for k, r in zip(symbols[:, 0], reaches[:, 0]) if r]
    expected = []
    for centre, (word, reach) in enumerate(words):
        near = [k for k, _ in words[max(0, centre - reach) : centre] + words[centre + 1 : centre + reach + 1]]
        if predicts == "neighbours":
            expected += [(word, other) for other in near]
        elif centre + 3 < len(words):
            expected.append((*sorted(near), word))
    assert sorted(found) == sorted(expected)


def test_noise_follows_the_counts_to_a_power():
    cumulative = noise.noise_distribution(torch.tensor(COUNTS), 0.75)
    drawn = noise.draw_noise(cumulative, 40_000, 5, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn.flatten(), minlength=SYMBOLS) / drawn.numel()
    expected = np.array(COUNTS) ** 0.75 / (np.array(COUNTS) ** 0.75).sum()
    assert shares[2] == 0.0
    np.testing.assert_allclose(shares.numpy(), expected, atol=4 * (0.25 / drawn.numel()) ** 0.5)


def test_frequent_words_are_left_out_as_often_as_word2vec_does():
    counts, ids = torch.tensor([900, 90, 10]), torch.arange(3).repeat(40_000)
    kept = noise.share_kept(counts, 0.05)
    expected = [min(1.0, (0.05 / f) ** 0.5 + 0.05 / f) for f in (0.9, 0.09, 0.01)]
    assert kept.tolist() == pytest.approx(expected)
    torch.manual_seed(0)
    reaches = noise.draw_reaches(ids, 4, True, kept)
    for k in range(3):
        assert float((reaches[ids == k] > 0).double().mean()) == pytest.approx(expected[k], abs=0.01)
    shares = torch.bincount(reaches[ids == 2]) / 40_000
    assert shares[1:].tolist() == pytest.approx([0.25] * 4, abs=0.01)


@pytest.mark.parametrize("predicts", ["neighbours", "centre"])
def test_an_evaluation_draws_nothing_from_the_generator_of_training(predicts):
    model, symbols = word_vectors("torch", predicts=predicts, loss="negative_sampling", **DRAWN).eval(), stream()
    before, scores = torch.get_rng_state(), [read_in_windows(model, symbols, 5) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert [float(score.loss) for score in scores[0]] == [float(score.loss) for score in scores[1]]
    assert scores[0][0].nats is None


def test_it_predicts_no_next_word():
    with pytest.raises(ConfigError, match="both sides"):
        word_vectors("torch").predict(stream(2, 1), ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_size": 0}, "context_size must be at least 1"),
        ({"negatives": 0}, "negatives must be at least 1"),
        ({"subsample": 0.0}, "subsample must be above 0"),
        ({"noise_power": -1.0}, "noise_power must be at least 0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        word_vectors("torch", **options)
