"""Layers of different sizes: both networks against each other, torch's own layers and numerical gradients."""

import pytest
import torch
from torch.nn import functional as F

from experiments.interfaces.data import IGNORE, PADDING

from ..conftest import values
from .networks import gradients_agree, network, window
from .test_numpy_against_torch import CELLS, train
from .test_weight_dropout import NAMES

SIZES = [7, 3]
TORCH = {"tanh": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
FORMS = [
    {},
    {"bias": "single", "embedding_size": None},
    {"tied": True, "embedding_size": 3},  # as wide as the last layer
    {"tied": True, "embedding_size": 5},  # with a projection
    {"dropout": 0.3, "weight_dropout": 0.2, "output_dropout": 0.4, "locked_dropout": True},
    {"activation_penalty": 2.0, "temporal_penalty": 1.0},
    {"initialization": "keras"},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_training_agrees_to_1e_10(cell, form):
    options = {"cell": cell, "hidden_size": SIZES, "num_layers": 2, **form}
    ours = train("numpy", **options)
    assert ours == pytest.approx(train("torch", **options), abs=1e-10, rel=0)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", TORCH)
def test_loss_state_and_gradients_are_those_of_a_layer_of_torch_for_each_size(kind, cell):
    model = network(kind, cell=cell, hidden_size=[2, 7, 3], num_layers=3)
    inputs, targets = window(9, 4)
    layers = [TORCH[cell](size, H).double() for size, H in ((4, 2), (2, 7), (7, 3))]
    for own, layer in zip(model.layers, layers):
        for name, weight in own.named_parameters():
            getattr(layer, f"{NAMES[name]}_l0").data.copy_(weight)
    state = tuple(torch.randn(part.shape, dtype=torch.float64) for part in model.initial_state(4))
    score, after = model.learn(inputs, targets, state)
    x = model.embedding.W.detach()[inputs]
    for row, layer in enumerate(layers):
        own = [part[row : row + 1, :, : layer.hidden_size].contiguous() for part in state]
        x, last = layer(x, tuple(own) if cell == "lstm" else own[0])
        for part, expected in zip(after, last if cell == "lstm" else [last]):
            torch.testing.assert_close(part[row, :, : layer.hidden_size], expected[0], rtol=0, atol=1e-10)
            assert not part[row, :, layer.hidden_size :].any()
    logits = x @ model.output.W.detach().T + model.output.b.detach()
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    loss.backward()
    assert float(score.loss) == pytest.approx(loss.item(), abs=1e-10)
    for own, layer in zip(model.layers, layers):
        for name, weight in own.named_parameters():
            torch.testing.assert_close(weight.grad, getattr(layer, f"{NAMES[name]}_l0").grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradcheck_with_respect_to_parameters_and_entering_state(kind, cell):
    model = network(kind, cell=cell, hidden_size=[3, 2], num_layers=2)
    inputs, targets = window(4, 2)
    names, weights = zip(*model.named_parameters())
    entering = [torch.rand_like(part).requires_grad_() for part in model.initial_state(2)]

    def window_of(*tensors):
        state, given = tensors[: len(entering)], dict(zip(names, tensors[len(entering) :]))
        score, after = torch.func.functional_call(model, given, (inputs, targets, state))
        return score.loss, *after

    points = [*entering, *(weight.detach().clone().requires_grad_() for weight in weights)]
    assert gradients_agree(window_of, points, cell, every_entry=kind == "numpy")


@pytest.mark.parametrize("form", [{}, {"pooling": "mean_max"}, {"labelled_steps": True}])
@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_padding_and_pooling_agree(cell, form):
    inputs, targets = window(7, 3)
    inputs[5:, 1], targets[5:, 1] = PADDING, IGNORE
    inputs[:2, 2], targets[:2, 2] = PADDING, IGNORE
    found = []
    for kind in ("numpy", "torch"):
        model = network(kind, cell=cell, hidden_size=SIZES, num_layers=2, bidirectional=True, **form)
        score, after = model.learn(inputs, targets, model.initial_state(3))
        gradients = {name: weight.grad for name, weight in model.named_parameters()}
        found.append((torch.as_tensor(float(score.loss)).double(), gradients, after))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)


def test_a_carried_state_makes_windows_add_up_to_the_whole():
    inputs, targets = window(8, 3)
    for kind in ("numpy", "torch"):
        model = network(kind, hidden_size=SIZES, num_layers=2)
        whole, last = model.score(inputs, targets, model.initial_state(3))
        first, state = model.score(inputs[:3], targets[:3], model.initial_state(3))
        second, state = model.score(inputs[3:], targets[3:], state)
        assert float(first.loss + second.loss) == pytest.approx(float(whole.loss), abs=1e-10)
        torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("scheme", ["torch", "textbook", "keras"])
def test_a_list_of_one_size_is_the_network_of_this_size(kind, scheme):
    options = {"num_layers": 2, "initialization": scheme, "forget_bias": 1.0}
    listed, plain = (network(kind, hidden_size=size, **options) for size in ([6, 6], 6))
    for ours, theirs in zip(listed.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_each_layer_is_initialised_by_its_own_size():
    model = network("torch", hidden_size=[400, 25], num_layers=2, embedding_size=30, forget_bias=2.0)
    for layer, size in zip(model.layers, (400, 25)):
        for name, weight in layer.named_parameters():
            shift = 2.0 if name == "b_ih" else 0.0
            forget = weight[size : 2 * size] - shift
            assert 0.9 / size**0.5 < forget.abs().max() <= 1 / size**0.5 + 1e-6, name
            assert weight[:size].abs().max() <= 1 / size**0.5, name


@pytest.mark.parametrize("sizes", [[7], [7, 3, 2], []])
def test_there_is_one_size_for_each_layer(sizes):
    with pytest.raises(ValueError, match="must have a size for each layer, but num_layers is 2"):
        network("torch", hidden_size=sizes, num_layers=2)
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        network("torch", hidden_size=[3, 0], num_layers=2)


WIDE = ("model.hidden_size=[9,4]", "model.num_layers=2", "epochs=1", "threads=1", "truncation=5", "precision=float64")
LOOKS = [
    ("summary", ()),
    ("evaluate", ("runner.split=train",)),
    ("sample", ("runner.length=5",)),
    ("states", ("runner.split=train", "runner.steps=20")),
    ("trace", ("runner.split=train", "runner.steps=2", "runner.window=1")),
    ("gradients", ("runner.split=train", "runner.lags=6", "runner.truncations=[2,4]", "runner.steps=2")),
]


@pytest.fixture
def trained(train_once):
    return train_once(*WIDE, "model=torch_lstm", "runner.checkpoint_targets_interval=1")


def test_every_runner_that_looks_into_a_network_reads_it(trained, command):
    for runner, options in LOOKS:
        outcome = command(f"runner={runner}", f"checkpoint={trained.name}", *options, "tracker=memory")
        assert outcome.code == 0, (runner, outcome.error)
        assert "differ by up to" not in outcome.error, (runner, outcome.error)


def test_a_unit_that_a_layer_does_not_have_is_refused(trained, command):
    outcome = command("runner=states", f"checkpoint={trained.name}", "runner.split=train", "runner.units=[4]")
    assert "there is no unit 4; each layer has units 0 to 3" in outcome.error


def test_both_networks_train_alike_from_the_command_line_and_a_list_is_an_identity_of_its_own(train, trained):
    other = train(*WIDE, "model=numpy_lstm")
    assert values(other, "train/loss") == pytest.approx(values(trained, "train/loss"), abs=1e-10, rel=0)
    assert trained.parameters["model.hidden_size"] == "[9, 4]"
    plain = train(*WIDE[1:], "model=torch_lstm", "model.hidden_size=9")
    assert plain.tags["identity"] != trained.tags["identity"]
