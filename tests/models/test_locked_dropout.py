"""Dropout between layers and of the output that is the same in all steps of a window."""

import pytest
import torch
from torch.nn import functional as F

from .networks import network, window
from .test_numpy_against_torch import CELLS, train

FORM = {"num_layers": 2, "dropout": 0.3, "output_dropout": 0.4, "locked_dropout": True}


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_the_loss_is_that_of_layers_with_one_mask_for_all_steps(kind):
    model = network(kind, cell="gru", **FORM)
    inputs, targets = window(9, 3)
    torch.manual_seed(3)
    score, _ = model.learn(inputs, targets, model.initial_state(3))
    torch.manual_seed(3)
    between = torch.empty(3, 6, dtype=torch.float64).bernoulli_(0.7) / 0.7  # (B, H)
    of_output = torch.empty(3, 6, dtype=torch.float64).bernoulli_(0.6) / 0.6
    x, layers = model.embedding.W.detach()[inputs], []
    for depth, layer in enumerate(model.layers):
        layers.append(torch.nn.GRU(x.shape[2], 6).double())
        for name, theirs in {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}.items():
            getattr(layers[-1], f"{theirs}_l0").data.copy_(dict(layer.named_parameters())[name].detach())
        hidden = layers[-1](x)[0]
        x = torch.stack([step * (of_output if depth else between) for step in hidden])
    logits = x @ model.output.W.detach().T + model.output.b.detach()
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    loss.backward()
    assert torch.as_tensor(score.loss, dtype=torch.float64).item() == pytest.approx(loss.item(), abs=1e-10)
    torch.testing.assert_close(model.layers[0].W_hh.grad, layers[0].weight_hh_l0.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_drops_the_same_units_in_both_with_padding(cell):
    ours, theirs = (train(kind, cell=cell, **FORM) for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours != pytest.approx(train("torch", cell=cell, **FORM | {"locked_dropout": False}), abs=1e-4)
