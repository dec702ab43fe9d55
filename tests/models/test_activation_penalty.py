"""The penalties on the outputs of the last layer (AR, TAR) against a plain computation in float64."""

import pytest
import torch
from torch.nn import functional as F

from .networks import network, window
from .test_numpy_against_torch import CELLS, train

ALPHA, BETA = 0.7, 1.3


def plain(model, inputs, targets, mask, alpha, beta):
    """The summed loss of a GRU's window, and the penalty, with torch's own layer, step by step; has the gradients."""
    layer = torch.nn.GRU(4, 6).double()
    weights = dict(model.layers[0].named_parameters())
    for ours, theirs in {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}.items():
        getattr(layer, f"{theirs}_l0").data.copy_(weights[ours].detach())
    hidden = layer(model.embedding.W.detach()[inputs])[0]
    dropped = hidden * mask
    logits = dropped @ model.output.W.detach().T + model.output.b.detach()
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    T, B, H = hidden.shape
    penalty = sum(alpha * (dropped[t, b] ** 2).sum() / H for t in range(T) for b in range(B))
    penalty += sum(beta * ((hidden[t, b] - hidden[t - 1, b]) ** 2).sum() / H for t in range(1, T) for b in range(B))
    (loss + penalty).backward()
    return loss.item(), layer


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize(("alpha", "beta"), [(ALPHA, 0.0), (0.0, BETA), (ALPHA, BETA)])
def test_gradients_have_the_penalties_and_the_reported_loss_has_not(kind, alpha, beta):
    model = network(kind, cell="gru", activation_penalty=alpha, temporal_penalty=beta, output_dropout=0.4)
    inputs, targets = window(9, 3)
    torch.manual_seed(3)
    score, _ = model.learn(inputs, targets, model.initial_state(3))
    torch.manual_seed(3)
    loss, layer = plain(model, inputs, targets, model.dropout_masks(inputs)[-1], alpha, beta)
    assert torch.as_tensor(score.loss, dtype=torch.float64).item() == pytest.approx(loss, abs=1e-10)
    assert score.nats is score.loss
    for ours, theirs in {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}.items():
        expected = getattr(layer, f"{theirs}_l0").grad
        torch.testing.assert_close(getattr(model.layers[0], ours).grad, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", [{}, {"num_layers": 2, "dropout": 0.3, "output_dropout": 0.2}, {"tied": True}])
@pytest.mark.parametrize("cell", CELLS)
def test_both_networks_learn_alike_with_padding(cell, form):
    penalties = {"activation_penalty": ALPHA, "temporal_penalty": BETA}
    ours, theirs = (train(kind, cell=cell, **form, **penalties) for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours != pytest.approx(train("torch", cell=cell, **form), abs=1e-4)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_evaluation_has_no_penalty(kind):
    inputs, targets = window(5, 2)
    models = network(kind, activation_penalty=ALPHA, temporal_penalty=BETA).eval(), network(kind).eval()
    gradients = []
    for model in models:
        model.learn(inputs, targets, model.initial_state(2))
        gradients.append([weight.grad for weight in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("data=string", "model.activation_penalty=-1"), "activation_penalty must be at least 0, got -1"),
        (("data=imdb", "model.temporal_penalty=1"), "and this data has labels: give 0 for both"),
        (("data=recall", "model.activation_penalty=1"), "and this data has labels: give 0 for both"),
        (("data=imdb", "model.activation_penalty=2", "model.pooling=max"), "an output at every step, but this network"),
    ],
)
def test_impossible_penalties_are_refused(command, arguments, part):
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
