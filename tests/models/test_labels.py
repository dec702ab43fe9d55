"""Networks that read a whole sequence and then say its label: directions, pooling, dropout, logistic output."""

import itertools

import numpy as np
import pytest
import torch

from experiments.data.labelled import LabelledSequences, Sequences
from experiments.interfaces.vocabulary import Vocabulary
from experiments.training.device import Device
from experiments.training.tbptt import TruncatedBptt, groups
from experiments.training.timed_metrics import TimedMetrics

from .networks import KINDS, OPTIONS, SYMBOLS, gradients_agree

CPU = Device(torch.device("cpu"), "float64")
CELLS = ("tanh", "relu", "lstm", "gru")
READING = [  # what the output sees, and how far the gradient may travel
    {"pooling": "last", "truncation": None},
    {"pooling": "last", "truncation": 3},
    {"pooling": "mean_max", "truncation": 3},
    {"pooling": "mean", "truncation": None, "bidirectional": True},
    {"pooling": "max", "truncation": None, "bidirectional": True},
    {"pooling": "last", "truncation": None, "bidirectional": True},
]
FORMS = list(itertools.product(CELLS, [(1, None), (2, 4)], READING))


def sequences(lengths=(5, 9, 0, 2, 7, 1, 7, 4, 3, 9, 6), seed=0) -> LabelledSequences:
    """Random sequences of these lengths, one of them empty, with random labels."""
    draw = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    labels = draw.integers(2, size=len(lengths)).astype(np.int8)
    train = Sequences(draw.integers(SYMBOLS, size=starts[-1]).astype(np.int32), starts, labels)
    return LabelledSequences(Vocabulary("abcde", separator=""), {"train": train}, ("neg", "pos"), seed=0)


def network(kind: str, **options):
    torch.manual_seed(0)
    return KINDS[kind](SYMBOLS, 2, **{**OPTIONS, **options}).double()


def train(kind: str, truncation: int | None, windows_per_update: int = 1, weights=None, **options) -> list[float]:
    """The loss of each of three epochs in shuffled batches of four."""
    model = network(kind, **options)
    model.class_weights = weights
    tbptt = TruncatedBptt(model, torch.optim.Adam(model.parameters(), lr=0.05), CPU, reduction="mean", clip_norm=0.5)
    losses = []
    for epoch in range(3):
        meter = TimedMetrics()
        for group in groups(sequences().windows("train", 4, truncation, epoch), windows_per_update):
            tbptt.update(group, meter)
        assert meter.count == 11
        losses.append(meter.mean_loss())
    return losses


@pytest.mark.parametrize(("cell", "sizes", "reading"), FORMS)
def test_training_losses_agree_to_1e_10(cell, sizes, reading):
    num_layers, embedding_size = sizes
    form = {"cell": cell, "num_layers": num_layers, "embedding_size": embedding_size, **reading, "output": "logistic"}
    ours, theirs = train("numpy", **form), train("torch", **form)
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours[0] != ours[-1]


WEIGHTS = torch.tensor([0.25, 3.0], dtype=torch.float64)


@pytest.mark.parametrize(("cell", "sizes", "reading"), [FORMS[k] for k in range(0, len(FORMS), 3)])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_weighted_training_losses_agree_to_1e_10(cell, sizes, reading, output):
    num_layers, embedding_size = sizes
    form = {"cell": cell, "num_layers": num_layers, "embedding_size": embedding_size, **reading, "output": output}
    ours, theirs = train("numpy", weights=WEIGHTS, **form), train("torch", weights=WEIGHTS, **form)
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours != pytest.approx(train("numpy", **form), abs=1e-4)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("pooling", ["last", "mean_max"])
def test_class_weights_are_those_of_torchs_cross_entropy_and_only_in_learning(kind, pooling):
    model, reference = network(kind, pooling=pooling, dropout=0.0), network("torch", pooling=pooling, dropout=0.0)
    model.class_weights = WEIGHTS
    (window,) = sequences().windows("train", 11, None)
    inputs, targets, start = torch.from_numpy(window.inputs), torch.from_numpy(window.targets), model.initial_state(11)
    score, _ = model.learn(inputs, targets, start)
    log_probs = reference.predict(inputs, start)[0][-1]
    loss = torch.nn.functional.nll_loss(log_probs, targets[-1], weight=WEIGHTS, reduction="sum")
    loss.backward()
    assert torch.as_tensor(score.loss, dtype=torch.float64).item() == pytest.approx(loss.item(), abs=1e-11)
    for ours, theirs in zip(model.parameters(), reference.parameters()):
        assert torch.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-11)
    plain, _ = model.score(inputs, targets, start)
    unweighted = torch.nn.functional.nll_loss(log_probs, targets[-1], reduction="sum").item()
    assert float(score.nats) == pytest.approx(unweighted, abs=1e-11)
    assert plain.loss.item() == pytest.approx(unweighted, abs=1e-11)
    assert int(score.correct) == int(plain.correct)


@pytest.mark.parametrize("truncation", [None, 3])
def test_windows_that_only_carry_the_state_are_no_part_of_an_update(truncation):
    ours, theirs = (train(kind, truncation, windows_per_update=2, cell="gru") for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours != pytest.approx(train("numpy", truncation, cell="gru"), abs=1e-4)


@pytest.mark.parametrize("windows_per_update", [1, 2])
def test_the_reductions_agree_where_a_sequence_has_one_target(windows_per_update):
    gradients = []
    for reduction in ("mean", "sum_over_time"):
        model = network("torch")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        tbptt = TruncatedBptt(model, optimizer, CPU, reduction=reduction, clip_norm=None)
        windows = sequences().windows("train", 4, 2, 0)
        gradients.append([tbptt.update(group).item() for group in groups(windows, windows_per_update)])
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-12)


def test_padding_that_would_grow_without_bound_does_no_harm():
    for pooling in ("last", "mean", "max"):
        gradients = []
        for kind in ("numpy", "torch"):
            model = network(kind, cell="relu", pooling=pooling)
            with torch.no_grad():
                model.layers[0].W_hh.copy_(10.0 * torch.eye(6))
            inputs, targets = torch.full((600, 2), -1), torch.full((600, 2), -100)
            inputs[:3, 0], inputs[-3:, 1] = 1, 2
            targets[2 if pooling == "last" else -1, 0], targets[-1, 1] = 1, 0
            score, _ = model.score(inputs, targets, model.initial_state(2))
            gradients.append(torch.autograd.grad(score.loss, list(model.parameters())))
        for ours, theirs in zip(*gradients):
            assert torch.isfinite(ours).all()
            assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_passes_the_state_on_before_and_after_the_symbols(cell):
    inputs = torch.tensor([[-1, 1], [-1, 2], [3, -1], [4, -1]])
    log_probs = []
    for kind in ("numpy", "torch"):
        model = network(kind, cell=cell)
        torch.manual_seed(1)
        state = tuple(torch.rand_like(part) for part in model.initial_state(2))
        log_probs.append(model.predict(inputs, state)[0])
    assert torch.allclose(*log_probs, rtol=0, atol=1e-12)
    assert torch.equal(log_probs[0][0, 0], log_probs[0][1, 0])


@pytest.mark.parametrize("cell", CELLS)
def test_all_dropouts_drop_the_same_in_both(cell):
    form = {"cell": cell, "num_layers": 2, "bidirectional": True, "pooling": "mean_max", "truncation": None}
    dropouts = {"dropout": 0.3, "output_dropout": 0.3}
    dropouts |= {"word_dropout": 0.2, "channel_dropout": 0.3, "input_dropout": 0.2}
    ours = train("numpy", **form, **dropouts)
    assert ours == pytest.approx(train("torch", **form, **dropouts), abs=1e-10, rel=0)
    for name in dropouts if cell == "gru" else ():  # every one of them has an effect
        assert ours != pytest.approx(train("torch", **form, **{**dropouts, name: 0.0}), abs=1e-3), name


GRADIENT_FORMS = [
    {"bidirectional": True},
    {"pooling": "mean"},
    {"pooling": "mean", "bidirectional": True},
    {"pooling": "max", "num_layers": 2},
    {"pooling": "max", "num_layers": 2, "bidirectional": True},
]


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("form", GRADIENT_FORMS)
def test_gradcheck_with_respect_to_parameters_and_entering_state(kind, cell, form):
    model = network(kind, cell=cell, hidden_size=2, embedding_size=2, output="logistic", **form)
    inputs = torch.tensor([[1, -1, 2], [0, -1, -1], [3, 4, -1], [1, 2, -1]])
    targets = torch.full((4, 3), -100)
    targets[-1] = torch.tensor([0, 1, 1])
    names, parameters = zip(*model.named_parameters())
    entering = [  # pooling has read two steps before
        torch.rand_like(part).requires_grad_() if part.is_floating_point() else part + 2
        for part in model.initial_state(3)
    ]
    floats = [k for k, part in enumerate(entering) if part.is_floating_point()]

    def window_of(*tensors):
        state = list(entering)
        for k, part in zip(floats, tensors):
            state[k] = part
        weights = dict(zip(names, tensors[len(floats) :]))
        score, after = torch.func.functional_call(model, weights, (inputs, targets, tuple(state)))
        return score.loss, *(part for part in after if part.is_floating_point())

    points = [*(entering[k] for k in floats), *(p.detach().clone().requires_grad_() for p in parameters)]
    every_entry = kind == "numpy" and form in (GRADIENT_FORMS[0], GRADIENT_FORMS[-1])
    assert gradients_agree(window_of, points, cell, every_entry)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("pooling", "bidirectional"),
    [("last", True), *itertools.product(["mean", "max", "mean_max"], [False, True])],
)
def test_a_padded_batch_costs_what_its_sequences_cost_alone(kind, cell, pooling, bidirectional):
    model = network(kind, cell=cell, num_layers=2, pooling=pooling, bidirectional=bidirectional)
    data = sequences()
    costs, gradients = [], []
    for batch_size in (11, 4, 1):
        total = 0.0
        for window in data.windows("train", batch_size, None):
            inputs, targets = torch.from_numpy(window.inputs), torch.from_numpy(window.targets)
            total = total + model.score(inputs, targets, model.initial_state(inputs.shape[1]))[0].loss
        costs.append(total.item())
        gradients.append(torch.autograd.grad(total, list(model.parameters())))
    assert costs == pytest.approx([costs[-1]] * 3, abs=1e-11, rel=0)
    for padded, alone in zip(gradients[0], gradients[-1]):
        assert torch.allclose(padded, alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "mean_max"])
def test_the_loss_is_the_same_for_every_truncation_and_the_gradient_is_not(kind, pooling):
    model, data = network(kind, pooling=pooling, cell="gru"), sequences()
    losses, gradients = [], []
    for truncation in (None, 9, 4, 1):
        loss, state = 0.0, None
        for window in data.windows("train", 11, truncation):
            state = model.initial_state(11) if window.starts else tuple(part.detach() for part in state)
            score, state = model.score(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
            loss = loss + score.loss
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, model.layers[0].W_hh)[0])
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-11, rel=0)
    assert torch.allclose(gradients[0], gradients[1], rtol=0, atol=1e-12)
    assert not torch.allclose(gradients[0], gradients[2], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_bidirectional_network_is_two_networks_and_the_second_reads_backwards(kind):
    both = network(kind, bidirectional=True, cell="lstm")
    forward, backward = network(kind, cell="lstm"), network(kind, cell="lstm")
    weights = both.state_dict()
    for single, layer, part in ((forward, "layers", slice(0, 6)), (backward, "reverse_layers", slice(6, 12))):
        own = {name: weights[name.replace("layers", layer)] for name in single.state_dict() if name != "output.W"}
        single.load_state_dict({**own, "output.W": weights["output.W"][:, part], "output.b": weights["output.b"] / 2})
    inputs = torch.randint(SYMBOLS, (6, 3), generator=torch.Generator().manual_seed(0))

    def scores(model, ids):  # log-probabilities but for a constant
        log_probs = model.predict(ids, model.initial_state(3))[0][-1]
        return log_probs[:, 1] - log_probs[:, 0]

    together = scores(forward, inputs) + scores(backward, inputs.flip(0))
    assert torch.allclose(scores(both, inputs), together, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_pooling_is_the_mean_and_the_maximum_of_the_outputs(kind):
    model = network(kind, pooling="mean_max", cell="gru")
    plain = network(kind, cell="gru")
    H = OPTIONS["hidden_size"]
    with torch.no_grad():
        plain.load_state_dict({**model.state_dict(), "output.W": torch.zeros(2, H).double()})
        inputs = torch.randint(SYMBOLS, (7, 2), generator=torch.Generator().manual_seed(0))
        outputs = []
        for unit in range(H):  # read the hidden outputs through the logits of the plain network
            plain.output.W.zero_()
            plain.output.b.zero_()
            plain.output.W[1, unit] = 1.0
            log_probs = plain.predict(inputs, plain.initial_state(2))[0]
            outputs.append(log_probs[..., 1] - log_probs[..., 0])
        hidden = torch.stack(outputs, dim=2)
        summary = torch.cat([hidden.mean(dim=0), hidden.amax(dim=0)], dim=1)
        expected = (summary @ model.output.W.T + model.output.b).log_softmax(dim=1)
        assert torch.allclose(model.predict(inputs, model.initial_state(2))[0][-1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_logistic_output_is_the_sigmoid_of_one_logit(kind):
    model = network(kind, output="logistic")
    assert model.output.W.shape == (1, OPTIONS["hidden_size"])
    inputs = torch.randint(SYMBOLS, (5, 3), generator=torch.Generator().manual_seed(0))
    log_probs, _ = model.predict(inputs, model.initial_state(3))
    logit = log_probs[..., 1] - log_probs[..., 0]
    assert torch.allclose(log_probs[..., 1].exp(), logit.sigmoid(), rtol=0, atol=1e-12)
    targets = torch.randint(2, (5, 3), generator=torch.Generator().manual_seed(1))
    binary = torch.nn.functional.binary_cross_entropy_with_logits(logit, targets.double(), reduction="sum")
    assert model.score(inputs, targets, model.initial_state(3))[0].nats.item() == pytest.approx(
        binary.item(), abs=1e-11
    )


def test_masks_drop_whole_words_whole_channels_and_single_numbers():
    model = network("torch", word_dropout=0.5).train()
    inputs = torch.zeros(40, 3, dtype=torch.int64)
    words = model.dropout_masks(inputs)[0]
    assert words.shape == (40, 3, 1)
    assert set(words.unique().tolist()) == {0.0, 2.0}
    assert network("torch", channel_dropout=0.5).dropout_masks(inputs)[0].shape == (1, 3, 4)
    assert network("torch", input_dropout=0.5).dropout_masks(inputs)[0].shape == (40, 3, 4)
    assert network("torch", word_dropout=0.5).eval().dropout_masks(inputs)[0] is None


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_window_without_targets_makes_no_graph_and_carries_the_state(kind):
    model = network(kind, pooling="mean")
    tbptt = TruncatedBptt(model, torch.optim.SGD(model.parameters(), lr=0.1), CPU, reduction="mean", clip_norm=None)
    carry, last = sequences(lengths=(9, 9, 8)).windows("train", 3, 2)
    assert tbptt._learn(carry) is None
    assert not any(part.requires_grad for part in tbptt.state)
    assert tbptt.state[0].abs().sum() > 0
    assert all(weight.grad is None for weight in model.parameters())
    tbptt._learn(last)
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())
    assert len(list(groups(sequences().windows("train", 4, 2, 0), 1))) == 3  # windows without targets are no update
