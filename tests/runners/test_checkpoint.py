"""Checkpoints: whole or not at all, and never code."""

import os
import pickle

import pytest
import torch

from experiments.checkpoints import checkpoint, training_state
from experiments.checkpoints.initial_weights import find_weights
from experiments.config.errors import ConfigError
from experiments.tracking.memory import MemoryStore


class Poison:
    def __reduce__(self):
        return os.system, ("touch poisoned",)


WHOLE = {"config": {}, "choices": {}, "run_id": "1", "vocabulary": "v", "best": {}, "model": {}}


def test_what_is_saved_is_loaded(tmp_path):
    content = {"model": {"W": torch.arange(3.0)}, "epoch": 2, "state": (torch.ones(1),)}
    checkpoint.save(tmp_path / "a.pt", WHOLE | content)
    content = checkpoint.load(tmp_path / "a.pt")
    assert torch.equal(content["model"]["W"], torch.arange(3.0))
    assert content["epoch"] == 2
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    checkpoint.save(tmp_path / "a.pt", WHOLE | {"epoch": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoint.save(tmp_path / "a.pt", WHOLE | {"epoch": 2, "bad": lambda: None})
    assert checkpoint.load(tmp_path / "a.pt")["epoch"] == 1
    assert os.listdir(tmp_path) == ["a.pt"]


def test_foreign_damaged_and_poisoned_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint.save(tmp_path / "good.pt", WHOLE | {"model": {"W": torch.arange(1000.0)}})
    checkpoint.save(tmp_path / "incomplete.pt", {"model": {}})
    whole = (tmp_path / "good.pt").read_bytes()
    torch.save({"model": Poison()}, "poison.pt")
    torch.save({"model": {}}, "foreign.pt")
    (tmp_path / "text.pt").write_text("no checkpoint")
    (tmp_path / "empty.pt").write_bytes(b"")
    for length in range(1, len(whole), len(whole) // 20):
        (tmp_path / f"cut{length}.pt").write_bytes(whole[:length])
    for path in tmp_path.glob("*.pt"):
        if path.name != "good.pt":
            with pytest.raises(
                ValueError,
                match=r"cannot be read as a checkpoint|not a checkpoint of this framework|it holds no config",
            ):
                checkpoint.load(path)
    assert not (tmp_path / "poisoned").exists()


def test_weights_of_another_network_are_refused_by_name():
    model = torch.nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"weight is \(3, 4\), the model's is \(3, 2\)"):
        checkpoint.load_weights(model, torch.nn.Linear(4, 3).state_dict(), "a.pt")
    with pytest.raises(ValueError, match=r"bias is missing, the model's is \(3,\)"):
        checkpoint.load_weights(model, torch.nn.Linear(2, 3, bias=False).state_dict(), "a.pt")


def test_weights_of_a_run_are_found_again_by_its_id_although_a_folder_here_has_its_name(tmp_path, monkeypatch):
    store = MemoryStore(folder=str(tmp_path / "runs"), interval=1.0, required=False)
    for folder in ("runs/run", "elsewhere/run"):
        (tmp_path / folder).mkdir(parents=True)
    checkpoint.save(tmp_path / "runs" / "run" / "best.pt", WHOLE | {"run_id": "run"})
    monkeypatch.chdir(tmp_path / "elsewhere")  # whose folder `run` holds no checkpoint
    weights = find_weights("run", store)
    assert (weights.source, weights.which) == (str(tmp_path / "runs" / "run" / "best.pt"), "run")
    monkeypatch.chdir(tmp_path / "runs")
    assert find_weights("run", store).which == str(tmp_path / "runs" / "run")
    assert find_weights("run/best.pt", store).which == str(tmp_path / "runs" / "run" / "best.pt")


def test_a_training_state_of_another_network_is_no_reason_to_delete_the_run(tmp_path):
    checkpoint.save(tmp_path / "last.pt", WHOLE | {"model": {"W": torch.ones(3)}})
    with pytest.raises(ConfigError, match=r"^resume: .* are of another network: W is \(3,\), the model's is \(2,\)$"):
        training_state.read(tmp_path, {"W": torch.ones(2)})
