"""Networks that read vectors and predict numbers or a label at every step: NumPy, torch and plain loops agree."""

import itertools

import numpy as np
import pytest
import torch

from experiments.data.step_targets import Steps, StepTargets
from experiments.interfaces.data import Window, padding_steps
from experiments.interfaces.vocabulary import Vocabulary
from experiments.training.device import Device
from experiments.training.tbptt import TruncatedBptt, groups
from experiments.training.timed_metrics import TimedMetrics

from .networks import KINDS, OPTIONS, gradients_agree

CPU = Device(torch.device("cpu"), "float64")
CELLS = ("tanh", "relu", "lstm", "gru")
D, K = 3, 4
NAN = float("nan")
LENGTHS = (5, 9, 2, 7, 1, 7, 4)
TARGETS = ("labels", "numbers", "a number at the end")
DIRECTIONS = [{"truncation": 3}, {"truncation": None, "bidirectional": True}]
READING = [  # what the output reads, and how far the gradient may travel
    {"pooling": "last", "truncation": None},
    {"pooling": "last", "truncation": 3},
    {"pooling": "last", "truncation": None, "bidirectional": True},
    {"pooling": "mean_max", "truncation": 3},
    {"pooling": "max", "truncation": None, "bidirectional": True},
]


def dataset(targets: str) -> StepTargets:
    """Random sequences of vectors; a part of their steps has no target."""
    draw = np.random.default_rng(0)
    starts = np.concatenate([[0], np.cumsum(LENGTHS)])
    of_symbols = targets == "labels of symbols"
    inputs = draw.integers(D, size=starts[-1]) if of_symbols else draw.normal(size=(starts[-1], D))
    if targets.startswith("labels"):
        chosen = np.where(draw.random(starts[-1]) < 0.2, -100, draw.integers(K, size=starts[-1]))
    else:
        chosen = np.where(draw.random(starts[-1]) < 0.2, NAN, draw.normal(size=starts[-1]))
    if targets == "a number at the end":
        is_last = np.isin(np.arange(starts[-1]), starts[1:] - 1)
        chosen = np.where(is_last, draw.normal(size=starts[-1]), NAN)

    class Drawn(StepTargets):
        real_inputs, real_targets = not of_symbols, not targets.startswith("labels")
        labelled_steps = targets != "a number at the end"

    labels = tuple("abcd") if targets.startswith("labels") else ()
    vocabulary = Vocabulary("abc", separator="") if of_symbols else None
    return Drawn({"train": Steps(inputs, chosen, starts)}, labels=labels, vocabulary=vocabulary, seed=0)


def network(kind: str, data: StepTargets, **options):
    torch.manual_seed(0)
    loss = "squared_error" if data.real_targets else "cross_entropy"
    options = {**OPTIONS, "embedding_size": None, "loss": loss, **options}
    kinds = {name: getattr(data, name) for name in ("real_inputs", "real_targets", "labelled_steps")}
    return KINDS[kind](D, data.num_outputs, **options, **kinds).double()


def train(kind: str, targets: str, truncation: int | None, **options) -> list[float]:
    """The loss of each of three epochs in shuffled batches of three."""
    data = dataset(targets)
    model = network(kind, data, **options)
    tbptt = TruncatedBptt(model, torch.optim.Adam(model.parameters(), lr=0.05), CPU, reduction="mean", clip_norm=0.5)
    losses = []
    for epoch in range(3):
        meter = TimedMetrics()
        for group in groups(data.windows("train", 3, truncation, epoch), 1):
            tbptt.update(group, meter)
        losses.append(meter.mean_loss())
    return losses


def forms(reading) -> bool:
    """Whether a network that reads so can predict such targets."""
    (_, _, targets), reading = reading
    return reading["pooling"] == "last" or targets == "a number at the end"


FORMS = list(filter(forms, itertools.product(itertools.product(CELLS, (1, 2), TARGETS), READING)))


@pytest.mark.parametrize(("form", "reading"), FORMS)
def test_training_losses_agree_to_1e_10(form, reading):
    cell, num_layers, targets = form
    ours, theirs = (train(kind, targets, cell=cell, num_layers=num_layers, **reading) for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize("reading", DIRECTIONS)
def test_labels_at_every_step_of_symbols_agree_to_1e_10(cell, embedding_size, reading):
    form = {"cell": cell, "num_layers": 2, "embedding_size": embedding_size, **reading}
    ours, theirs = (train(kind, "labels of symbols", **form) for kind in ("numpy", "torch"))
    assert ours == pytest.approx(theirs, abs=1e-10, rel=0)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize("cell", CELLS)
def test_the_error_of_one_hot_targets_and_all_dropouts_agree(cell):
    form = {"cell": cell, "num_layers": 2, "bidirectional": True, "loss": "squared_error", "truncation": None}
    dropouts = {"dropout": 0.3, "output_dropout": 0.3}
    dropouts |= {"word_dropout": 0.2, "channel_dropout": 0.3, "input_dropout": 0.2}
    ours = train("numpy", "labels", **form, **dropouts)
    assert ours == pytest.approx(train("torch", "labels", **form, **dropouts), abs=1e-10, rel=0)
    for name in dropouts if cell == "gru" else ():  # every one of them has an effect
        assert ours != pytest.approx(train("torch", "labels", **form, **{**dropouts, name: 0.0}), abs=1e-3), name


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize(
    "form", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_gradcheck_with_respect_to_inputs_parameters_and_entering_state(kind, cell, targets, form):
    data = dataset(targets)
    model = network(kind, data, cell=cell, hidden_size=2, **form)
    window = data.windows("train", 3, None)[1]
    given = torch.from_numpy(window.inputs[-4:])
    live = torch.from_numpy(~np.isnan(window.inputs[-4:]))
    live[0, 0] = live[3, 2] = False  # padding before and after
    chosen = torch.from_numpy(window.targets[-4:])
    names, parameters = zip(*model.named_parameters())
    state = tuple(torch.rand_like(part).requires_grad_() for part in model.initial_state(3))

    def window_of(x, *tensors):
        x = torch.where(live, x, NAN)
        score, after = torch.func.functional_call(
            model, dict(zip(names, tensors[len(state) :])), (x, chosen, tensors[: len(state)])
        )
        return score.loss, *after

    x = torch.where(live, given, 0.0).requires_grad_()
    points = [x, *state, *(p.detach().clone().requires_grad_() for p in parameters)]
    assert gradients_agree(window_of, points, cell, every_entry=kind == "numpy" and targets == "labels")


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_padded_batch_costs_what_its_sequences_cost_alone(kind, cell, targets, bidirectional):
    data = dataset(targets)
    model = network(kind, data, cell=cell, num_layers=2, bidirectional=bidirectional)
    costs, gradients = [], []
    for batch_size in (7, 3, 1):
        total = 0.0
        for window in data.windows("train", batch_size, None):
            inputs, chosen = CPU.tensors(window)
            total = total + model.score(inputs, chosen, model.initial_state(inputs.shape[1]))[0].loss
        costs.append(total.item())
        gradients.append(torch.autograd.grad(total, list(model.parameters())))
    assert costs == pytest.approx([costs[-1]] * 3, abs=1e-11, rel=0)
    for padded, alone in zip(gradients[0], gradients[-1]):
        assert torch.allclose(padded, alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_one_hot_vectors_give_the_losses_of_their_symbols(kind, num_layers):
    draw = torch.Generator().manual_seed(1)
    ids, targets = torch.randint(K, (2, 6, 5), generator=draw)
    ids[:2, 1], ids[3:, 2], targets[:2, 1], targets[3:, 2] = -1, -1, -100, -100
    vectors = torch.where(ids[..., None] < 0, NAN, torch.nn.functional.one_hot(ids.clamp(min=0), K).double())
    options = {**OPTIONS, "embedding_size": None, "num_layers": num_layers}
    results = []
    for inputs, real_inputs in ((ids, False), (vectors, True)):
        torch.manual_seed(0)
        model = KINDS[kind](K, K, **options, real_inputs=real_inputs).double()
        score, after = model.score(inputs, targets, model.initial_state(5))
        results.append((score.loss, *torch.autograd.grad(score.loss, list(model.parameters())), *after))
        results[-1] += (model.predict(inputs, model.initial_state(5))[0],)
    for symbols, as_vectors in zip(*results):
        assert torch.allclose(symbols, as_vectors, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_outputs_at_every_step_agree_at_padding_too(cell, bidirectional):
    data = dataset("labels")
    inputs = torch.rand(5, 3, D, dtype=torch.float64)
    inputs[:2, 0] = inputs[3:, 1] = inputs[:, 2] = NAN
    outputs = []
    for kind in ("numpy", "torch"):
        model = network(kind, data, cell=cell, bidirectional=bidirectional, num_layers=2)
        torch.manual_seed(1)
        state = tuple(torch.rand_like(part) for part in model.initial_state(3))
        log_probs, after = model.predict(inputs, state)
        outputs.append((log_probs, *after))
        assert all(torch.equal(a[:, 2], b[:, 2]) for a, b in zip(after, state))  # of the empty column
    for ours, theirs in zip(*outputs):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
        assert torch.isfinite(ours).all()


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_bidirectional_network_has_at_every_step_what_two_networks_read_from_both_ends(kind):
    data = dataset("labels")
    both = network(kind, data, bidirectional=True)
    weights = both.state_dict()
    inputs = torch.rand(6, 2, D, dtype=torch.float64)
    logits = 0.0
    for layer, part in (("layers", slice(0, 6)), ("reverse_layers", slice(6, 12))):
        single = network(kind, data)
        own = {name: weights[name.replace("layers", layer)] for name in single.state_dict() if name != "output.W"}
        single.load_state_dict({**own, "output.W": weights["output.W"][:, part], "output.b": weights["output.b"] / 2})
        x = inputs if layer == "layers" else inputs.flip(0)
        found = single.predict(x, single.initial_state(2))[0]
        logits = logits + (found if layer == "layers" else found.flip(0))  # log-probabilities but for a constant
    assert torch.allclose(both.predict(inputs, both.initial_state(2))[0], logits.log_softmax(2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_number_costs_its_squared_error_and_none_is_correct(kind):
    model = network(kind, dataset("numbers"), cell="gru")
    inputs, targets = torch.rand(5, 2, D, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64)
    targets[1, 0] = NAN
    predicted, _ = model.predict(inputs, model.initial_state(2))
    assert predicted.shape == (5, 2, 1)
    expected = np.nansum((predicted.detach()[..., 0].numpy() - targets.numpy()) ** 2)
    scored, _ = model.score(inputs, targets, model.initial_state(2))
    learned, _ = model.learn(inputs, targets, model.initial_state(2))
    assert scored.loss.item() == pytest.approx(expected, abs=1e-12)
    assert scored.loss.item() == (learned.loss if kind == "numpy" else learned.loss.item())
    assert {scored.nats, scored.correct, learned.nats, learned.correct} == {None}


def test_a_run_in_float32_reads_float64_vectors():
    window = Window(np.random.rand(4, 2, D), np.random.rand(4, 2), True, 8)
    for kind in ("numpy", "torch"):
        model = network(kind, dataset("numbers")).float()
        inputs, targets = Device(torch.device("cpu"), "float32").tensors(window)
        score, state = model.learn(inputs, targets, model.initial_state(2))
        assert {inputs.dtype, targets.dtype, *(part.dtype for part in state)} == {torch.float32}
        assert all(p.grad.dtype == torch.float32 for p in model.parameters())
        assert score.loss > 0


def test_a_vector_that_is_partly_nan_is_refused_and_one_that_is_nan_is_padding():
    inputs = np.zeros((2, 2, D))
    assert padding_steps(inputs) is None
    inputs[0, 1] = NAN
    assert padding_steps(inputs).tolist() == [[False, True], [False, False]]
    inputs[1, 1, 0] = NAN
    with pytest.raises(ValueError, match="NaN in some of its numbers"):
        padding_steps(inputs)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"embedding_size": 100}, "embedding_size=100 is for symbols, .* give model.embedding_size=null"),
        ({"tied": True}, "tied=true needs an embedding .* but the inputs of this data are vectors"),
        ({"loss": "cross_entropy"}, "loss=cross_entropy is for classes, .* give model.loss=squared_error"),
        ({"output": "logistic"}, "output=logistic is for classes"),
    ],
)
def test_options_for_symbols_and_classes_are_refused_with_the_line_to_type(options, part):
    with pytest.raises(ValueError, match=part):
        network("torch", dataset("numbers"), **options)
