"""The hand-written backpropagation against torch's own, in float64."""

import copy
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from experiments.data.windows import stream_windows
from experiments.interfaces.data import Window
from experiments.models import NumpyNetwork
from experiments.models import network as network_module
from experiments.training.device import Device
from experiments.training.tbptt import TruncatedBptt, groups
from experiments.training.timed_metrics import TimedMetrics

from .networks import SYMBOLS, gradients_agree, network, window

CELLS = ("tanh", "relu", "lstm", "gru")
FORMS = list(itertools.product(CELLS, (1, 2), (None, 4), ("single", "double"), ("cross_entropy", "squared_error")))
CPU = Device(torch.device("cpu"), "float64")


def train(kind: str, windows_per_update: int = 1, **options) -> list[float]:
    """The loss of each of four epochs, with clipping, a carried state and columns of different length."""
    stream = np.random.default_rng(0).integers(SYMBOLS, size=60).astype(np.int32)
    model = network(kind, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    tbptt = TruncatedBptt(model, optimizer, CPU, reduction="mean", clip_norm=0.5)
    losses = []
    for _ in range(4):
        meter = TimedMetrics()
        for group in groups(stream_windows(stream, 3, 7), windows_per_update):
            tbptt.update(group, meter)
        losses.append(meter.mean_loss())
    return losses


@pytest.mark.parametrize(("cell", "num_layers", "embedding_size", "bias", "loss"), FORMS)
def test_training_losses_agree_to_1e_10(cell, num_layers, embedding_size, bias, loss):
    form = {
        "cell": cell,
        "num_layers": num_layers,
        "embedding_size": embedding_size,
        "bias": bias,
        "loss": loss,
    }
    ours, theirs = train("numpy", **form), train("torch", **form)
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours[-1] < ours[0]  # and something was learnt


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("embedding_size", [6, 4])  # H = 6, and one that needs a projection
@pytest.mark.parametrize("cell", CELLS)
def test_tied_weights_agree_to_1e_10(cell, embedding_size, loss):
    form = {"cell": cell, "num_layers": 2, "embedding_size": embedding_size, "loss": loss}
    ours = train("numpy", tied=True, **form)
    assert ours == pytest.approx(train("torch", tied=True, **form), abs=1e-10, rel=0)
    assert ours != pytest.approx(train("torch", tied=False, **form), abs=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_drops_the_same_units_in_both(cell):
    form = {"cell": cell, "num_layers": 2, "dropout": 0.4, "input_dropout": 0.2, "output_dropout": 0.3}
    with_dropout = train("numpy", **form)
    assert with_dropout == pytest.approx(train("torch", **form), abs=1e-10, rel=0)
    assert with_dropout != pytest.approx(train("torch", cell=cell, num_layers=2), abs=1e-3)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"num_layers": 2, "bias": "single"},
        {"embedding_size": None},
        {"tied": True},
        {"loss": "squared_error"},
        {"loss": "squared_error", "tied": True},
    ],
)
def test_gradcheck_with_respect_to_parameters_and_entering_state(kind, cell, form):
    model = network(kind, cell=cell, hidden_size=3, **form)
    inputs, targets = window(4, 2)
    inputs[0, 1], targets[0, 1] = -1, -100  # padding
    names, parameters = zip(*model.named_parameters())
    state = tuple(torch.rand_like(part).requires_grad_() for part in model.initial_state(2))

    def window_of(*tensors):
        weights = dict(zip(names, tensors[len(state) :]))
        score, after = torch.func.functional_call(model, weights, (inputs, targets, tensors[: len(state)]))
        return score.loss, *after

    points = [*state, *(p.detach().clone().requires_grad_() for p in parameters)]
    assert gradients_agree(window_of, points, cell, every_entry=kind == "numpy")


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_truncated_gradient_is_the_sum_over_windows_with_entering_states_held_constant(kind, cell):
    model = network(kind, cell=cell, num_layers=2)
    inputs, targets = window(9, 3)
    cuts = [slice(0, 4), slice(4, 8), slice(8, 9)]
    windows = [Window(inputs[cut].numpy(), targets[cut].numpy(), cut.start == 0, inputs[cut].numel()) for cut in cuts]
    tbptt = TruncatedBptt(model, Keep(model), CPU, reduction="sum_over_time", clip_norm=None)
    tbptt.update(windows)
    truncated = [gradient.clone() for gradient in tbptt.optimizer.seen]

    # independently: every window on its own, from the state that a forward pass of all before it leaves
    total = [torch.zeros_like(p) for p in model.parameters()]
    for cut in cuts:
        state = model.initial_state(3)
        if cut.start:
            with torch.no_grad():
                _, state = model.predict(inputs[: cut.start], state)
        loss = model.score(inputs[cut], targets[cut], state)[0].loss / 3
        for part, gradient in zip(total, torch.autograd.grad(loss, list(model.parameters()))):
            part += gradient
    for name, ours, theirs in zip(dict(model.named_parameters()), truncated, total):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12), name

    whole = model.score(inputs, targets, model.initial_state(3))[0].loss / 3
    untruncated = torch.autograd.grad(whole, list(model.parameters()))
    assert any((a - b).abs().max() > 1e-6 for a, b in zip(truncated, untruncated))  # the truncation cuts something


@pytest.mark.parametrize("form", [{}, {"tied": True}, {"embedding_size": None}, {"loss": "squared_error"}])
@pytest.mark.parametrize("large", [0, 1 << 18])  # from how many numbers on an embedding's gradient is sparse
@pytest.mark.parametrize("cell", CELLS)
def test_learning_without_a_graph_adds_the_gradients_of_the_score(monkeypatch, cell, large, form):
    monkeypatch.setattr(network_module, "LARGE", large)
    model = network("numpy", cell=cell, num_layers=2, dropout=0.3, **form)
    model.sparse_gradients = True
    state, seed = model.initial_state(3), 5
    first, second = window(4, 3, seed=1), window(4, 3, seed=2)

    torch.manual_seed(seed)
    one, after = model.score(*first, state)
    two, last = model.score(*second, tuple(part.detach() for part in after))
    (one.loss + two.loss).backward()
    expected = [weight.grad.to_dense().clone() for weight in model.parameters()]
    model.zero_grad()

    torch.manual_seed(seed)
    ours, after = model.learn(*first, state)
    then, after = model.learn(*second, after)
    assert [ours.loss, then.loss] == [one.loss.item(), two.loss.item()]
    assert (then.correct, then.nats is None) == (two.correct, two.nats is None)
    assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(after, last))
    for weight, gradient in zip(model.parameters(), expected):
        torch.testing.assert_close(weight.grad.to_dense(), gradient, rtol=0, atol=1e-13)
        assert weight.grad.is_sparse or weight.grad.stride() == weight.stride()  # or fused optimizers go wrong


class Keep(SimpleNamespace):
    """An optimizer that only keeps the gradients it sees."""

    def __init__(self, model):
        super().__init__(param_groups=[{"lr": 1.0}], model=model)

    def step(self):
        self.seen = [p.grad.clone() for p in self.model.parameters()]

    def zero_grad(self):
        self.model.zero_grad()


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_neither_losses_nor_states_nor_gradients(kind, cell):
    model = network(kind, cell=cell, num_layers=2)
    inputs, targets = window(6, 4)
    symbols = [slice(0, 6), slice(2, 6), slice(0, 3), slice(6, 6)]  # full, left, right, empty
    padded_inputs, padded_targets = torch.full_like(inputs, -1), torch.full_like(targets, -100)
    for column, rows in enumerate(symbols):
        padded_inputs[rows, column], padded_targets[rows, column] = inputs[rows, column], targets[rows, column]
    state = tuple(torch.rand_like(part) for part in model.initial_state(4))
    score, after = model.score(padded_inputs, padded_targets, state)
    gradients = torch.autograd.grad(score.loss, list(model.parameters()))

    alone = [torch.zeros_like(p) for p in model.parameters()]
    total = 0.0
    for column, rows in enumerate(symbols[:3]):
        own = tuple(part[:, column : column + 1] for part in state)
        one, last = model.score(inputs[rows, column, None], targets[rows, column, None], own)
        total += one.loss.item()
        for part, gradient in zip(alone, torch.autograd.grad(one.loss, list(model.parameters()))):
            part += gradient
        for padded, single in zip(after, last):
            assert torch.allclose(padded[:, column], single[:, 0], rtol=0, atol=1e-12)
    assert score.loss.item() == pytest.approx(total, abs=1e-11)
    for ours, theirs in zip(gradients, alone):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-11)
    for before, padded in zip(state, after):
        assert torch.equal(before[:, 3], padded[:, 3])  # the empty column kept its state


def test_float32_stays_float32_through_the_numpy_network():
    model = network("numpy", num_layers=2).float()
    score, state = model.score(*window(4, 2), model.initial_state(2))
    score.loss.backward()
    assert {score.loss.dtype, *(s.dtype for s in state), *(p.grad.dtype for p in model.parameters())} == {torch.float32}
    model.zero_grad()
    _, state = model.learn(*window(4, 2), model.initial_state(2))
    assert {*(s.dtype for s in state), *(p.grad.dtype for p in model.parameters())} == {torch.float32}


def test_a_frozen_weight_of_the_numpy_network_gets_no_gradient():
    model = network("numpy")
    model.embedding.W.requires_grad_(False)
    model.learn(*window(4, 2), model.initial_state(2))
    assert {name for name, weight in model.named_parameters() if weight.grad is None} == {"embedding.W"}


def outputs_of(model) -> torch.Tensor:
    """(T, B, K), from the first state, without dropout."""
    inputs, _ = window(4, 2)
    return model.eval().predict(inputs, model.initial_state(2))[0]


MOVES = {
    "in place": lambda model, weights: model.load_state_dict(weights),
    "other tensors": lambda model, weights: model.load_state_dict(weights, assign=True),
    "other memory": lambda model, weights: [setattr(W, "data", weights[name]) for name, W in model.named_parameters()],
    "another precision and back": lambda model, weights: model.float().double().load_state_dict(weights),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_layers_that_are_kept_follow_the_parameters(move):
    model, other = network("numpy"), network("numpy")
    with torch.no_grad():
        for W in other.parameters():
            W.mul_(-0.5)
    expected = outputs_of(other)
    assert not torch.equal(outputs_of(model), expected)  # its layers are made, and over the old weights
    MOVES[move](model, {name: W.clone() for name, W in other.state_dict().items()})
    assert torch.equal(outputs_of(model), expected)


def test_a_copy_of_a_network_has_layers_of_its_own():
    model = network("numpy")
    before = outputs_of(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.output.b += torch.arange(len(other.output.b))
    assert not torch.equal(outputs_of(other), before)
    assert torch.equal(outputs_of(model), before)


def test_layers_are_kept_for_windows_of_their_length_and_kind_of_gradient(monkeypatch):
    monkeypatch.setattr(network_module, "LARGE", 1)
    model = network("numpy")
    for sparse, steps in ((False, 4), (True, 4), (True, 3), (False, 3)):
        model.sparse_gradients = sparse
        model.learn(*window(steps, 2), model.initial_state(2))
        assert model.embedding.W.grad.is_sparse == sparse
        model.zero_grad()
    labels = network("numpy", pooling="mean")
    for steps in (4, 3):
        assert len(labels.predict(window(steps, 2)[0], labels.initial_state(2))[0]) == steps


def test_layers_are_made_once_without_dropout_and_for_every_window_with_it(monkeypatch):
    made = []
    stack = NumpyNetwork.stack
    monkeypatch.setattr(NumpyNetwork, "stack", lambda *given: made.append(given) or stack(*given))
    for options, expected in (({}, 1), ({"output_dropout": 0.5}, 3)):
        made.clear()
        model = network("numpy", **options).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            model.learn(*window(4, 2), model.initial_state(2))
            optimizer.step()
        assert len(made) == expected
