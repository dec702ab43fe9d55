"""Divided, measured and clipped in few passes, against the same thing written plainly."""

import numpy as np
import pytest
import torch

from experiments.data.windows import stream_windows
from experiments.models import network as network_module
from experiments.training.device import Device
from experiments.training.gradients import takes_sparse
from experiments.training.tbptt import TruncatedBptt, groups

from ..models.networks import SYMBOLS, network

CPU = Device(torch.device("cpu"), "float64")
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.5),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "decay": lambda p: torch.optim.SGD(p, lr=0.5, weight_decay=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1, fused=True),
}


def windows():
    return stream_windows(np.random.default_rng(0).integers(SYMBOLS, size=60).astype(np.int32), 3, 7)


def plainly(optimizer: str, clip_norm: float | None) -> tuple[list[float], torch.nn.Module]:
    """Norms and the trained model: a mean loss, dense gradients, torch's clipping, a step."""
    model = network("torch")
    step, norms, state = OPTIMIZERS[optimizer](model.parameters()), [], ()
    for group in groups(windows(), 2):
        step.zero_grad()
        for window in group:
            state = model.initial_state(3) if window.starts else tuple(part.detach() for part in state)
            score, state = model(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
            (score.loss / sum(window.count for window in group)).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm or np.inf).item())
        step.step()
    return norms, model


@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_updates_are_those_of_a_plain_loop(monkeypatch, kind, optimizer, clip_norm):
    monkeypatch.setattr(network_module, "LARGE", 0)
    norms, expected = plainly(optimizer, clip_norm)
    model = network(kind)
    how = {"reduction": "mean", "clip_norm": clip_norm}
    tbptt = TruncatedBptt(model, OPTIMIZERS[optimizer](model.parameters()), CPU, **how)
    assert model.has_sparse_gradient == (optimizer in ("sgd", "adagrad"))
    assert [tbptt.update(group).item() for group in groups(windows(), 2)] == pytest.approx(norms, rel=1e-12)
    for ours, theirs in zip(model.parameters(), expected.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)


def test_a_norm_that_is_not_logged_is_not_computed():
    model = network("torch")
    tbptt = TruncatedBptt(model, OPTIMIZERS["sgd"](model.parameters()), CPU, reduction="mean", clip_norm=None)
    assert tbptt.update([windows()[0]], measured=False) is None


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_measuring_the_norm_changes_no_bit_of_the_weights(monkeypatch, kind):
    monkeypatch.setattr(network_module, "LARGE", 0)
    trained = []
    for measured in (True, False):
        model = network(kind).float()
        sgd = OPTIMIZERS["sgd"](model.parameters())
        tbptt = TruncatedBptt(model, sgd, Device(CPU.torch_device, "float32"), reduction="mean", clip_norm=None)
        for group in groups(windows(), 2):
            tbptt.update(group, measured=measured)
        trained.append(model)
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in trained)))


def test_only_a_step_that_leaves_rows_without_gradient_alone_takes_sparse_ones():
    weight = [torch.nn.Parameter(torch.zeros(2))]
    assert {name for name, make in OPTIMIZERS.items() if takes_sparse(make(weight))} == {"sgd", "adagrad"}
    assert not takes_sparse(torch.optim.Adagrad(weight, weight_decay=0.1))


def test_a_tied_embedding_and_a_one_hot_input_have_no_sparse_gradient(monkeypatch):
    monkeypatch.setattr(network_module, "LARGE", 0)
    for options in ({"tied": True}, {"embedding_size": None}):
        model = network("torch", **options)
        model.sparse_gradients = True
        assert not model.has_sparse_gradient
