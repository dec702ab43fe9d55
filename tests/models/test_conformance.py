"""What holds for every model in conf/model: a new one is tested by existing."""

import functools
import math

import hydra
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from experiments.cli import register_resolvers
from experiments.config.binding import Bound, bind
from experiments.config.composition import resolve
from experiments.config.paths import HOME
from experiments.experiment import late_arguments
from experiments.interfaces.data import Window
from experiments.interfaces.model import CountedModel, Model
from experiments.training.metrics import Metrics

MODELS = sorted(path.stem for path in (HOME / "conf" / "model").glob("[!_]*.yaml"))
SYMBOLS = 7


@functools.cache
def bound(name: str) -> Bound:
    with initialize_config_dir(str(HOME / "conf"), version_base="1.3"):
        register_resolvers()
        cfg = compose("config", [f"model={name}"])
    hydra.core.global_hydra.GlobalHydra.instance().clear()
    return bind(resolve(cfg), "model", late_arguments(resolve(cfg), "model"))


def build(name: str) -> Model:
    torch.manual_seed(0)
    return bound(name).build(num_inputs=SYMBOLS, num_outputs=SYMBOLS).double()


@pytest.fixture(params=MODELS, scope="module")
def model(request):
    model = build(request.param)
    if isinstance(model, CountedModel):
        draw = np.random.default_rng(0)
        batches = [draw.integers(SYMBOLS, size=(2, 9, 20)) for _ in range(4)]
        model.fit([Window(inputs, targets, True, targets.size) for inputs, targets in batches])
    return model


@pytest.fixture
def language_model(model):
    if model.labels_only:
        pytest.skip("gives one label to a whole sequence")
    if model.reads_both_sides:
        pytest.skip("does not say what comes next, see test_word_vectors.py")
    return model


@pytest.fixture
def predicting_model(model):
    if model.reads_both_sides:
        pytest.skip("does not say what comes next, see test_word_vectors.py")
    return model


@pytest.fixture
def symbols():
    return torch.randint(SYMBOLS, (2, 6, 3), generator=torch.Generator().manual_seed(0)).unbind()


def test_probabilities_sum_to_one(predicting_model, symbols):
    model = predicting_model
    log_probs, _ = model.predict(symbols[0], model.initial_state(3))
    assert log_probs.shape == (6, 3, SYMBOLS)
    assert torch.allclose(log_probs.exp().sum(dim=2), torch.ones(6, 3, dtype=torch.float64))


def test_the_score_is_the_sum_of_the_predicted_log_probabilities(predicting_model, symbols):
    model, (inputs, targets) = predicting_model, symbols
    log_probs, _ = model.predict(inputs, model.initial_state(3))
    score, _ = model.score(inputs, targets, model.initial_state(3))
    assert score.nats.item() == pytest.approx(-log_probs.gather(2, targets[:, :, None]).sum().item(), abs=1e-10)
    assert int(score.correct) == (log_probs.argmax(dim=2) == targets).sum().item()


def test_a_carried_state_makes_windows_add_up_to_the_whole(language_model, symbols):
    model = language_model
    inputs, targets = symbols
    whole, last = model.score(inputs, targets, model.initial_state(3))
    first, state = model.score(inputs[:2], targets[:2], model.initial_state(3))
    second, state = model.score(inputs[2:], targets[2:], state)
    assert (first.loss + second.loss).item() == pytest.approx(whole.loss.item(), abs=1e-10)
    for ours, theirs in zip(state, last):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_no_output_depends_on_what_comes_after_it(language_model, symbols):
    model = language_model
    inputs, _ = symbols
    changed = inputs.clone()
    changed[4:] = (changed[4:] + 1) % SYMBOLS
    before, after = (model.predict(ids, model.initial_state(3))[0] for ids in (inputs, changed))
    assert torch.allclose(before[:4], after[:4], rtol=0, atol=1e-12)


def test_ignored_targets_cost_nothing(language_model, symbols):
    model = language_model
    inputs, targets = symbols
    without = targets.clone()
    without[3:] = -100
    part, _ = model.score(inputs, without, model.initial_state(3))
    first, _ = model.score(inputs[:3], targets[:3], model.initial_state(3))
    assert part.loss.item() == pytest.approx(first.loss.item(), abs=1e-10)
    assert int(part.correct) == int(first.correct)


@pytest.mark.parametrize("name", MODELS)
def test_the_uniform_model_has_perplexity_k(name, symbols):
    model, (inputs, targets) = build(name), symbols  # one that counts has counted nothing
    if model.reads_both_sides:
        model.eval().loss = "softmax"  # by default it is negative sampling, which has no likelihood
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    tally = Metrics()
    tally.update(model.score(inputs, targets, model.initial_state(3))[0], inputs.numel())
    assert tally.compute()["perplexity"] == pytest.approx(SYMBOLS, abs=1e-12)
    assert tally.compute()["bits_per_symbol"] == pytest.approx(math.log2(SYMBOLS), abs=1e-12)


def test_the_same_seed_builds_the_same_model():
    for name in MODELS:
        one, other = build(name), build(name)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


def test_numpy_and_torch_networks_share_names_shapes_and_initial_values():
    for cell in ("rnn", "lstm", "gru"):
        ours, theirs = build(f"numpy_{cell}").state_dict(), build(f"torch_{cell}").state_dict()
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_model_can_be_built_without_memory():
    with torch.device("meta"):
        assert all(p.is_meta for name in MODELS for p in build(name).parameters())
