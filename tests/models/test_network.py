"""Sizes, initialisation and refusals of the recurrent networks."""

import math

import pytest
import torch

from .networks import network, window


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"dropout": 1.5, "num_layers": 2}, "dropout must be a probability"),
        ({"tied": True, "embedding_size": None}, "embedding_size is null"),
        ({"dropout": 0.5}, "num_layers is 1"),
        ({"input_dropout": 0.5, "embedding_size": None}, "needs an embedding"),
        ({"initialization": "uniform"}, "uniform_range must be a number"),
        ({"uniform_range": 0.1}, "uniform_range must be null"),
        ({"forget_bias": 1.0, "cell": "tanh"}, "needs cell=lstm or cell=gru"),
        ({"input_bias": -1.0, "cell": "gru"}, "input_bias=-1.0 needs cell=lstm"),
        ({"word_dropout": 1.0}, "word_dropout must be a probability"),
        ({"channel_dropout": 0.1, "embedding_size": None}, "channel_dropout=0.1 needs an embedding"),
        ({"output": "logistic"}, "the data has 5: use softmax"),
        (
            {"output": "logistic", "num_outputs": 2, "loss": "squared_error"},
            "needs loss=cross_entropy",
        ),
        ({"tied": True, "embedding_size": 6, "pooling": "mean"}, "this network is one for labels"),
    ],
)
def test_an_impossible_network_is_refused_with_a_reason(options, part):
    with pytest.raises(ValueError, match=part):
        network("torch", **options)


@pytest.mark.parametrize(
    ("options", "F"),
    [
        ({}, 400),
        ({"bidirectional": True}, 800),
        ({"pooling": "mean"}, 400),
        ({"pooling": "mean_max"}, 800),
        ({"bidirectional": True, "pooling": "mean_max", "num_layers": 2}, 1600),
        ({"tied": True, "embedding_size": 400}, 400),
        ({"tied": True, "embedding_size": 900}, 900),
    ],
)
def test_torch_initialisation_is_that_of_torchs_modules(options, F):
    """F is what nn.Linear as the output layer reads; a tied embedding is that layer's weight."""
    model = network("torch", **{"hidden_size": 400, "embedding_size": 50, **options})
    for name, parameter in model.named_parameters():
        is_output = name.startswith("output") or name == "embedding.W"
        bound = 1 / math.sqrt(F if is_output else 400)
        if parameter.numel() > 100 and (name != "embedding.W" or model.tied):
            assert 0.98 * bound < parameter.abs().max() <= bound, name
        elif parameter.numel() <= 100:
            assert parameter.abs().max() <= bound, name
    if not model.tied:
        assert model.embedding.W.std().item() == pytest.approx(1.0, abs=0.2)


def test_textbook_initialisation_scales_by_fan_in_and_has_no_biases():
    model = network("torch", hidden_size=300, embedding_size=200, initialization="textbook", bias="single")
    assert model.layers[0].W_ih.std().item() == pytest.approx(1 / math.sqrt(200), rel=0.02)
    assert model.layers[0].W_hh.std().item() == pytest.approx(1 / math.sqrt(300), rel=0.02)
    assert model.embedding.W.std().item() == pytest.approx(0.01, rel=0.1)
    assert not model.layers[0].b_ih.any()
    assert not model.output.b.any()


@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
def test_keras_initialisation_is_glorot_and_orthogonal(cell):
    model = network("torch", cell=cell, hidden_size=30, embedding_size=20, initialization="keras", bias="single")
    W_ih, W_hh, b_ih = model.layers[0].W_ih, model.layers[0].W_hh, model.layers[0].b_ih
    bound = math.sqrt(6 / (len(W_ih) + 20))
    assert 0.9 * bound < W_ih.abs().max() <= bound
    assert torch.allclose(W_hh.T @ W_hh, torch.eye(30).double(), atol=1e-6)
    forget = b_ih.view(-1, 30)[1] if cell == "lstm" else torch.zeros(0)
    assert b_ih.sum().item() == forget.sum().item() == len(forget)  # 1 for each forget gate, and nothing else
    assert 0.045 < model.embedding.W.abs().max() <= 0.05


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize(("cell", "gates"), [("lstm", [0.0, 1.0, 0.0, 0.0]), ("gru", [0.0, 1.0, 0.0])])
def test_the_forget_bias_reaches_the_gates_that_keep_the_state_alone(kind, cell, gates):
    plain, raised = (dict(network(kind, cell=cell, forget_bias=value).named_parameters()) for value in (0.0, 1.0))
    difference = (raised["layers.0.b_ih"] - plain["layers.0.b_ih"]).view(len(gates), -1)
    assert torch.allclose(difference, torch.tensor(gates).double()[:, None])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_the_input_bias_reaches_the_input_gates_alone(kind):
    plain, lowered = (dict(network(kind, cell="lstm", input_bias=value).named_parameters()) for value in (0.0, -2.0))
    differences = {name: lowered[name] - weights for name, weights in plain.items()}
    difference = differences.pop("layers.0.b_ih").view(4, -1)
    assert torch.allclose(difference, torch.tensor([-2.0, 0.0, 0.0, 0.0]).double()[:, None])
    assert not any(other.any() for other in differences.values())


@pytest.mark.parametrize(("cell", "kept"), [("lstm", 1), ("gru", 0)])
def test_a_state_is_kept_where_the_forget_bias_is_large(cell, kept):
    model = network("torch", cell=cell, forget_bias=50.0)
    state = tuple(torch.rand_like(part) for part in model.initial_state(3))
    inputs, targets = window(1, 3)
    after = model(inputs, targets, state)[1]
    change = (after[kept] - state[kept]).abs().max()
    assert change < 1e-6 if cell == "gru" else change < 1  # an LSTM adds to it, and keeps what was there
    if cell == "lstm":
        other = model(inputs, targets, (state[0], state[1] + 1))[1]
        assert torch.allclose(other[1] - after[1], torch.ones(()).double(), atol=1e-6)


def test_a_single_bias_is_one_vector_per_layer():
    double, single = network("numpy", bias="double"), network("numpy", bias="single")
    names = dict(single.named_parameters())
    assert "layers.0.b_hh" not in names
    assert "layers.0.b_hh" not in single.state_dict()
    assert sum(p.numel() for p in double.parameters()) - sum(p.numel() for p in single.parameters()) == 4 * 6


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_tied_weights_are_one_matrix_and_a_projection_where_sizes_differ(kind):
    same, other = network(kind, tied=True, embedding_size=6), network(kind, tied=True, embedding_size=4)
    assert "output.W" not in dict(same.named_parameters()) | same.state_dict()
    assert same.projection is None
    assert other.projection.W.shape == (4, 6)
    assert [name for name, _, _ in other.summary(5, 3)] == ["embedding", "layers.0", "projection", "output"]


def test_summary_of_a_network_for_labels_shows_its_directions_together_and_its_pooling():
    rows = network("torch", bidirectional=True, pooling="mean_max", num_layers=2).summary("T", 3)
    assert rows[1] == ("layers.0", ("T", 3, 12), 2 * 4 * 6 * (4 + 6 + 2))
    assert rows[3] == ("pooling mean_max", (1, 3, 24), 0)
    assert rows[4] == ("output", (1, 3, 5), 5 * 24 + 5)


def test_summary_counts_every_parameter_once():
    model = network("torch", num_layers=2)
    rows = model.summary(5, 3)
    assert [name for name, _, _ in rows] == ["embedding", "layers.0", "layers.1", "output"]
    assert rows[1] == ("layers.0", (5, 3, 6), 4 * 6 * (4 + 6 + 2))
    assert sum(number for _, _, number in rows) == sum(p.numel() for p in model.parameters())
