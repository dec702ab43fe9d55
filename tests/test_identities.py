"""Runs and sweeps that were recorded by earlier versions are still the same runs and sweeps."""

import json
from pathlib import Path

import pytest

from experiments.experiment import Experiment
from experiments.sweep import sweep as sweep_module
from experiments.sweep.dimensions import product
from experiments.sweep.plan import Planner

RECORDED = json.loads((Path(__file__).parent / "recorded" / "identities.json").read_text())
SWEEPS = sorted(name.partition("/")[2] for name in RECORDED if name.startswith("sweep_name/"))
LINES = sorted(name for name in RECORDED if not name.startswith(("sweep/", "sweep_name/")))


@pytest.fixture
def composed(command, monkeypatch, tmp_path):
    """What a command line is handed over as: an experiment, or what `run_sweep` is given."""
    (tmp_path / "text.txt").write_text("any text, which is not read\n")
    monkeypatch.setenv("EXPERIMENTS_DATA", str(tmp_path))
    seen = []
    monkeypatch.setattr(Experiment, "run", lambda self: seen.append(self))
    monkeypatch.setattr(sweep_module, "run_sweep", lambda *given: seen.append(given))

    def compose(*arguments):
        outcome = command(*arguments, "tracker=memory")
        assert outcome.code == 0, outcome.error
        return seen.pop()

    return compose


def as_typed_today(line: str) -> list[str]:
    """A recorded command line, with what was a default then.

    The embedded string was data=characters without a path, and a bag of words chose among fewer strengths.
    """
    then = ["model.strengths=[1.0,2.0,4.0,8.0,16.0,32.0]"] if "bag_of_words" in line else []
    if line.startswith("recipe/"):
        name = line.partition("/")[2]
        return [f"recipe={name}", *then, *(["data.path=text.txt"] if name.startswith("char_") else [])]
    arguments = line.split()[1:] + then
    has_path = any(argument.startswith("data.path=") for argument in arguments)
    if "data=characters" in arguments and not has_path:
        return ["data=string" if argument == "data=characters" else argument for argument in arguments]
    if not any(argument.startswith(("data=", "recipe=")) for argument in arguments) and has_path:
        arguments = ["data=characters", *arguments]
    if "data=characters" in arguments:  # which set these root keys
        given = {argument.partition("=")[0] for argument in arguments}
        arguments += [f"{key}={value}" for key, value in (("batch_size", 1), ("epochs", 200)) if key not in given]
    return arguments


@pytest.mark.parametrize("line", LINES)
def test_what_a_command_line_computes_has_its_recorded_identity(composed, line):
    assert composed(*as_typed_today(line)).description.identity("fingerprint") == RECORDED[line]


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_and_its_jobs_have_their_recorded_names_and_identities(composed, name, monkeypatch):
    monkeypatch.setattr(Planner, "_fingerprint", lambda *_: "fingerprint")
    recorded = {key: value for key, value in RECORDED.items() if key.startswith(f"sweep/{name}/")}
    seeds = {key.rpartition(" seed=")[2] for key in recorded if " seed=" in key}  # there are more of them today
    options, dimensions, _, composer, _ = composed(f"sweeps={name}", f"hydra.sweeper.replicates={len(seeds) or 1}")
    base = composer(())
    dimensions = sweep_module.with_seeds(dimensions, options, base.config["seed"])
    parent = sweep_module.sweep_name(options, dimensions, base, "memory")
    assert parent == RECORDED[f"sweep_name/{name}"]
    jobs = {" ".join(chosen): Experiment.of(composer(chosen)) for chosen in product(dimensions)}
    found = {f"sweep/{name}/{chosen}": job.description.identity("fingerprint") for chosen, job in jobs.items()}
    assert found == recorded
    inputs = json.loads((Path(__file__).parent / "recorded" / "sweep_inputs.json").read_text())[name]
    planner = Planner(composer, base.overrides, parent)
    assert {" ".join(c): planner.job(c).name for c in product(dimensions)} == inputs["jobs"]
