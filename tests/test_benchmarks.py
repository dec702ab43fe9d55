"""Every part of `python -m benchmarks` runs, on problems so small that its figures mean nothing."""

import dataclasses
import functools
import importlib
import shutil
import sys

import pytest

from benchmarks import alternate, cells, epoch, networks, output, parts, runs
from benchmarks.results import result_of
from benchmarks.side import measure
from experiments.tracking import mlflow_connection
from experiments.training.tbptt import TruncatedBptt

SMALL = {"vocabulary": 20, "hidden": 4, "batch": 2, "truncation": 3, "tokens": None, "updates": 2, "warm_up": 1}
# Keras is in another environment, and torch.compile needs a C++ compiler; the parts themselves check their losses.
STAND_INS = {"keras_text": "ours", "keras_reviews": "our_reviews", "compiled": "straightforward"}
TEXT = "the slow green river and a boat upon it \n" * 10


@functools.cache
def measured(name, problem) -> dict:
    """What a side says of this problem, in this process, which need not grow for it."""
    side = importlib.import_module(f"benchmarks.{name}")
    found = side.measure(problem) if hasattr(side, "measure") else measure(side.updates(problem), problem)
    return dataclasses.asdict(found) | {"memory": 1}


@pytest.fixture
def small(command, empty_store, monkeypatch, tmp_path):
    """All that the parts run is small and runs in this process."""
    (tmp_path / "ptb").mkdir()
    for split in ("train", "valid", "test"):
        (tmp_path / "ptb" / f"ptb.{split}.txt").write_text(TEXT)

    def run(side: alternate.Side) -> dict:
        return measured(STAND_INS.get(side.name, side.name), dataclasses.replace(side.problem, **SMALL))

    def experiments(folder: str, *arguments: str) -> None:
        with monkeypatch.context() as here:
            here.chdir(folder)
            assert command(*arguments, "tracker=memory").code == 0

    monkeypatch.setattr(alternate, "run", run)
    monkeypatch.setattr(networks, "run", run)
    monkeypatch.setattr(networks, "DROPOUT_TOLERANCE", 1.0)  # three updates say nothing of a mean
    monkeypatch.setattr(runs, "command", experiments)
    of_ptb = [*runs.PTB, f"data.path={tmp_path / 'ptb'}"]
    monkeypatch.setattr(runs, "PTB", of_ptb)
    monkeypatch.setattr(output, "PTB", of_ptb)
    monkeypatch.setattr(output, "epoch", lambda options: epoch.measure([*options, "model.hidden_size=4"]))
    monkeypatch.setattr(output, "OUTPUTS", {"softmax": [], "sampled": ["model.output=sampled"]})
    monkeypatch.setattr(cells, "SIZES", [cells.Size(5, 2, 4)])
    monkeypatch.setattr(cells, "SECONDS", 0.0)
    monkeypatch.setattr(mlflow_connection, "create_store", functools.partial(shutil.copy, empty_store))
    monkeypatch.setattr(TruncatedBptt, "update", TruncatedBptt.update)  # startup replaces it
    monkeypatch.setattr(sys, "argv", sys.argv)  # and this


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.slow] * (part == "processes")) for part in parts.PARTS]
)
def test_a_part_gives_its_table(part):
    result = result_of(parts.PARTS[part]())
    assert result.title
    assert result.about
    assert {len(row) for row in result.rows} == {len(result.head)}
