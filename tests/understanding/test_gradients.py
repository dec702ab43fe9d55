"""Gradients through time: norms by lag, what truncation keeps, and the runner."""

import csv
import io
import math

import numpy as np
import pytest
import torch

from experiments.interfaces.data import IGNORE, PADDING, Window
from experiments.models.numpy.cells import CELLS
from experiments.tracking.memory import MemoryStore
from experiments.training.device import Device
from experiments.understanding.gradient_course import course_metrics
from experiments.understanding.gradient_figures import draw_norms
from experiments.understanding.lag_norms import (
    LagNorms,
    chosen_steps,
    factor_per_step,
    half_life,
    measure_lag_norms,
    part_names,
    state_gradients,
)
from experiments.understanding.passages import Passage, counted, live, read_passages
from experiments.understanding.truncated_gradient import compare_truncations, measure_costs, truncated_gradient

from ..models.networks import network, window

DEVICE = Device(torch.device("cpu"), "float64")
T, B = 8, 3
NETWORKS = [(kind, cell, layers) for kind in ("numpy", "torch") for cell in CELLS for layers in (1, 2)]


def passage_of(model, inputs, targets) -> Passage:
    """A window with a state that is not zero."""
    with torch.no_grad():
        _, state = model(*window(4, inputs.shape[1], seed=7), model.initial_state(inputs.shape[1]))
    return Passage(inputs, targets, state, counted(targets.numpy()), live(inputs.numpy()))


def loss_after(model, passage: Passage, state, first: int, last: int) -> torch.Tensor:
    """The loss of the last step alone, steps `first` to `last` read in one call from this state."""
    targets = passage.targets[first : last + 1].clone()
    targets[:-1] = IGNORE
    return model(passage.inputs[first : last + 1], targets, state)[0].loss


def state_before(model, passage: Passage, step: int):
    with torch.no_grad():
        return model(passage.inputs[:step], passage.targets[:step], passage.state)[1] if step else passage.state


@pytest.mark.parametrize(("kind", "cell", "layers"), NETWORKS)
def test_norms_are_those_of_a_leaf_state_read_in_one_call_and_of_finite_differences(kind, cell, layers):
    """One fused or hand-written call over k steps by autograd, and (f(+e) - f(-e)) / 2e."""
    model = network(kind, cell=cell, num_layers=layers).eval()
    passage = passage_of(model, *window(T, B))
    found = state_gradients(model, passage, DEVICE, [T - 1], T)[:, :, 0]
    assert found.shape == (len(part_names(passage.state)), T, B)
    for k in range(1, T + 1):
        leaf = tuple(part.clone().requires_grad_() for part in state_before(model, passage, T - k))
        gradients = torch.autograd.grad(loss_after(model, passage, leaf, T - k, T - 1), leaf)
        expected = norms_by_hand([part.numpy() for part in gradients])
        np.testing.assert_allclose(found[:, k - 1], expected, rtol=1e-10, atol=1e-15)
        if k in (1, 5):
            differences = finite_differences(model, passage, T - k)
            np.testing.assert_allclose(found[:, k - 1], norms_by_hand(differences), atol=1e-8)


def norms_by_hand(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Gradients (L, B, H) -> of each layer where there are several, of each part, of all parts where there are two."""
    layers = [np.sqrt((row**2).sum(axis=1)) for part in parts if len(part) > 1 for row in part]
    whole = [np.sqrt((part**2).sum(axis=(0, 2))) for part in parts]
    return [*layers, *whole, *([np.sqrt(whole[0] ** 2 + whole[1] ** 2)] if len(whole) > 1 else [])]


def finite_differences(model, passage: Passage, first: int) -> list[np.ndarray]:
    """Central differences of the last step's loss by each number of the state that enters step `first`."""
    state = state_before(model, passage, first)
    results = []
    for place, part in enumerate(state):
        slopes = np.empty(part.shape)
        for index in np.ndindex(*part.shape):
            values = []
            for sign in (1, -1):
                moved = [other.clone() for other in state]
                moved[place][index] += sign * 1e-5
                with torch.no_grad():
                    values.append(float(loss_after(model, passage, tuple(moved), first, T - 1)))
            slopes[index] = (values[0] - values[1]) / 2e-5
        results.append(slopes)
    return results


def test_a_tanh_network_by_a_plain_loop():
    """d loss / d h_(t-k) = J_(t-k+1)' ... J_t' W_out' (p - y), written out in NumPy."""
    model = network("torch", cell="tanh").eval()
    passage = passage_of(model, *window(T, B))
    p = {name: W.detach().numpy() for name, W in model.named_parameters()}
    h, hidden = passage.state[0][0].numpy(), []
    for t in range(T):
        x = p["embedding.W"][passage.inputs[t]]
        h = np.tanh(x @ p["layers.0.W_ih"].T + p["layers.0.b_ih"] + h @ p["layers.0.W_hh"].T + p["layers.0.b_hh"])
        hidden.append(h)
    z = np.exp(h @ p["output.W"].T + p["output.b"])
    d_h = (z / z.sum(axis=1, keepdims=True) - np.eye(5)[passage.targets[-1]]) @ p["output.W"]
    by_hand = []
    for t in reversed(range(T)):
        d_h = (d_h * (1 - hidden[t] ** 2)) @ p["layers.0.W_hh"]
        by_hand.append(np.sqrt((d_h**2).sum(axis=1)))
    found = measure_lag_norms(model, [passage], DEVICE, 1, T)
    assert found.names == ["h"]
    np.testing.assert_allclose(found.means[0], np.mean(by_hand, axis=1), rtol=1e-10)
    assert found.counts.tolist() == [B] * T


@pytest.mark.parametrize("cell", CELLS)
def test_numpy_and_torch_agree(cell):
    numpy, torch_ = (network(kind, cell=cell, num_layers=2).eval() for kind in ("numpy", "torch"))
    passages = [passage_of(model, *window(12, B)) for model in (numpy, torch_)]
    means = [measure_lag_norms(m, [p], DEVICE, 5, 6).means for m, p in zip((numpy, torch_), passages)]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-10, atol=1e-15)
    kept = [[*compare_truncations(m, [p], DEVICE, [1, 3, 12])] for m, p in zip((numpy, torch_), passages)]
    np.testing.assert_allclose(kept[0], kept[1], rtol=1e-8, atol=1e-10)


def test_means_are_over_steps_columns_and_passages_each_with_its_own_past():
    model = network("torch", cell="gru").eval()
    passages = [passage_of(model, *window(T, B, seed=seed)) for seed in (1, 2)]
    passages[0].targets[5, 1] = IGNORE
    passages[0].counts[5, 1] = False
    found = measure_lag_norms(model, passages, DEVICE, 100, 4)
    steps = range(3, T)
    each = [state_gradients(model, p, DEVICE, [t], 4)[0, :, 0, b] for p in passages for t in steps for b in range(B)]
    each = [norms for norms in each if not np.isnan(norms).any()]
    assert found.counts.tolist() == [2 * 5 * B - 1] * 4
    np.testing.assert_allclose(found.means[0], np.mean(each, axis=0), rtol=1e-12)


def test_a_label_at_the_end_counts_the_steps_of_its_own_sequence():
    """Padding passes the state, and a short sequence has no longer lags."""
    model = network("numpy", cell="lstm").eval()
    inputs, targets = window(T, 2)
    inputs[:5, 1] = PADDING
    targets[:-1] = IGNORE
    passage = passage_of(model, inputs, targets)
    assert chosen_steps(passage.counts, 10, T) == [T - 1]
    found = measure_lag_norms(model, [passage], DEVICE, 10, T)
    assert found.counts.tolist() == [2, 2, 2, 1, 1, 1, 1, 1]
    alone = Passage(
        *(part[-3:, 1:] for part in passage[:2]),
        tuple(s[:, 1:] for s in passage.state),
        *(part[-3:, 1:] for part in passage[3:]),
    )
    other = state_gradients(model, passage, DEVICE, [T - 1], T)[:, :3, 0, 1]
    np.testing.assert_allclose(other, state_gradients(model, alone, DEVICE, [2], 3)[:, :, 0, 0], rtol=1e-12)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_vectors_and_numbers_as_targets(kind):
    """A network over vectors with one number to predict at some steps, NaN where there is none."""
    options = {"embedding_size": None, "real_inputs": True, "real_targets": True, "loss": "squared_error"}
    model = network(kind, cell="gru", num_outputs=1, **options).eval()
    draw = np.random.default_rng(0)
    inputs, targets = draw.normal(size=(T, B, 5)), draw.normal(size=(T, B))
    targets[:-2], targets[-1, 0] = np.nan, np.nan
    state = model.initial_state(B)
    passage = Passage(*map(torch.from_numpy, (inputs, targets)), state, counted(targets), live(inputs))
    found = measure_lag_norms(model, [passage], DEVICE, 10, 3)
    assert found.counts.tolist() == [2 * B - 1] * 3
    norms = []
    for t, columns in ((T - 2, [0, 1, 2]), (T - 1, [1, 2])):
        leaf = tuple(part.clone().requires_grad_() for part in state_before(model, passage, t - 2))
        targets_of_last = passage.targets[t - 2 : t + 1].clone()
        targets_of_last[:-1] = torch.nan
        loss = model(passage.inputs[t - 2 : t + 1], targets_of_last, leaf)[0].loss
        (gradient,) = torch.autograd.grad(loss, leaf)
        norms += gradient[0].norm(dim=1)[columns].tolist()
    assert found.means[0, 2] == pytest.approx(np.mean(norms), rel=1e-10)
    short, whole = compare_truncations(model, [passage], DEVICE, [1, T])
    assert short.error > 0.01
    assert whole.error < 1e-12


@pytest.mark.parametrize("ratio", [0.5, 0.9, 0.3])
def test_half_life_of_an_exponential_decay(ratio):
    norms = 7.0 * ratio ** np.arange(30)
    assert half_life(norms) == pytest.approx(math.log(0.5) / math.log(ratio))
    assert factor_per_step(norms) == pytest.approx(ratio)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("means", [[1.0, 1e200, math.inf], [math.inf, math.inf], [0.0, 0.0]])
def test_norms_that_overflow_or_are_all_zero_can_be_drawn(means):
    norms = LagNorms(["h"], np.array([means]), np.ones(len(means), int))
    draw_norms(norms, "exploding").savefig(io.BytesIO())
    assert all(map(math.isfinite, course_metrics(norms).values()))


def test_half_life_of_other_courses():
    assert half_life(np.array([1.0, 3.0, 9.0])) == math.inf
    assert half_life(np.array([1.0, 3.0, 0.75, 0.25])) == pytest.approx(2 + math.log(1.5) / math.log(3))
    assert half_life(np.array([1.0, 0.0, 0.0])) == 1.0
    assert half_life(np.array([np.nan, np.nan])) == math.inf
    assert factor_per_step(np.array([1.0, 3.0, 9.0])) == pytest.approx(3.0)


def weights_with_autograd(model, passage: Passage, truncation: int) -> dict[str, np.ndarray]:
    """The gradient of the second half's losses in one graph, in which states are detached by hand."""
    state, loss = passage.state, torch.zeros((), dtype=torch.float64)
    for t in range(T):
        if (T - t) % truncation == 0:
            state = tuple(part.detach() for part in state)
        score, state = model(passage.inputs[t : t + 1], passage.targets[t : t + 1], state)
        loss = loss + (score.loss if t >= T // 2 else 0.0)
    names, weights = zip(*model.named_parameters())
    return {name: d.flatten().numpy() for name, d in zip(names, torch.autograd.grad(loss, weights))}


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_truncated_gradient_is_that_of_a_graph_cut_by_hand(kind):
    model = network(kind, cell="lstm").eval()
    passage = passage_of(model, *window(T, B))
    reference = weights_with_autograd(model, passage, T)
    for kept in compare_truncations(model, [passage], DEVICE, [1, 3, T]):
        by_hand = weights_with_autograd(model, passage, kept.truncation)
        found = truncated_gradient(model, [passage], DEVICE, kept.truncation)
        for name, gradient in by_hand.items():
            np.testing.assert_allclose(found[name], gradient, rtol=1e-9, atol=1e-12)
        one, other = by_hand["layers.0.W_hh"], reference["layers.0.W_hh"]
        assert kept.recurrent_error == pytest.approx(np.linalg.norm(one - other) / np.linalg.norm(other), abs=1e-9)
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert kept.recurrent_cosine == pytest.approx(cosine, abs=1e-9)
    assert kept.error < 1e-12
    assert kept.cosine == pytest.approx(1.0)
    assert all(W.grad is None for W in model.parameters())


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_longer_window_needs_more_memory(kind):
    model = network(kind, cell="gru", hidden_size=20).eval()
    passage = passage_of(model, *window(60, B))
    short, long = measure_costs(model, passage, DEVICE, [5, 50])
    assert 4 < long.mebibytes / short.mebibytes < 12
    assert min(short.milliseconds, long.milliseconds) > 0
    assert not model.training


def test_passages_follow_each_other_with_the_state_of_all_that_was_read():
    model = network("torch", cell="gru").eval()
    inputs, targets = (part.numpy() for part in window(10, 2))
    pieces = [slice(0, 4), slice(4, 8), slice(8, 10)]
    windows = [Window(inputs[at], targets[at], at.start == 0, targets[at].size) for at in pieces]
    checks = []
    (found,) = read_passages(model, windows, DEVICE, 5, lambda: checks.append(1))
    assert found.inputs.tolist() == inputs[4:8].tolist()  # after the first, without the short end
    with torch.no_grad():
        _, state = model(*(torch.from_numpy(part[:4]) for part in (inputs, targets)), model.initial_state(2))
    assert torch.equal(found.state[0], state[0])
    assert len(checks) == 3
    (found,) = read_passages(model, [windows[0], windows[2]], DEVICE, 5, lambda: None)
    assert found.inputs.tolist() == inputs[:4].tolist()  # it stays where the rest is too short for the lags


SMALL = ("data=string", "precision=float64", "threads=1", "epochs=30", "optimizer.lr=0.01", "model.hidden_size=24")


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_after_training_the_tanh_network_forgets_faster_than_the_lstm(command, train):
    """From the command line: tables, pictures and CSV as artifacts, at the start and after training."""
    rnn, lstm = (train(f"model={name}", *SMALL) for name in ("torch_rnn", "torch_lstm"))
    outcome = command(
        "runner=gradients",
        f"checkpoint={rnn.folder}",
        f"runner.others=[{lstm.folder}]",
        "runner.truncations=[5,20,50]",
        "tracker=memory",
    )
    assert outcome.code == 0, outcome.error
    run = MemoryStore.ended[-1]
    names = {"gradients.txt", "gradient_norms.csv", "truncations.csv", "gradient_norms.png", "truncations.png"}
    assert names <= {path.name for path in run.folder.iterdir()}
    lives = {}
    rows = rows_of(run.folder / "gradient_norms.csv")
    for name, part in (("torch_rnn", "h"), ("torch_lstm", "c")):
        for weights in ("start", "trained"):
            mine = [row for row in rows if (row["network"], row["weights"], row["state"]) == (name, weights, part)]
            assert [int(row["lag"]) for row in mine] == [*range(1, 25)]
            lives[name, weights] = half_life(np.array([float(row["norm"]) for row in mine]))
    assert lives["torch_rnn", "trained"] < lives["torch_lstm", "trained"]
    kept = rows_of(run.folder / "truncations.csv")
    assert [int(row["truncation"]) for row in kept] == [5, 20] * 4  # 50 is longer than half of the string
    assert "half-life" in outcome.out
    assert f"{lives['torch_lstm', 'trained']:.1f}" in outcome.out


def test_without_a_checkpoint_the_start_is_that_of_training(command, train):
    """The same numbers as those of a run's start, whatever seed is typed with its checkpoint."""
    trained = train("model=numpy_gru", *SMALL, "epochs=1", "seed=5")
    texts = []
    for arguments in ((f"checkpoint={trained.folder}",), ("model=numpy_gru", *SMALL, "seed=5")):
        assert command("runner=gradients", "runner.truncations=[20]", *arguments, "tracker=memory").code == 0
        rows = rows_of(MemoryStore.ended[-1].folder / "gradient_norms.csv")
        texts.append([row for row in rows if row["weights"] == "start"])
    assert texts[0] == texts[1]
    assert len(texts[0]) == 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model=ngram",), "ngram has no hidden state through which a gradient travels: give model=torch_lstm"),
        (("runner.truncations=[0]",), "truncations must be numbers of at least 1, got [0]"),
        (("runner.lags=1",), "lags must be at least 2, got 1"),
        (("runner.split=valid",), "runner.split=valid is not in this dataset; it has train"),
        (("runner.others=[nowhere]",), "checkpoint: "),
    ],
)
def test_what_cannot_be_measured_is_refused_without_a_run(command, arguments, message):
    before = len(MemoryStore.ended)
    outcome = command("runner=gradients", *arguments, "tracker=memory")
    assert outcome.code != 0
    assert message in outcome.error
    assert len(MemoryStore.ended) == before


def test_a_pooled_network_is_refused_and_one_that_reads_to_the_label_is_measured(command, reviews):
    data = (
        "data=imdb",
        f"data.path={reviews}",
        "data.vocabulary_size=30",
        "batch_size=8",
        "tracker=memory",
        "threads=1",
    )
    refused = command("runner=gradients", *data, "model.bidirectional=true")
    assert refused.code != 0
    assert "torch_lstm reads whole sequences at once (bidirectional or pooled)" in refused.error
    measured = command("runner=gradients", *data, "model.bidirectional=false", "truncation=null")
    assert measured.code == 0, measured.error
    assert "half-life" in measured.out
