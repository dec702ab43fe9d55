"""docs/vectors.md is true: its dataset trains from the command line, its tables and numbers are what is printed."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from experiments.config.paths import HOME
from experiments.tracking.memory import MemoryStore

from .conftest import values

PAGE = (HOME / "docs" / "vectors.md").read_text()
PARTS = re.split(r"^## ", PAGE, flags=re.MULTILINE)

TAGS = '''
import numpy as np
from experiments.data import Steps, StepTargets


class Tags(StepTargets):
    """The label of a step is the sign of the next step's first number: only who reads backwards knows it."""

    real_inputs = True

    def __init__(self, *, sequences: int, seed: int):
        draw = np.random.default_rng(seed)
        splits = {}
        for split in ("train", "valid", "test"):
            starts = np.concatenate([[0], draw.integers(2, 9, size=sequences).cumsum()])
            inputs = draw.normal(size=(starts[-1], 3)).astype(np.float32)
            labels = np.append(inputs[1:, 0] > 0, False).astype(np.int64)
            labels[starts[1:] - 1] = -100
            splits[split] = Steps(inputs, labels, starts)
        super().__init__(splits, labels=("down", "up"), seed=seed)
'''


def block(section: str, kind: str, number: int = 0) -> str:
    """A block of code of the page."""
    (text,) = (part for part in PARTS if part.startswith(section))
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for name, code in blocks if name == kind][number]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of the user's own, with the page's dataset and one of labels."""
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "sums.py").write_text(block("A dataset", "python"))
    (tmp_path / "mine" / "data" / "sums.yaml").write_text(block("A dataset", "yaml"))
    (tmp_path / "tags.py").write_text(TAGS)
    (tmp_path / "mine" / "data" / "tags.yaml").write_text(
        "_target_: tags.Tags\nsequences: 200\nseed: 0\n",
    )
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    yield ["--config-dir", "mine"]
    for name in ("sums", "tags"):
        sys.modules.pop(name, None)


OF_TAGS = ("data=tags", "model.embedding_size=null", "truncation=null", "batch_size=20", "optimizer.lr=0.02")


@pytest.mark.parametrize("options", [[], ["model.bidirectional=true", "model.num_layers=2"], ["truncation=4"]])
def test_the_dataset_of_the_page_trains_in_both_networks_with_the_same_losses(train, mine, options):
    losses = []
    for model in ("numpy_lstm", "torch_lstm"):
        sizes = ("model.hidden_size=8", "epochs=4", "optimizer.lr=0.02", "precision=float64")
        run = train(*mine, "data=sums", f"model={model}", *sizes, *options)
        assert run.status == "FINISHED"
        assert not values(run, "train/accuracy") + values(run, "train/perplexity")
        losses.append(values(run, "train/loss") + values(run, "valid/loss") + values(run, "test/loss"))
    assert losses[0] == pytest.approx(losses[1], abs=1e-10, rel=0)
    assert losses[0][3] < 0.5 * losses[0][0]


def test_a_run_from_a_process_of_its_own_can_be_evaluated_and_resumed(mine, command):
    line = [sys.executable, "-m", "experiments", *mine, "data=sums", "model.hidden_size=8", "tracker=memory"]
    done = subprocess.run([*line, "epochs=2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loss = re.search(r"^test +loss (\S+)", done.stdout, re.MULTILINE)[1]
    (folder,) = Path("runs").iterdir()
    again = command(*mine, "tracker=memory", "runner=evaluate", f"checkpoint={folder}")
    assert f"loss {loss} over 2,400 targets (exact)" in again.out, again.error
    assert (
        "are vectors: use runner=evaluate"
        in command(*mine, "tracker=memory", "runner=sample", f"checkpoint={folder}").error
    )
    longer = command(*mine, "tracker=memory", f"resume={folder.name}", "epochs=3")
    assert longer.code == 0, longer.error
    assert len(values(MemoryStore.ended[-1], "train/loss")) == 3


@pytest.mark.parametrize("model", ["numpy_gru", "torch_gru"])
def test_only_a_bidirectional_network_knows_labels_that_depend_on_the_next_step(train, mine, model):
    both = train(*mine, *OF_TAGS, f"model={model}", "model.hidden_size=16", "model.bidirectional=true", "epochs=10")
    onward = train(*mine, *OF_TAGS, f"model={model}", "model.hidden_size=16", "epochs=10")
    assert values(both, "test/accuracy")[0] > 0.95
    assert values(onward, "test/accuracy")[0] < 0.6


def test_the_f1_of_labelled_steps_counts_every_label_once(train, mine, monkeypatch):
    from experiments.training import classification

    seen = []
    kept = classification.classification_metrics
    monkeypatch.setattr(classification, "classification_metrics", lambda *given: seen.append(given) or kept(*given))
    run = train(*mine, *OF_TAGS, "model.hidden_size=8", "model.bidirectional=true", "epochs=3")
    ((labels, log_probs),) = seen
    sys.path.append(".")
    from tags import Tags

    steps = Tags(sequences=200, seed=0).sequences["test"]
    assert sorted(labels) == sorted(steps.targets[steps.targets >= 0])
    assert values(run, "test/f1")[0] == pytest.approx(f1_score(labels, log_probs.argmax(1)), abs=1e-12)
    assert values(run, "test/accuracy")[0] == pytest.approx((labels == log_probs.argmax(1)).mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["data=sums", "model.embedding_size=100"], "give model.embedding_size=null"),
        (["data=sums", "model.loss=cross_entropy"], "give model.loss=squared_error"),
        (["data=sums", "model.pooling=mean"], "has labels at every step: give model.pooling=last"),
        (["data=sums", "model.bidirectional=true", "truncation=5"], "give truncation=null, got 5"),
        (["data=tags"], "give model.embedding_size=null"),
        (["data=tags", "model=ngram"], "Ngram reads symbols, but the inputs of this data are vectors"),
        (["data=tags", "model=bag_of_words"], "BagOfWords reads symbols"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_before_the_data_is_read(command, mine, options, part):
    outcome = command(*mine, *options, "tracker=memory")
    assert (outcome.code, outcome.out) == (1, "")
    assert part in outcome.error
    assert not Path("runs").exists()


def test_the_table_without_data_is_that_of_the_page(command):
    line, expected = block("The layers", "", 0), block("The layers", "", 1)
    arguments = line.replace("\\\n", " ").split()[1:]
    assert command(*arguments).out == expected
    assert "45" in command(*arguments, "model.bias=double").out
    with_embedding = command(*arguments, "model.embedding_size=4", "runner.outputs=5", "runner.batch_first=false").out
    rows = [line.split() for line in with_embedding.splitlines()]
    assert [row[-1] for row in rows[2:6]] == ["40", str(4 * 3 + 9 + 3), str(3 * 5 + 5), str(40 + 24 + 20)]
    assert "model.embedding_size=null: vectors of 10 numbers" in with_embedding


def test_a_table_without_data_needs_no_model_that_fits_the_default_data(command):
    line = ("runner=summary", "runner.inputs=10", "runner.outputs=2", "runner.steps=7", "runner.batch_first=true")
    out = command(*line, "model.bidirectional=true", "model.pooling=mean_max", "model.hidden_size=4").out
    rows = {row[0]: row[1:] for row in map(str.split, out.splitlines())}
    assert rows["layers.0"][:5] == ["(1,", "7,", "8)", "(1,", "8)"]
    assert rows["pooling"] == ["mean_max", "(1,", "16)", "0"]
    assert rows["output"] == ["(1,", "2)", "34"]
    assert "give runner.inputs" in command("runner=summary", "runner.outputs=3").error
    assert "runner: inputs must be at least 1, got 0" in command("runner=summary", "runner.inputs=0").error


def test_three_lines_print_what_a_plain_loop_computes():
    scope: dict = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block("One layer", "python", 0) + block("One layer", "python", 1), scope)
    assert printed.getvalue() == block("One layer", "", 0)
    W_ih, W_hh, b = scope["weights"].values()
    h = np.zeros(3)
    for t, step in enumerate(scope["x"][:, 0]):
        h = np.array([np.tanh(sum(W_ih[i] * step) + sum(W_hh[i] * h) + b[i]) for i in range(3)])
        assert np.abs(scope["hidden"][t, 0] - h).max() < 1e-15
