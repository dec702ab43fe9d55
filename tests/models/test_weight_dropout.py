"""Dropout of recurrent weights: both networks against torch's own layers with masked weights, in float64."""

import pytest
import torch
from torch.nn import functional as F

from experiments.interfaces.data import IGNORE, PADDING

from .networks import network, window
from .test_numpy_against_torch import CELLS, train

P = 0.4
LAYERS = {
    "tanh": torch.nn.RNN,
    "relu": lambda *sizes, **options: torch.nn.RNN(*sizes, nonlinearity="relu", **options),
    "lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
}
NAMES = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}


def masked_layers(model, masks):
    """torch's own recurrent layers with the weights of a network, those of W_hh masked."""
    layers = LAYERS[model.cell](4, 6, num_layers=2).double()
    for depth, layer in enumerate(model.layers):
        for name, weight in layer.named_parameters():
            mask = masks.get(f"layers.{depth}.{name}", 1.0)
            getattr(layers, f"{NAMES[name]}_l{depth}").data.copy_(weight.detach() * mask)
    return layers


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_gradients_are_those_of_layers_whose_weights_are_masked(kind, cell):
    model = network(kind, cell=cell, num_layers=2, weight_dropout=P)
    inputs, targets = window(9, 3)
    torch.manual_seed(3)
    score, _ = model.learn(inputs, targets, model.initial_state(3))
    torch.manual_seed(3)
    masks = model.weight_masks()
    layers = masked_layers(model, masks)
    x = model.embedding.W.detach()[inputs]
    logits = layers(x)[0] @ model.output.W.detach().T + model.output.b.detach()
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    loss.backward()
    assert torch.as_tensor(score.loss, dtype=torch.float64).item() == pytest.approx(loss.item(), abs=1e-10)
    for depth, layer in enumerate(model.layers):
        for name, weight in layer.named_parameters():
            expected = getattr(layers, f"{NAMES[name]}_l{depth}").grad * masks.get(f"layers.{depth}.{name}", 1.0)
            torch.testing.assert_close(weight.grad, expected, rtol=0, atol=1e-10)
    assert all((model.layers[0].W_hh.grad == 0)[masks["layers.0.W_hh"] == 0])


@pytest.mark.parametrize("form", [{}, {"num_layers": 2, "dropout": 0.3, "word_dropout": 0.1}, {"bias": "single"}])
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_drops_the_same_weights_in_both(cell, form):
    ours, theirs = (train(kind, cell=cell, weight_dropout=P, **form) for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours != pytest.approx(train("torch", cell=cell, **form), abs=1e-4)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_it_draws_a_mask_for_every_direction_and_window_that_keeps_the_mean_and_none_in_evaluation(kind):
    model = network(kind, hidden_size=50, bidirectional=True, weight_dropout=P)
    masks, others = model.weight_masks(), model.weight_masks()
    assert list(masks) == ["layers.0.W_hh", "reverse_layers.0.W_hh"]
    for name, mask in masks.items():
        assert set(mask.unique().tolist()) == {0.0, 1 / (1 - P)}
        assert mask.shape == model.get_parameter(name).shape
        assert float(mask.mean()) == pytest.approx(1.0, abs=0.05)
        assert not torch.equal(mask, others[name])
    inputs, targets = window(5, 2)
    plain = network(kind, hidden_size=50, bidirectional=True)
    losses = [float(each.eval().score(inputs, targets, each.initial_state(2))[0].loss) for each in (model, plain)]
    assert losses[0] == losses[1]
    assert model.weight_masks() == {}


def test_both_directions_and_padding_agree_in_both_networks():
    inputs, targets = window(7, 3)
    inputs[5:, 1], targets[5:, 1] = PADDING, IGNORE
    gradients = []
    for kind in ("numpy", "torch"):
        model = network(kind, cell="gru", bidirectional=True, weight_dropout=P)
        torch.manual_seed(3)
        model.learn(inputs, targets, model.initial_state(3))
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=0, atol=1e-10)


def test_an_impossible_probability_is_refused():
    with pytest.raises(ValueError, match="weight_dropout must be a probability from 0 to below 1, got 1"):
        network("torch", weight_dropout=1.0)
