"""A new model and a new dataset are one Python file and one YAML each; nothing else is edited."""

import re
import sys
from pathlib import Path

import pytest

from experiments.config.completion import completions
from experiments.config.paths import HOME

from .conftest import values


def files_of(page):
    """The files that a page shows, by name: of each block of YAML or Python the last that is named before it."""
    files, before = {}, 0
    for block in re.finditer(r"```(?:yaml|python)\n(.*?)```", page, re.DOTALL):
        files[re.findall(r"`([\w/]+\.(?:py|yaml))`", page[before : block.start()])[-1]] = block[1]
        before = block.end()
    return files


FILES = files_of((HOME / "docs" / "extending.md").read_text())


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of the user's own, with the code and configs that docs/extending.md shows."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)  # where `_target_` is looked for, beside what is installed
    yield ["--config-dir", "mine"]
    for name in ("bigram", "alternating", "count"):
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


def test_help_knows_it(command, mine):
    assert "\n  bigram " in command(*mine, "--help").out
    assert "model.scale=" in command(*mine, "--help", "bigram").out
    assert "recipe=mine" in command("--help", "recipe", *mine).out
    assert "recipe=mine" not in command("--help", "recipe").out


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("experiments --config-dir mine model=bigram model.sc", "model.scale="),
        ("experiments --config-dir=mine model=big", "model=bigram"),
    ],
)
def test_the_tab_key_knows_it(monkeypatch, line, offered):
    monkeypatch.setenv("COMP_LINE", line)
    assert completions(line) == [offered]


def test_its_checkpoint_can_be_evaluated_sampled_and_summarized(command, train, mine):
    run = train(*mine, "model=bigram", "data=alternating", "optimizer.lr=0.5", "epochs=30")
    again = [*mine, "tracker=memory", f"checkpoint={run.folder}"]
    assert "perplexity 1.00" in command(*again, "runner=evaluate").out
    assert command(*again, "runner=sample", "runner.temperature=0", "runner.length=5").out == "ababab\n"
    assert "total" in command(*again, "runner=summary").out
    ensemble = command(*again, "runner=evaluate", "runner.method=ensemble", f"runner.others=[{run.folder}]")
    assert "perplexity 1.00" in ensemble.out, ensemble.error


def test_a_recipe_a_sweep_and_a_runner_of_ones_own_work_as_documented(command, train, mine):
    run = train(*mine, "recipe=mine")
    assert (run.parameters["choice.model"], run.parameters["model.hidden_size"]) == ("torch_gru", "32")
    assert run.tags["command"] == f"experiments --config-dir {Path('mine').absolute()} recipe=mine tracker=memory"
    assert command(*mine, "runner=count", "model.hidden_size=4", "tracker=memory").out.strip().isdigit()
    assert "2 jobs" in command(*mine, "sweeps=mine", "tracker=memory").out


def test_a_model_that_is_a_plain_torch_module_is_refused_with_the_line_to_change(command, mine):
    plain = FILES["bigram.py"].replace("Bigram(Model)", "Plain(torch.nn.Module)")
    Path("plain.py").write_text(plain)
    Path("mine/model/plain.yaml").write_text("_target_: plain.Plain\nscale: 0.1\n")
    refused = command(*mine, "model=plain", "data=alternating")
    assert "plain.Plain is no subclass of experiments.interfaces.Model: write class Plain(Model)" in refused.error
