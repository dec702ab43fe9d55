"""A pass step by step, against the model's own gradients and against autograd through every step."""

import itertools
import math

import numpy as np
import pytest
import torch

from experiments.interfaces.data import IGNORE
from experiments.understanding.step_trace import learned_gradients, trace_steps
from experiments.understanding.trace_text import Form, Step, array_lines, gap_between, trace_parts, trace_rows

from ..models.networks import KINDS, SYMBOLS, network, window
from .test_states import CELLS, DEVICE, twin_of

T = 6
FORMS = [
    {},
    {"embedding_size": None, "bias": "single"},
    {"num_layers": 2, "tied": True},
    {"embedding_size": None, "loss": "squared_error"},
    {"pooling": "mean_max"},
]


def traced(kind: str, cell: str, **form):
    model = network(kind, cell=cell, **form).eval()
    inputs, targets = window(T, 1)
    targets = targets.clone()
    targets[1] = IGNORE
    if form.get("pooling"):
        targets[:-1] = IGNORE
    with torch.no_grad():
        state = model(*window(3, 1, seed=9), model.initial_state(1))[1]
    trace = trace_steps(twin_of(model, kind, cell=cell, **form), inputs, targets, state)
    return model, trace, (inputs, targets, state)


def values(trace, phase: str, place: str, name: str) -> dict[int, np.ndarray]:
    """Step -> value."""
    found = getattr(trace, phase)
    return {q.step: q.value for q in found if (q.place, q.name) == (place, name)}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("kind", "cell"), [*itertools.product(KINDS, CELLS)])
def test_the_sums_over_steps_are_what_the_model_learns(kind, cell, form):
    model, trace, arguments = traced(kind, cell, **form)
    loss, learned = learned_gradients(model, DEVICE, *arguments)
    assert gap_between(trace.gradients, learned) < 1e-10
    assert trace.gradients.keys() == learned.keys() == {name for name, _ in model.named_parameters()}
    losses = values(trace, "forward", "output", "loss")
    assert [*losses] == [t for t in range(T) if arguments[1][t] != IGNORE]
    assert math.isclose(sum(map(float, losses.values())), loss, rel_tol=1e-12)
    for name in learned:
        place, _, weight = name.rpartition(".")
        steps = values(trace, "backward", place, f"d_{weight}")
        assert [*steps] == [*reversed(range(T))]
        np.testing.assert_allclose(sum(steps.values()), learned[name], atol=1e-10)


def by_autograd(model, inputs, targets, state):
    """One-step calls of torch's network, with weights and a state of its own for each step."""
    own = [{name: W.detach().clone().requires_grad_() for name, W in model.named_parameters()} for _ in range(T)]
    total, states = torch.zeros((), dtype=torch.float64), []
    for t in range(T):
        arguments = (inputs[t : t + 1], targets[t : t + 1], state)
        score, state = torch.func.functional_call(model, own[t], arguments)
        for part in state:
            part.retain_grad()
        states.append(state)
        total = total + score.loss
    total.backward()
    return [{name: W.grad for name, W in each.items()} for each in own], states


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
def test_each_steps_gradients_are_those_of_autograd_with_weights_of_its_own_for_each_step(cell, kind):
    _, trace, arguments = traced(kind, cell, num_layers=2)
    weights, states = by_autograd(network("torch", cell=cell, num_layers=2).eval(), *arguments)
    for t, name in itertools.product(range(T), weights[0]):
        place, _, weight = name.rpartition(".")
        found, expected = values(trace, "backward", place, f"d_{weight}")[t], weights[t][name]
        expected = np.zeros_like(found) if expected is None else expected.numpy()
        np.testing.assert_allclose(found, expected, atol=1e-12)
    for t in range(T - 1):  # torch's gradient of h after the step: all that comes from the next step
        for layer in range(2):
            found = [values(trace, "backward", f"layers.{layer}", f"d_{part} from the next step") for part in "hc"]
            for steps, part in zip(found, states[t]):
                np.testing.assert_allclose(steps[t], part.grad[layer, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_an_lstm_fit_together(kind):
    model, trace, (inputs, targets, state) = traced(kind, "lstm", embedding_size=None)
    of = {name: values(trace, "forward", "layers.0", name) for name in ("z_i", "i", "f", "g", "o", "c", "h")}
    before = {name: values(trace, "forward", "layers.0", f"{name} before") for name in "hc"}
    p, logits = (values(trace, "forward", "output", name) for name in ("p", "logits"))
    _, after = model.predict(inputs[:1], state)
    np.testing.assert_allclose(of["h"][0], after[0][0, 0].detach(), atol=1e-12)
    np.testing.assert_allclose(of["c"][0], after[1][0, 0].detach(), atol=1e-12)
    log_probs = model.predict(inputs, state)[0].detach().numpy()[:, 0]
    d_c, d_next, f = (
        values(trace, "backward", "layers.0", "d_c"),
        values(trace, "backward", "layers.0", "d_c from the next step"),
        of["f"],
    )
    for t in range(T):
        np.testing.assert_allclose(of["i"][t], 1 / (1 + np.exp(-of["z_i"][t])), atol=1e-14)
        np.testing.assert_allclose(of["c"][t], f[t] * before["c"][t] + of["i"][t] * of["g"][t], atol=1e-14)
        np.testing.assert_allclose(p[t], np.exp(log_probs[t]), atol=1e-12)
        np.testing.assert_allclose(p[t], np.exp(logits[t]) / np.exp(logits[t]).sum(), atol=1e-14)
        one_hot = np.eye(SYMBOLS)[targets[t, 0]] if targets[t, 0] != IGNORE else p[t]
        np.testing.assert_allclose(values(trace, "backward", "output", "d_logits")[t], p[t] - one_hot, atol=1e-14)
        if t:
            np.testing.assert_array_equal(before["h"][t], of["h"][t - 1])
            np.testing.assert_allclose(d_next[t - 1], d_c[t] * f[t], atol=1e-14)
    assert (d_next[T - 1] == 0).all()


def test_the_text_has_every_step_and_abbreviates_large_arrays():
    _, trace, _ = traced("numpy", "gru")
    steps = [Step(f"'{k}'", None if k == 1 else "'x'") for k in range(T)]
    lines = [*trace_parts(trace, steps, Form(digits=3, most=5, values=True))]
    assert "\nstep 2 of 6: reads '1', no target" in lines
    assert sum(line.startswith("\nstep") for line in lines) == 2 * T
    assert any(line.split()[0] == "d_W_hh" and "norm" in line for line in lines if line.strip())
    only_shapes = [*trace_parts(trace, steps, Form(digits=3, most=5, values=False))]
    assert not any("[" in line for line in only_shapes)
    form = Form(digits=2, most=4, values=True)
    assert [*array_lines("x", np.arange(4.0), form)] == ["x  (4)       [ 0.00  1.00  2.00  3.00]"]
    (line,) = array_lines("x", np.arange(10.0), form)
    assert line == "x  (10)      [ 0.00  1.00  2.00  ...   7.00  8.00  9.00]  norm 16.88"
    assert len([*array_lines("x", np.zeros((3, 2)), form)]) == 3


def test_rows_hold_every_number():
    _, trace, _ = traced("torch", "lstm")
    steps = [Step("a", "b")] * T
    rows = [*trace_rows(trace, steps)]
    assert len(rows) == sum(q.value.size for q in [*trace.forward, *trace.backward])
    (row,) = [r for r in rows if r["quantity"] == "d_W_hh" and r["step"] == 2 and r["index"] == "3 1"]
    assert row["value"] == values(trace, "backward", "layers.0", "d_W_hh")[2][3, 1]
