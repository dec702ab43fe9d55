"""Gates, cells and outputs as the layers hold them, saturation, and what units follow."""

import itertools
import math

import numpy as np
import pytest
import torch

from experiments.config.binding import Bound
from experiments.config.errors import ConfigError
from experiments.interfaces.data import PADDING, Window
from experiments.training.device import Device
from experiments.understanding.following import following_rows, following_table, strongest
from experiments.understanding.numpy_layers import REVERSE, in_numpy, largest_difference, read_window
from experiments.understanding.saturation import saturation_rows, saturation_table
from experiments.understanding.state_study import Recording, record, varying_units, windows_read
from experiments.understanding.text_properties import properties_of

from ..models.networks import KINDS, OPTIONS, SYMBOLS, network, window

DEVICE = Device(torch.device("cpu"), "float64")
CELLS = ("tanh", "relu", "lstm", "gru")
T, B = 9, 3
FORMS = [
    {},
    {"num_layers": 2},
    {"bias": "single"},
    {"embedding_size": None},
    {"num_layers": 2, "bidirectional": True, "labelled_steps": True},
    {"pooling": "mean_max", "num_layers": 2, "bidirectional": True},
]


class Symbols:
    """What `in_numpy` asks of a dataset."""

    num_inputs = num_outputs = SYMBOLS
    sentence_end, real_inputs, real_targets = None, False, False

    def __init__(self, labelled_steps: bool = False):
        self.labelled_steps = labelled_steps


def twin_of(model, kind: str, **options):
    steps = options.pop("labelled_steps", False)
    return in_numpy(model, Bound("model", KINDS[kind], {**OPTIONS, **options}), Symbols(steps), kind)


def random_state(model):
    generator = torch.Generator().manual_seed(3)
    return tuple(
        torch.randn(part.shape, generator=generator, dtype=part.dtype) * 0.3 if part.shape[-1] == 6 else part
        for part in model.initial_state(B)
    )


def by_formula(cell: str, p: dict[str, np.ndarray], x: np.ndarray, state: list[np.ndarray]):
    """One step as the papers write it, gate by gate -> quantity: (B, H)."""
    h, H = state[0], len(p["W_hh"][0])

    def affine(side: str, v: np.ndarray, k: int) -> np.ndarray:
        rows = slice(k * H, (k + 1) * H)
        return v @ p[f"W_{side}"][rows].T + (p[f"b_{side}"][rows] if f"b_{side}" in p else 0.0)

    def both(k: int) -> np.ndarray:
        return affine("ih", x, k) + affine("hh", h, k)

    def logistic(v: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-v))

    if cell == "lstm":
        i, f, g, o = logistic(both(0)), logistic(both(1)), np.tanh(both(2)), logistic(both(3))
        c = f * state[1] + i * g
        return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * np.tanh(c)}
    if cell == "gru":
        r, z = logistic(both(0)), logistic(both(1))
        n = np.tanh(affine("ih", x, 2) + r * affine("hh", h, 2))
        return {"r": r, "z": z, "n": n, "h": (1 - z) * n + z * h}
    return {"h": np.tanh(both(0)) if cell == "tanh" else np.maximum(both(0), 0.0)}


def layer_by_formula(cell, model, prefix, x, state):
    """x (T, B, in) -> quantity: (T, B, H)."""
    p = {n.removeprefix(prefix): W.detach().numpy() for n, W in model.named_parameters() if n.startswith(prefix)}
    steps = []
    for t in range(len(x)):
        steps.append(by_formula(cell, p, x[t], state))
        state = [steps[-1]["h"], *([steps[-1]["c"]] if cell == "lstm" else [])]
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("kind", "cell"), [*itertools.product(KINDS, CELLS)])
def test_gates_and_states_are_those_of_the_formulas_and_of_the_model(kind, cell, form):
    model = network(kind, cell=cell, **form).eval()
    inputs, _ = window(T, B)
    state = random_state(model)
    reading = read_window(twin_of(model, kind, cell=cell, **form), inputs, state)
    W = None if model.embedding is None else model.embedding.W.detach().numpy()
    x = np.eye(SYMBOLS)[inputs.numpy()] if W is None else W[inputs.numpy()]
    values, row = iter(reading.layers), 0
    for depth in range(model.num_layers):
        outputs = []
        for prefix in ["layers", "reverse_layers"][: 1 + model.bidirectional]:
            order = slice(None, None, -1 if prefix != "layers" else 1)
            entering = [part[row].numpy() for part in state[: 1 + (cell == "lstm")]]
            expected = layer_by_formula(cell, model, f"{prefix}.{depth}.", x[order], entering)
            found, row = next(values), row + 1
            assert (found.layer, found.direction) == (depth + 1, "forward" if prefix == "layers" else "reverse")
            assert [*found.values] == [*expected]
            for name, value in expected.items():
                np.testing.assert_allclose(found.values[name], value[order], atol=1e-12)
            outputs.append(expected["h"][order])
        x = np.concatenate(outputs, axis=2)
    assert next(values, None) is None
    assert largest_difference(model, DEVICE, inputs, state, reading) < 1e-10


@pytest.mark.parametrize("cell", CELLS)
def test_the_hidden_outputs_are_those_of_torch_at_every_step(cell):
    model = network("torch", cell=cell, num_layers=2).eval()
    inputs, _ = window(T, B)
    reading = read_window(twin_of(model, "torch", cell=cell, num_layers=2), inputs, model.initial_state(B))
    state = model.initial_state(B)
    for t in range(T):
        _, state = model.predict(inputs[t : t + 1], state)
        for layer in range(2):
            for name, part in zip(("h", "c"), state):
                found = reading.layers[layer].values[name][t]
                np.testing.assert_allclose(found, part[layer].detach().numpy(), atol=1e-12)


def test_a_difference_is_found():
    model = network("torch").eval()
    twin = twin_of(model, "torch")
    inputs, _ = window(T, B)
    with torch.no_grad():
        twin.layers[0].W_hh[0, 0] += 0.5
    state = model.initial_state(B)
    assert largest_difference(model, DEVICE, inputs, state, read_window(twin, inputs, state)) > 1e-4


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_has_no_values_and_is_left_out_of_a_recording(bidirectional):
    form = {"bidirectional": bidirectional, "labelled_steps": bidirectional}
    model = network("torch", **form).eval()
    twin = twin_of(model, "torch", **form)
    ids, _ = window(T, 1)
    padded = torch.cat([torch.full((2, 1), PADDING), ids])
    plain = read_window(twin, ids, model.initial_state(1))
    found = read_window(twin, padded, model.initial_state(1))
    for one, other in zip(plain.layers, found.layers):
        for name in one.values:
            assert np.isnan(other.values[name][:2]).all()
            np.testing.assert_array_equal(other.values[name][2:], one.values[name])
    assert largest_difference(model, DEVICE, padded, model.initial_state(1), found) < 1e-10
    windows = [Window(padded.numpy(), padded.numpy(), True, T)]
    recording = record(model, twin, DEVICE, windows, lambda: None)
    assert recording.inputs.tolist() == ids[:, 0].tolist()
    np.testing.assert_array_equal(recording.layers[-1].values["h"], plain.layers[-1].values["h"][:, 0])


def test_a_recording_carries_the_state_as_the_windows_say():
    model = network("torch").eval()
    twin = twin_of(model, "torch")
    ids = window(12, 1)[0].numpy()
    parts = [Window(ids[k : k + 4], ids[k : k + 4], k == 0, 4) for k in (0, 4, 8)]
    whole = record(model, twin, DEVICE, [Window(ids, ids, True, 12)], lambda: None)
    carried = record(model, twin, DEVICE, parts, lambda: None)
    assert carried.starts == [0]
    assert carried.difference < 1e-10
    for name, values in whole.layers[0].values.items():
        np.testing.assert_allclose(carried.layers[0].values[name], values, atol=1e-14)
    again = record(model, twin, DEVICE, [part._replace(starts=True) for part in parts], lambda: None)
    assert again.starts == [0, 4, 8]
    assert [len(w.inputs) for w in windows_read(parts, 5, 1)] == [4, 4]
    assert [len(w.inputs) for w in windows_read(parts, 5, 3)] == [4, 4, 4]


def test_other_models_are_refused():
    with pytest.raises(ConfigError, match="ngram has no recurrent layers to look into: give model=torch_lstm"):
        in_numpy(torch.nn.Linear(1, 1), Bound("model", KINDS["torch"], OPTIONS), Symbols(), "ngram")


def a_recording(**values) -> Recording:
    model = network("torch").eval()
    layer = read_window(twin_of(model, "torch"), window(2, 1)[0], model.initial_state(1)).layers[0]
    steps = len(next(iter(values.values())))
    return Recording(np.zeros(steps, int), [0], [layer._replace(values=values)], 0.0)


def test_shares_of_saturation_are_counted():
    f = np.array([[0.05, 0.5], [0.95, 0.5], [0.02, 0.91], [0.5, 0.9]])
    c = np.arctanh([[0.95, 0.0], [0.95, 0.0], [-0.95, 0.0], [0.95, 0.0]])
    rows = {(r["quantity"], r["unit"]): r for r in saturation_rows(a_recording(f=f, c=c, h=f), 0.9, False)}
    assert [(rows["f", k]["below"], rows["f", k]["above"]) for k in (0, 1)] == [(0.5, 0.25), (0.0, 0.25)]
    assert [(rows["tanh c", k]["below"], rows["tanh c", k]["above"]) for k in (0, 1)] == [(0.25, 0.75), (0.0, 0.0)]
    assert ("h", 0) not in rows
    assert "12.5%" in saturation_table([*rows.values()], 0.9)  # of tanh c


def test_of_a_simple_cell_h_is_measured_and_of_a_rectifier_nothing():
    h = np.array([[0.95], [-0.95], [0.0], [-0.99]])
    (row,) = saturation_rows(a_recording(h=h), 0.9, False)
    assert (row["quantity"], row["below"], row["above"]) == ("h", 0.5, 0.25)
    assert [*saturation_rows(a_recording(h=h), 0.9, True)] == []


def test_units_that_vary_most_come_first():
    h = np.array([[0.0, 1.0, 0.3], [0.0, -1.0, -0.3]])
    assert varying_units(a_recording(h=h).layers, 2) == [[1, 2]]


def test_properties_of_a_text():
    found = properties_of([*'AB:\nsay "it is so" (or not)\nC:\n', *"and (so) on\n" * 3])
    text = 'AB:\nsay "it is so" (or not)\nC:\n' + "and (so) on\n" * 3
    assert found["position in the line"][:7].tolist() == [1, 2, 3, 0, 1, 2, 3]
    assert found["position in the word"][4:9].tolist() == [1, 2, 3, 0, 1]
    quoted = "".join(c for c, on in zip(text, found["inside quotes"]) if on)
    assert quoted == '"it is so'
    assert "".join(c for c, on in zip(text, found["inside brackets"]) if on).startswith("(or not(so(so")
    assert "".join(c for c, on in zip(text, found["line ends with a colon"]) if on) == "AB:C:"
    assert properties_of([*"abcabc"]) == {}


def test_a_unit_that_counts_the_position_in_the_line_is_found():
    text = [*("some words of a line\nand more of them here\nshort\n" * 20)]
    draw = np.random.default_rng(0)
    position = np.array([*map(float, properties_of(text)["position in the line"])])
    h = draw.normal(size=(len(text), 4))
    h[:, 2] = 0.3 - 0.01 * position
    rows = [*following_rows(a_recording(h=h), text)]
    (best,) = (row for row in strongest(rows) if row["property"] == "position in the line")
    assert best["unit"] == 2
    assert best["first_half"] == pytest.approx(-1.0)
    reverse = following_table([best | {"direction": REVERSE}])
    assert ("1 reverse" in reverse, "reverse" in following_table([best])) == (True, False)
    expected = np.corrcoef(h[len(text) // 2 :, 1], position[len(text) // 2 :])[0, 1]
    (other,) = (r for r in rows if r["property"] == "position in the line" and r["unit"] == 1)
    assert math.isclose(other["second_half"], expected, rel_tol=1e-9)
    assert [*following_rows(a_recording(h=h[:100]), text[:100])] == []
