"""Backpropagation through time by hand in the torch network, against torch's own layers."""

import numpy as np
import pytest
import torch

from experiments.models.torch import products, recurrent
from experiments.models.torch.recurrent import BY_HAND, FEW, recurrent_layer

from .networks import gradients_agree, network, window
from .test_numpy_against_torch import train

CELLS = tuple(BY_HAND)
B, IN, H = 3, 4, 5
NAMES = ("x", "h", "W_ih", "W_hh", "b_ih", "b_hh")


def tensors(cell, steps, dtype=torch.float64):
    """x, h before, W_ih, W_hh, b_ih, b_hh that want gradients, and the gradient of the outputs."""
    generator, rows = torch.Generator().manual_seed(0), H * (3 if cell == "gru" else 1)
    shapes = [(steps, B, IN), (1, B, H), (rows, IN), (rows, H), (rows,), (rows,), (steps, B, H)]
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    *given, d_out = (tensor.div(2).to(dtype) for tensor in drawn)
    return [tensor.requires_grad_() for tensor in given], d_out


def module(cell, x, h, *weights):
    """torch.nn's module with these weights."""
    kind = {"gru": lambda: torch.nn.GRU(IN, H), "tanh": lambda: torch.nn.RNN(IN, H)}
    made = kind.get(cell, lambda: torch.nn.RNN(IN, H, nonlinearity="relu"))().to(x.dtype)
    names = [name for name, _ in made.named_parameters()]
    return torch.func.functional_call(made, dict(zip(names, weights)), (x, h))


def by_hand(cell, x, h, *weights):
    return BY_HAND[cell](x, h, weights)


def is_by_hand(out):
    return type(out.grad_fn).__name__ in ("_GruBackward", "_SimpleBackward")


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_are_those_of_torchs_modules(cell, steps):
    given, d_out = tensors(cell, steps)
    (theirs, last), ours = module(cell, *given), by_hand(cell, *given)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours[-1:], last, rtol=0, atol=1e-12)
    gradients = [torch.autograd.grad(out, given, d_out) for out in (ours, theirs)]
    for name, mine, expected in zip(NAMES, *gradients):
        torch.testing.assert_close(mine, expected, rtol=1e-11, atol=1e-11, msg=name)
        assert expected.any(), name
        assert mine.is_contiguous(), name  # fused optimizers assume the layout of the weight


@pytest.mark.parametrize("cell", CELLS)
def test_gradcheck(cell):
    given, _ = tensors(cell, 4)
    assert gradients_agree(lambda *points: by_hand(cell, *points), given, cell, every_entry=True)


@pytest.mark.parametrize("wanted", [*[(k,) for k in range(6)], (0, 2), (1, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_frozen_gets_no_gradient_and_changes_no_other(cell, wanted):
    given, d_out = tensors(cell, 6)
    expected = torch.autograd.grad(module(cell, *given)[0], given, d_out)
    for k, tensor in enumerate(given):
        tensor.requires_grad_(k in wanted)
    by_hand(cell, *given).backward(d_out)
    for k, tensor in enumerate(given):
        if k in wanted:
            torch.testing.assert_close(tensor.grad, expected[k], rtol=1e-11, atol=1e-11)
        else:
            assert tensor.grad is None


@pytest.mark.parametrize("cell", CELLS)
def test_a_graph_that_is_kept_gives_the_same_gradients_again(cell):
    given, d_out = tensors(cell, 6)
    out, given_d_out = by_hand(cell, *given), d_out.clone()
    first, second = (torch.autograd.grad(out, given, d_out, retain_graph=True) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second))
    assert torch.equal(d_out, given_d_out)
    twice = torch.autograd.grad(out, given, 2 * d_out)
    assert all(torch.allclose(one, 2 * other, rtol=1e-13) for one, other in zip(twice, first))


@pytest.mark.parametrize("cell", CELLS)
def test_tensors_may_have_any_layout(cell):
    given, _ = tensors(cell, 6)
    expected = torch.autograd.grad(module(cell, *given)[0].sum(), given)
    flipped = given[0].detach().permute(2, 1, 0).contiguous().permute(2, 1, 0).requires_grad_()
    W_ih = given[2].detach().T.contiguous().T.requires_grad_()
    others = [flipped, given[1], W_ih, *given[3:]]
    gradients = torch.autograd.grad(by_hand(cell, *others).sum(), others)  # d_out is expanded
    for mine, theirs in zip(gradients, expected):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
def test_a_second_derivative_is_refused_with_what_gives_it(monkeypatch, cell):
    (x, h, *weights), _ = tensors(cell, 6)
    with pytest.raises(RuntimeError, match="has no second derivative, got create_graph=True"):
        torch.autograd.grad(layer(cell, x, h, weights).sum(), x, create_graph=True)
    monkeypatch.setattr(recurrent, "BY_HAND", {})
    (d_x,) = torch.autograd.grad(layer(cell, x, h, weights).sum(), x, create_graph=True)
    d_x.square().sum().backward()
    assert weights[0].grad.any()


@pytest.mark.parametrize("cell", CELLS)
def test_layers_by_hand_are_for_gradients_through_enough_steps_on_a_cpu(cell):
    (x, h, *weights), _ = tensors(cell, FEW + 1)
    assert is_by_hand(layer(cell, x, h, weights))
    assert not is_by_hand(layer(cell, x[:FEW], h, weights))
    assert not recurrent.is_faster_by_hand(cell, x.to("meta"), [h, *weights])
    assert not recurrent.is_faster_by_hand("lstm", x, [h, *weights])
    with torch.no_grad():
        assert not recurrent.is_faster_by_hand(cell, x, [h, *weights])
    assert recurrent.is_faster_by_hand(cell, x.detach(), [h.detach(), *weights])
    x, h, *weights = (tensor.detach() for tensor in (x, h, *weights))
    assert not recurrent.is_faster_by_hand(cell, x, [h, *weights])


def layer(cell, x, h, weights):
    return recurrent_layer(cell, x, (h,), weights, training=True)[0]


@pytest.mark.parametrize("matrix_units", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_in_bfloat16_on_matrix_units_torchs_own_layer(monkeypatch, cell, matrix_units):
    monkeypatch.setattr(products, "MATRIX_UNITS", matrix_units)
    (x, h, *weights), _ = tensors(cell, 6, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(cell, x, h, weights)
    assert is_by_hand(out) != matrix_units
    assert matrix_units or out.dtype == torch.float32


FORMS = [
    {},
    {"num_layers": 2, "dropout": 0.3, "input_dropout": 0.2, "output_dropout": 0.1},
    {"bias": "single", "embedding_size": None},
    {"tied": True},
    {"embedding_frozen": True},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_training_has_the_losses_of_torchs_layers(monkeypatch, cell, form):
    ours = train("torch", cell=cell, **form)
    monkeypatch.setattr(recurrent, "BY_HAND", {})
    assert ours == pytest.approx(train("torch", cell=cell, **form), abs=1e-10, rel=0)
    assert ours[-1] < ours[0]


LABELS = [
    {"bidirectional": True},
    {"pooling": "mean_max"},
    {"bidirectional": True, "pooling": "max", "num_layers": 2},
]


@pytest.mark.parametrize("form", [{"num_layers": 2}, *LABELS])
@pytest.mark.parametrize("cell", CELLS)
def test_padded_columns_have_the_gradients_of_torchs_layers(monkeypatch, cell, form):
    model = network("torch", cell=cell, **form)
    inputs, targets = window(8, 4)
    # one column is whole, one filled before, one after its symbols, one empty
    for column, (start, end) in enumerate([(0, 8), (3, 8), (0, 5), (0, 0)]):
        outside = np.r_[0:start, end:8]
        inputs[outside, column], targets[outside, column] = -1, -100
    state = model.initial_state(4)
    if not model.labels_only:
        state = tuple((part + 0.1).requires_grad_() for part in state)
    wanted = [*model.parameters(), *(part for part in state if part.requires_grad)]
    found = []
    for by in (BY_HAND, {}):
        monkeypatch.setattr(recurrent, "BY_HAND", by)
        score, after = model.score(inputs, targets, state)
        total = score.loss + sum(part.square().sum() for part in after if part.is_floating_point())
        found.append([total, *torch.autograd.grad(total, wanted)])
    for mine, theirs in zip(*found):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)
