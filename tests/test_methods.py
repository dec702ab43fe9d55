"""Methods of test time against their definitions, computed in plain loops and float64."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from experiments.data.windows import stream_windows
from experiments.models import NumpyNetwork, TorchNetwork
from experiments.scoring.dynamic_evaluation import MovingWeights, Step, root_mean_squares
from experiments.scoring.mixture import fitted_weights, mixed
from experiments.scoring.neural_cache import BLOCK, cache_nats
from experiments.scoring.target_probabilities import Reader
from experiments.tracking.memory import MemoryStore
from experiments.training.device import Device

from .conftest import values
from .models.networks import OPTIONS

V, STEPS = 7, 3
DEVICE = Device(torch.device("cpu"), "float64")
TEXT = np.random.default_rng(3).integers(V, size=41)
HOW = Step(rate=0.01, decay=0.3, epsilon=1e-3)


def network(kind, **options):
    torch.manual_seed(0)
    sizes = {"num_inputs": V, "num_outputs": V, "hidden_size": 3, "embedding_size": 2, "num_layers": 2}
    return kind(**OPTIONS | {"cell": "lstm"} | sizes | options).double().eval()


@pytest.fixture(params=[NumpyNetwork, TorchNetwork])
def model(request):
    return network(request.param)


def reader(model, keep_hidden=False):
    return Reader(model, DEVICE, lambda: None, seed=0, keep_hidden=keep_hidden)


def test_a_mixture_is_the_weighted_mean_of_probabilities():
    p, weights = np.random.default_rng(0).random((3, 50)), np.array([0.2, 0.5, 0.3])
    np.testing.assert_allclose(mixed(-np.log(p), weights), -np.log(weights @ p), rtol=1e-13)


def test_what_a_model_excludes_costs_no_mixture_its_life():
    nats = np.array([[np.inf, 1.0], [2.0, np.inf]])
    np.testing.assert_allclose(mixed(nats, np.array([0.5, 0.5])), [2.0 + math.log(2), 1.0 + math.log(2)])
    assert np.isfinite(fitted_weights(nats)).all()


def test_fitted_weights_are_those_with_the_lowest_loss():
    draw = np.random.default_rng(1)
    nats = -np.log(np.stack([draw.beta(2, 3, 500), draw.beta(3, 2, 500)]))
    share = fitted_weights(nats)[0]
    grid = np.linspace(0.0, 1.0, 20_001)
    best = grid[np.argmin([mixed(nats, np.array([each, 1 - each])).mean() for each in grid])]
    assert share == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("size", [4, BLOCK + 100])
def test_a_cache_is_its_definition(size):
    draw, number, flatness = np.random.default_rng(2), 2 * BLOCK + 30, 0.7
    hidden, targets = draw.normal(size=(number, 3)), draw.integers(5, size=number)
    found = cache_nats(hidden, targets, size, flatness)
    assert np.isinf(found[0])
    for t in [1, 3, 60, BLOCK - 1, BLOCK, BLOCK + 1, number - 1]:
        past = range(max(0, t - size), t)
        weights = [math.exp(flatness * float(hidden[t] @ hidden[i])) for i in past]
        share = sum(w for w, i in zip(weights, past) if targets[i] == targets[t]) / sum(weights)
        assert math.exp(-found[t]) == pytest.approx(share, abs=1e-12)


def test_hidden_outputs_are_what_the_output_layer_reads(model):
    inputs, state = torch.from_numpy(TEXT[:8, None]), model.initial_state(1)
    expected, _ = model.predict(inputs, state)
    found = torch.log_softmax(model.hidden_outputs(inputs, state) @ model.output.W.T + model.output.b, dim=2)
    torch.testing.assert_close(found.detach(), expected.detach(), rtol=0, atol=1e-12)


def by_autograd(model, roots):
    """Dynamic evaluation as its definition says, with torch's own gradients."""
    model = network(TorchNetwork) if roots else model
    trained = {name: W.detach().clone() for name, W in model.named_parameters()}
    mean = torch.cat([root.flatten() for root in roots.values()]).mean()
    nats, state = [], model.initial_state(1)
    for first in range(0, len(TEXT) - 1, STEPS):
        x = torch.from_numpy(TEXT[first : first + STEPS][: len(TEXT) - 1 - first, None])
        y = torch.from_numpy(TEXT[first + 1 : first + 1 + STEPS, None])
        log_probs, after = model.predict(x, state)
        each = -log_probs.gather(2, y[..., None])[:, 0, 0]
        gradients = torch.autograd.grad(each.mean(), list(model.parameters()))
        nats += each.tolist()
        with torch.no_grad():
            for (name, W), g in zip(model.named_parameters(), gradients):
                back = HOW.decay * torch.clamp(roots[name] / mean, max=1 / HOW.decay) * (trained[name] - W)
                W += back - HOW.rate * g / (roots[name] + HOW.epsilon)
        state = tuple(part.detach() for part in after)
    return nats


def test_dynamic_evaluation_is_its_definition_and_restores_the_weights(model):
    roots = root_mean_squares(model, stream_windows(TEXT, 2, 5), DEVICE, lambda: None)
    before = {name: W.detach().clone() for name, W in model.named_parameters()}
    weights = MovingWeights(model, roots, HOW)
    found = reader(model).moving([*stream_windows(TEXT, 1, STEPS)], weights)
    np.testing.assert_allclose(found.nats, by_autograd(model, roots), atol=1e-10)
    static = reader(model).static([*stream_windows(TEXT, 1, STEPS)])
    assert not np.allclose(found.nats, static.nats, atol=1e-3)
    for name, W in model.named_parameters():
        assert torch.equal(W, before[name])


def test_root_mean_squares_are_those_of_mean_gradients(model):
    found = root_mean_squares(model, stream_windows(TEXT, 2, 5), DEVICE, lambda: None)
    twin, squares, state, number = network(TorchNetwork), {}, None, 0
    for window in stream_windows(TEXT, 2, 5):
        state = twin.initial_state(2) if window.starts else state
        score, after = twin(*DEVICE.tensors(window), state)
        gradients = torch.autograd.grad(score.loss / window.count, list(twin.parameters()))
        for (name, _), g in zip(twin.named_parameters(), gradients):
            squares[name] = squares.get(name, 0.0) + g**2
        state, number = tuple(part.detach() for part in after), number + 1
    for name, root in found.items():
        torch.testing.assert_close(root, (squares[name] / number).sqrt(), rtol=0, atol=1e-10)


def test_dropout_at_test_time_averages_probabilities():
    model, windows = network(TorchNetwork, output_dropout=0.5), [*stream_windows(TEXT, 1, 100)]
    found = reader(model).dropped(windows, 3)
    torch.manual_seed(0)
    model.train()
    x, y = DEVICE.tensors(windows[0])
    drawn = [model.predict(x, model.initial_state(1))[0].gather(2, y[..., None])[:, 0, 0].exp() for _ in range(3)]
    np.testing.assert_allclose(np.exp(-found.nats), sum(drawn).detach() / 3, atol=1e-12)
    assert not np.allclose(found.nats, reader(model.eval()).static(windows).nats, atol=1e-3)


def test_without_dropout_all_readings_are_the_same(model):
    windows = [*stream_windows(TEXT, 1, 100)]
    found = reader(model).dropped(windows, 2)
    np.testing.assert_allclose(found.nats, reader(model).static(windows).nats, atol=1e-12)
    assert not model.training


DATA = ("data=characters", "data.path=a.txt", "data.valid_fraction=0.2", "data.test_fraction=0.2", "batch_size=2")


@pytest.fixture
def trained(train_once, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the dog on the log\n" * 20)
    run = train_once(*DATA, "model=numpy_rnn", "model.hidden_size=4", "truncation=5", "epochs=1", "precision=float64")
    return SimpleNamespace(network=run.folder / "best.pt", counts=train_once(*DATA, "model=ngram").folder / "best.pt")


def evaluated(command, checkpoint, *options):
    return command("runner=evaluate", f"checkpoint={checkpoint}", "tracker=memory", *options)


def test_methods_are_shown_and_recorded_one_after_the_other(command, trained):
    methods = ("runner.method=[dynamic,cache,mixture]", f"runner.others=[{trained.counts}]")
    outcome = evaluated(command, trained.network, *methods)
    assert outcome.code == 0, outcome.error
    run, text = MemoryStore.ended[-1], outcome.out + outcome.error
    names = ("dynamic", "dynamic-cache", "dynamic-cache-mixture")
    found = [values(run, f"test/perplexity_{name}")[0] for name in names]
    exact = values(run, "test/perplexity")[0]
    assert exact > found[1] > found[2]  # repeated lines: cache and counts know them
    assert "without it: perplexity" in text  # on the part of valid that is tuned on
    for name, perplexity in zip(names, found):
        assert f"{name}: perplexity {perplexity:.2f} (" in text


def test_in_an_ensemble_a_network_and_its_cache_are_one_member(command, trained):
    outcome = evaluated(command, trained.network, "runner.method=[cache,ensemble]", f"runner.others=[{trained.counts}]")
    assert outcome.code == 0, outcome.error
    assert f"weights static-cache 0.500, {trained.counts} 0.500" in outcome.out + outcome.error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["runner.method=[dynamic,mc_dropout]"], "dynamic and mc_dropout exclude each other"),
        (["runner.method=mixture"], "give runner.others=[RUN,RUN]"),
        (["runner.others=[a]"], "give runner.method=mixture or ensemble"),
        (["runner.method=dynamic", "runner.dynamic_rates=[]"], "dynamic_rates must be a list of numbers"),
        (["runner.method=cache", "runner.cache_sizes=[0]"], "of at least 1, got [0]"),
    ],
)
def test_what_does_not_go_together_is_refused(command, trained, options, said):
    outcome = evaluated(command, trained.network, *options)
    assert outcome.code != 0
    assert said in outcome.error


def test_counts_have_no_gradients_and_no_hidden_outputs(command, trained):
    for method in ("dynamic", "cache"):
        outcome = evaluated(command, trained.counts, f"runner.method={method}")
        assert outcome.code != 0
        assert f"runner.method={method}" in outcome.error


def test_a_short_text_is_read_in_as_many_columns_as_it_fills(train, command, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the dog\n" * 2)
    run = train(*DATA, "model=numpy_rnn", "model.hidden_size=4", "truncation=5", "epochs=1")
    outcome = evaluated(command, run.folder / "best.pt", "runner.method=dynamic")
    assert outcome.code == 0, outcome.error
    assert values(MemoryStore.ended[-1], "test/perplexity_dynamic")
