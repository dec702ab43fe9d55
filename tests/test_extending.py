"""A new model and a new dataset are one Python file and one YAML each; nothing else is edited."""

import re
import sys
from pathlib import Path

import pytest

from experiments.config.paths import HOME

from .conftest import values

MODEL = '''
import torch
import torch.nn.functional as F
from experiments.interfaces import Model, Score


class Bigram(Model):
    """The next symbol depends on this one alone: a table of logits."""

    def __init__(self, num_inputs: int, num_outputs: int, *, scale: float):
        super().__init__()
        self.table = torch.nn.Parameter(scale * torch.randn(num_inputs, num_outputs))

    def initial_state(self, batch_size):
        return ()

    def predict(self, inputs, state):
        return F.log_softmax(self.table[inputs.clamp(min=0)], dim=-1), state

    def score(self, inputs, targets, state):
        log_probs, state = self.predict(inputs, state)
        nats = F.nll_loss(log_probs.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum")
        return Score(nats, nats.detach(), (log_probs.argmax(-1) == targets).sum()), state
'''

DATASET = '''
import numpy as np

from experiments.data.stream import SymbolStreams
from experiments.interfaces.vocabulary import Vocabulary


class Alternating(SymbolStreams):
    """abababab...: after two symbols there is nothing left to learn."""

    def __init__(self, *, length: int):
        ids = np.arange(length, dtype=np.int32) % 2
        super().__init__(Vocabulary("ab", separator=""), {"train": ids, "valid": ids, "test": ids}, wrap=False)
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of the user's own, with code and configs."""
    folder = tmp_path / "mine"
    for kind in ("model", "data"):
        (folder / "conf" / kind).mkdir(parents=True)
    (folder / "bigram.py").write_text(MODEL)
    (folder / "conf" / "model" / "bigram.yaml").write_text("_target_: bigram.Bigram\nscale: 0.1\n")
    (folder / "alternating.py").write_text(DATASET)
    (folder / "conf" / "data" / "alternating.yaml").write_text("_target_: alternating.Alternating\nlength: 200\n")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(folder)  # where `_target_` is looked for, beside what is installed
    yield ["--config-dir", str(folder / "conf")]
    for name in ("bigram", "alternating"):
        sys.modules.pop(name, None)


def test_a_model_of_ones_own_on_a_dataset_of_ones_own(train, mine):
    run = train(*mine, "model=bigram", "data=alternating", "optimizer.lr=0.5", "epochs=30")
    assert run.status == "FINISHED"
    assert values(run, "test/perplexity")[0] < 1.01
    assert run.parameters["model.scale"] == "0.1"
    assert run.parameters["choice.model"] == "bigram"


def test_a_mistake_in_it_is_found_as_in_ours(command, mine):
    assert "did you mean model.scale?" in command(*mine, "model=bigram", "+model.scal=2").error
    assert "did you mean bigram?" in command(*mine, "model=bigrm").error


def test_its_checkpoint_can_be_evaluated_sampled_and_summarized(command, train, mine):
    run = train(*mine, "model=bigram", "data=alternating", "optimizer.lr=0.5", "epochs=30")
    again = [*mine, "tracker=memory", f"checkpoint={run.folder}"]
    assert "perplexity 1.00" in command(*again, "runner=evaluate").out
    assert command(*again, "runner=sample", "runner.temperature=0", "runner.length=5").out == "ababab\n"
    assert "total" in command(*again, "runner=summary").out


@pytest.fixture
def contributing(tmp_path):
    """The files that CONTRIBUTING.md shows, in a folder of the user's own."""
    blocks = re.findall(r"```(yaml|python)\n(.*?)```", (HOME / "CONTRIBUTING.md").read_text(), re.DOTALL)
    recipe, sweep, runner = (text for _, text in blocks)
    files = {
        "recipe/mine.yaml": recipe,
        "sweeps/mine.yaml": sweep,
        "runner/count.yaml": "_target_: count.CountParameters",
    }
    for name, text in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    (tmp_path / "count.py").write_text(runner)
    yield ["--config-dir", "mine"]
    sys.modules.pop("count", None)


def test_a_recipe_a_sweep_and_a_runner_of_ones_own_work_as_documented(command, train, contributing):
    run = train(*contributing, "recipe=mine")
    assert (run.parameters["choice.model"], run.parameters["model.hidden_size"]) == ("torch_gru", "32")
    assert run.tags["command"] == f"experiments --config-dir {Path('mine').absolute()} recipe=mine tracker=memory"
    assert command(*contributing, "runner=count", "model.hidden_size=4", "tracker=memory").out.strip().isdigit()
    assert "2 jobs" in command(*contributing, "sweeps=mine", "tracker=memory").out


def test_a_model_that_is_a_plain_torch_module_is_refused_with_the_line_to_change(command, mine):
    plain = MODEL.replace("Bigram(Model)", "Plain(torch.nn.Module)")
    Path("plain.py").write_text(plain)
    Path("conf/model/plain.yaml").write_text("_target_: plain.Plain\nscale: 0.1\n")
    refused = command(*mine, "model=plain", "data=alternating")
    assert "plain.Plain is no subclass of experiments.interfaces.Model: write class Plain(Model)" in refused.error
