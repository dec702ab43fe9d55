"""Looking into states and gates, and tracing a pass, from the command line."""

import csv
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments.tracking.memory import MemoryStore

SMALL = ("data=string", "precision=float64", "threads=1", "epochs=2", "model.hidden_size=5")
SUMS = """
import numpy as np
from experiments.data import Steps, StepTargets

class Sums(StepTargets):
    real_inputs = real_targets = True

    def __init__(self, *, seed: int):
        x = np.random.default_rng(seed).normal(size=(30, 2))
        steps = Steps(x, x[:, 0].reshape(5, 6).cumsum(axis=1).ravel(), starts=np.arange(6) * 6)
        super().__init__({split: steps for split in ("train", "valid", "test")}, seed=seed)
"""


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def look(command):
    """Run a command with the store in memory; returns its run and what it printed."""

    def run(*arguments: str):
        outcome = command(*arguments, "tracker=memory")
        assert outcome.code == 0, outcome.error
        return MemoryStore.ended[-1], outcome.out

    return run


@pytest.mark.parametrize("model", ["numpy_lstm", "torch_gru", "torch_rnn"])
def test_states_of_a_checkpoint_over_a_text_of_ones_own(train, look, model):
    trained = train(f"model={model}", *SMALL, "model.num_layers=2")
    text = ("runner.text=hello hell", "runner.units=[0,3]", "runner.steps=8")
    run, out = look("runner=states", f"checkpoint={trained.folder}", *text)
    assert run.tags["evaluated"] == trained.name
    rows = rows_of(run.folder / "states.csv")
    quantities = {"numpy_lstm": [*"ifgoch"], "torch_gru": [*"rznh"], "torch_rnn": ["h"]}[model]
    assert len(rows) == 8 * 2 * len(quantities) * 2
    first = [row["symbol"] for row in rows if (row["layer"], row["quantity"], row["unit"]) == ("1", "h", "0")]
    assert first == [*"hello␣he"]
    assert {row["unit"] for row in rows} == {"0", "3"}
    names = {"states.txt", "states.csv", "saturation.csv", "saturation.png", "histograms.png"}
    assert names | {"states_layer_1.png", "states_layer_2.png"} <= set(run.files)
    of_units = [
        float(row["above"])
        for row in rows_of(run.folder / "saturation.csv")
        if (row["layer"], row["quantity"]) == ("2", quantities[0])
    ]
    assert len(of_units) == 5
    (point,) = (p for p in run.points if p.key == f"saturation/layer_2/{quantities[0]}/above")
    assert point.value == pytest.approx(np.mean(of_units))
    assert point.step == max(p.step for p in trained.points)
    assert "largest difference to the model's own states and predictions" in out


def test_numpy_and_torch_give_the_same_states(look):
    tables = []
    for model in ("numpy_gru", "torch_gru"):
        run, _ = look("runner=states", f"model={model}", *SMALL, "runner.num_units=5")
        tables.append(rows_of(run.folder / "states.csv"))
    assert [{**row, "value": None} for row in tables[0]] == [{**row, "value": None} for row in tables[1]]
    values = (np.array([float(row["value"]) for row in rows]) for rows in tables)
    np.testing.assert_allclose(*values, atol=1e-12)


def test_the_passage_of_a_split_is_the_one_asked_for(look):
    whole, _ = look("runner=states", *SMALL, "runner.units=[1]")
    part, _ = look("runner=states", *SMALL, "runner.units=[1]", "runner.skip=10", "runner.steps=4")
    found = rows_of(part.folder / "states.csv")
    assert {row["step"] for row in found} == {"10", "11", "12", "13"}
    assert found == [row for row in rows_of(whole.folder / "states.csv") if row["step"] in ("10", "11", "12", "13")]


def test_korean_is_drawn_without_a_warning(look, tmp_path):
    (tmp_path / "korean.txt").write_text("나는 학교에 간다. 너는 집에 간다.\n" * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run, _ = look("runner=states", "data=characters", "data.path=korean.txt", "threads=1", "model.hidden_size=4")
    assert "나" in {row["symbol"] for row in rows_of(run.folder / "states.csv")}


def test_a_bidirectional_network_for_reviews_has_states_in_both_directions(look, reviews):
    data = ("data=imdb", f"data.path={reviews}", "data.vocabulary_size=30", "threads=1", "model.hidden_size=4")
    network = ("model.bidirectional=true", "model.pooling=mean_max")
    run, _ = look("runner=states", *data, *network, "runner.skip=3", "runner.steps=5")
    rows = rows_of(run.folder / "states.csv")
    assert {row["direction"] for row in rows} == {"forward", "reverse"}
    assert {"states_layer_1.png", "states_layer_1_reverse.png"} <= set(run.files)
    assert 1 <= len({row["step"] for row in rows}) <= 5
    own, _ = look("runner=states", *data, *network, "runner.text=the film was awful")
    assert [*dict.fromkeys(row["symbol"] for row in rows_of(own.folder / "states.csv"))][:2] == ["the", "film"]


@pytest.fixture
def sums(tmp_path) -> Iterator[tuple[str, ...]]:
    """Vectors as inputs and numbers as targets."""
    (tmp_path / "sums.py").write_text(SUMS)
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "sums.yaml").write_text("_target_: sums.Sums\nseed: 0\n")
    options = ("model.embedding_size=null", "model.loss=squared_error", "model.bias=single", "truncation=null")
    path = sys.path.copy()
    yield ("--config-dir", "mine", "data=sums", *options, "model.hidden_size=3", "batch_size=2", "threads=1")
    sys.path[:] = path
    sys.modules.pop("sums", None)  # other tests have one of their own


def test_vectors_and_numbers_are_read_and_traced(look, sums):
    run, _ = look(*sums, "runner=states")
    assert len(rows_of(run.folder / "states.csv")) == 6 * 6 * 3  # the last steps of a sequence of six
    _, out = look(*sums, "runner=trace", "runner.steps=6", "precision=float64", "runner.digits=6")
    assert "step 6 of 6: reads a vector, target " in out
    assert float(out.split("model's own learn: ")[1].split()[0]) < 1e-14


@pytest.mark.parametrize("model", ["numpy_lstm", "torch_lstm", "torch_gru"])
def test_a_trace_of_the_embedded_string(look, model):
    run, out = look("runner=trace", f"model={model}", *SMALL, "model.embedding_size=null")
    assert "step 1 of 5: reads '0', target 'h'" in out
    assert out.index("forward pass") < out.index("backward pass") < out.index("sum of the losses")
    assert (run.folder / "trace.txt").read_text() in out
    points = {p.key: p.value for p in run.points}
    assert points["trace/difference"] < 1e-10
    rows = rows_of(run.folder / "trace.csv")
    losses = [float(row["value"]) for row in rows if row["quantity"] == "loss"]
    assert len(losses) == 5
    assert sum(losses) == pytest.approx(points["trace/loss"], rel=1e-12)


def test_a_trace_carries_the_state_of_the_windows_before(look):
    def h_before(*options: str) -> list[str]:
        run, _ = look("runner=trace", *SMALL, *options)
        rows = rows_of(run.folder / "trace.csv")
        return [row["value"] for row in rows if row["quantity"] in ("h before", "h") and row["step"] == "0"]

    long, second = h_before("runner.steps=4"), h_before("runner.steps=4", "runner.window=1")
    assert long[:5] == ["0.0"] * 5
    assert "0.0" not in second[:5]
    run, _ = look("runner=trace", *SMALL, "runner.text=hello", "runner.steps=10")
    assert "step 4 of 4: reads 'l', target 'o'" in (run.folder / "trace.txt").read_text()


def test_a_trace_of_a_review_ends_at_its_label(look, reviews):
    data = ("data=imdb", f"data.path={reviews}", "data.vocabulary_size=30", "threads=1", "model.hidden_size=3")
    run, out = look("runner=trace", *data, "precision=float64")
    assert out.count("no target") == 2 * (out.count("\nstep ") // 2 - 1)
    assert "target 'neg'" in out or "target 'pos'" in out
    assert {p.key: p.value for p in run.points}["trace/difference"] < 1e-10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runner=states", "model=ngram"), "ngram has no recurrent layers to look into: give model=torch_lstm"),
        (("runner=states", "runner.units=[100]"), "there is no unit 100; each layer has units 0 to 99"),
        (("runner=states", "runner.skip=49"), "runner.skip=49 leaves nothing to draw: there are 49 steps"),
        (("runner=states", "runner.split=test"), "runner.split=test is not in this dataset; it has train"),
        (("runner=states", "runner.saturated=1"), "saturated must be below 1, got 1"),
        (("runner=states", "runner.saturated=0.5"), "saturated must be above 0.5, got 0.5"),
        (("runner=states", "runner.text=A"), "'A' at position 0 of runner.text is not in the vocabulary"),
        (("runner=states", "runner.text="), "runner.text is empty"),
        (("runner=states", "runner.text=a", "runner.file=b"), "give text or file, not both"),
        (("runner=states", "runner.file=nowhere"), "runner.file=nowhere cannot be read"),
        (("runner=trace", "model=ngram"), "ngram has no recurrent layers to look into: give model=torch_lstm"),
        (("runner=trace", "runner.text=a"), "runner.text needs two symbols at least"),
        (("runner=trace", "runner.window=10"), "runner.window=10 is not there: there are 10 of 5 steps"),
        (("runner=trace", "runner.steps=0"), "steps must be at least 1, got 0"),
        (("runner=trace", "model.hidden_size=1000"), "give fewer runner.steps or a smaller model.hidden_size"),
    ],
)
def test_what_cannot_be_looked_into_is_refused_without_a_run(command, arguments, message):
    before = len(MemoryStore.ended)
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code != 0
    assert message in outcome.error
    assert len(MemoryStore.ended) == before
    assert not any(path.is_dir() for path in Path().glob("runs/*"))


def test_a_trace_of_labels_and_of_two_directions_is_refused(command, reviews):
    data = ("data=imdb", f"data.path={reviews}", "data.vocabulary_size=30", "tracker=memory", "threads=1")
    refused = command("runner=trace", *data, "runner.text=the film")
    assert "runner.text has no label to learn from" in refused.error
    both = command("runner=trace", *data, "model.bidirectional=true")
    assert "torch_lstm is bidirectional, so that it has no single order of steps" in both.error
