"""`import experiments as ex`: the same runs, texts, probabilities and tables as those of the command line."""

import csv
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

import experiments as ex
from experiments.config.paths import HOME

SMALL = "epochs=30 threads=1 model.hidden_size=8 optimizer.lr=0.05 tracker=memory"


@pytest.fixture(autouse=True)
def folder(command, tmp_path):  # noqa: ARG001 - `command` changes into an empty folder
    logging.getLogger("experiments").handlers.clear()  # their stream is the one of an earlier test
    return tmp_path


@pytest.mark.parametrize("model", ["numpy_lstm", "torch_lstm"])
def test_a_trained_network_samples_and_scores_as_the_command_does(model, command):
    run = ex.run(f"model={model} {SMALL}", show=False)
    network = run.load()
    again = [f"checkpoint={run.folder}", "tracker=memory"]
    typed = ["runner=sample", "runner.prompt=hel", "runner.length=40", "runner.temperature=0.8", "seed=3"]
    assert network.sample("hel", 40, 0.8, seed=3) + "\n" == command(*again, *typed).out
    assert network.sample("hel", 40, 0.8, seed=4) != network.sample("hel", 40, 0.8, seed=3)

    printed = command(*again, "runner=score", "runner.text=hello you", "runner.to=csv").out
    rows = list(csv.DictReader(io.StringIO(printed)))
    scored = network.score("hello you")
    assert list(scored["token"]) == [row["token"] for row in rows]
    assert list(scored["log_probability"][1:]) == [float(row["log_probability"]) for row in rows[1:]]
    assert np.isnan(scored["log_probability"][0])


def test_both_networks_trained_alike_have_the_same_hidden_states():
    found = []
    for model in ("numpy_lstm", "torch_lstm"):
        network = ex.run(f"model={model} {SMALL} precision=float64", show=False).load()
        layer = network.hidden_states("hello you")["layer 1"]
        ids = torch.from_numpy(network.vocabulary.encode(list("hello you"))).long()[:, None]
        _, state = network.model.predict(ids, network.model.initial_state(1))
        ends = [part.detach().numpy().ravel() for part in state]  # by the network itself, torch's by its fused layers
        assert any(np.allclose(end, layer["h"][-1], rtol=0, atol=1e-12) for end in ends)
        assert any(np.allclose(end, layer["c"][-1], rtol=0, atol=1e-12) for end in ends)
        assert layer["h"].shape == (9, 8)
        np.testing.assert_allclose(layer["h"], layer["o"] * np.tanh(layer["c"]), rtol=0, atol=1e-12)
        found.append(layer)
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=0, atol=1e-8)


def test_a_run_has_its_metrics_and_stands_in_the_frame_of_runs(folder):
    run = ex.run(f"data=recall {SMALL} epochs=2 data.num_train=100 model=numpy_rnn", show=False)
    assert (run.outcome, run.folder.parent) == ("completed", folder / "runs")
    valid = run.metrics["valid/loss"].dropna()
    assert len(valid) == 2
    assert run.best["valid/loss"] == valid.min()
    assert run.best["test/accuracy"] == run.metrics["test/accuracy"].dropna().iloc[-1]
    row = ex.runs().iloc[-1]
    assert (row["name"], row["model.hidden_size"], row["truncation"]) == (run.name, 8, None)
    assert row["valid/loss"] == valid.min()


def test_compare_has_the_table_and_figures_of_a_sweep(command):
    assert command("-m", "tracker=memory", "epochs=2", "truncation=1,5", "seed=0,1", "threads=1").code == 0
    report = ex.compare(options="tracker=memory")
    assert list(report.table["truncation"]) == [1, 5]
    assert report.table["runs"].tolist() == [2, 2]
    assert all(png.startswith(b"\x89PNG") for png in report.figures.values())
    assert report.figures
    sweep = report.title.removeprefix("sweep ")
    assert len(ex.runs(sweep, options="tracker=memory")) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("model.hiden_size=3", "there is no key model.hiden_size; did you mean model.hidden_size?"),
        ("data=ptbx", "there is no data ptbx; did you mean ptb?"),
        ("truncation=0", "truncation must be at least 1, got 0"),
        ("-m truncation=1,2", "one run is wanted here, and -m starts a sweep: type experiments -m ... in a shell"),
        ("runner=summary tracker=memory", "runner=summary records no run"),
    ],
)
def test_a_mistake_is_an_error_with_the_sentence_of_the_command(options, sentence, folder):
    before = list(sys.argv)
    with pytest.raises(ex.ConfigError) as raised:
        ex.run(options, show=False)
    assert str(raised.value) == sentence
    assert sys.argv == before
    assert not (folder / "runs").exists()


def test_there_is_no_such_checkpoint_and_no_such_symbol():
    with pytest.raises(ex.ConfigError, match="nothere"):
        ex.load("nothere", "tracker=memory")
    network = ex.run(SMALL, show=False).load()
    with pytest.raises(ex.ConfigError, match="not in the vocabulary"):
        network.sample("HELLO")


def test_a_folder_may_have_spaces(folder):
    run = ex.run([*SMALL.split(), "tracker.folder=my runs"], show=False)
    assert run.folder == folder / "my runs" / run.name
    assert run.load().sample("hel", 3, temperature=0).startswith("hel")


def test_the_import_loads_no_library():
    code = "import sys, experiments; print(sorted({'torch', 'numpy', 'pandas', 'hydra', 'mlflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_notebook_runs():
    """Its cells of code, one after another, in one namespace."""
    matplotlib.use("Agg")
    notebook = json.loads((HOME / "examples" / "from_python.ipynb").read_text(encoding="utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            assert cell["outputs"] or "import" in "".join(cell["source"]), "the notebook stands executed"
    assert names["run"].outcome == "completed"
    assert Path("runs").is_dir()
