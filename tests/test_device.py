"""What a process is set to before it computes, and what is known of its tensors."""

import ctypes
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from experiments.data.windows import stream_windows
from experiments.interfaces.data import Window
from experiments.models.numpy.network import NumpyNetwork
from experiments.models.torch import products
from experiments.models.torch.network import TorchNetwork
from experiments.models.torch.padding import is_padded
from experiments.training import process_setup
from experiments.training.device import Device
from experiments.training.device_choice import warn_if_slow
from experiments.training.tbptt import TruncatedBptt
from experiments.training.threads import num_threads
from experiments.training.timed_metrics import TimedMetrics

from .models.networks import SYMBOLS, network, window

CPU = Device(torch.device("cpu"), "float32")


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def begin():
    """`set_up_process` with so many threads; afterwards these are as they were."""

    def with_threads(threads, model) -> None:
        process_setup.set_up_process(types.SimpleNamespace(threads=threads, deterministic=False, seed=0), model)

    yield with_threads
    with_threads(None, TorchNetwork)


def test_the_threads_of_one_job_are_not_those_of_the_next(begin):
    begin(None, TorchNetwork)
    before = torch.get_num_threads(), blas_threads()
    begin(3, NumpyNetwork)
    assert (torch.get_num_threads(), blas_threads(), num_threads()) == (1, {3}, 3)  # its products are NumPy's
    begin(2, TorchNetwork)
    assert (torch.get_num_threads(), blas_threads(), num_threads()) == (2, {2}, 2)
    begin(None, TorchNetwork)
    assert (torch.get_num_threads(), blas_threads()) == before


PAGES = """
import resource, sys
import numpy as np
from experiments.training.process_setup import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    buffers = [np.ones(5 << 20, np.float32) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_memory()
print([faults() for _ in range(4)][-1])
"""


def pages_are_small() -> bool:
    """Whether memory comes from glibc in pages of 4 kB: then each is a fault."""
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return hasattr(ctypes.CDLL(None), "mallopt") and not (huge.exists() and "[always]" in huge.read_text())


@pytest.mark.skipif(sys.platform != "linux" or not pages_are_small(), reason="no glibc, or huge pages")
def test_freed_memory_is_reused_without_page_faults():
    def faults(how: str) -> int:
        small_pages = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}
        return int(
            subprocess.run([sys.executable, "-c", PAGES, how], capture_output=True, check=True, env=small_pages).stdout
        )

    assert faults("kept") < 100 < 10_000 < faults("as it is")  # of 20,480


@pytest.mark.parametrize("units", [False, True])
def test_recurrent_layers_compute_in_bfloat16_where_there_are_units_for_it(monkeypatch, units):
    if units and not products.MATRIX_UNITS:
        pytest.skip("this processor has no matrix units, and perhaps no fused layer in bfloat16")
    monkeypatch.setattr(products, "MATRIX_UNITS", units)
    model = network("torch").float()
    inputs, _ = window(4, 2)
    with torch.no_grad(), Device(torch.device("cpu"), "bfloat16").autocast():
        features, *_ = model.features(inputs, model.initial_state(2))
    assert features.dtype == (torch.bfloat16 if units else torch.float32)
    exact = model.features(inputs, model.initial_state(2))[0]
    torch.testing.assert_close(features.float(), exact, rtol=0, atol=1e-2 if units else 1e-6)


def test_padding_is_read_from_the_attribute_not_from_the_tensor():
    symbols = np.zeros((3, 2), np.int64)
    padded = np.where(np.arange(3)[:, None] < 1, -1, symbols)
    for inputs, expected in ((symbols, False), (padded, True)):
        tensor, _ = CPU.tensors(Window(inputs, symbols, True, 6))
        assert tensor.padded is expected
        assert is_padded(tensor) == is_padded(torch.from_numpy(inputs)) == expected
    tensor.padded = False
    assert not is_padded(tensor)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
def test_a_gpu_computes_what_a_cpu_computes_without_synchronization(monkeypatch, cell, clip_norm):
    monkeypatch.setattr("experiments.models.torch.heads.FEW", 0)  # the softmax of large vocabularies
    stream, losses = np.random.default_rng(0).integers(SYMBOLS, size=60).astype(np.int32), []
    for name in ("cpu", "cuda"):
        where, meter = Device(torch.device(name), "float64"), TimedMetrics()
        model = where.place(network("torch", cell=cell, num_layers=2))
        how = {"reduction": "mean", "clip_norm": clip_norm}
        tbptt = TruncatedBptt(model, torch.optim.SGD(model.parameters(), lr=0.5), where, **how)
        try:
            for k, some in enumerate(stream_windows(stream, 3, 7)):
                torch.cuda.set_sync_debug_mode("error" if k else "default")  # the first one prepares kernels
                tbptt.update([some], meter, measured=False)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        losses.append(meter.mean_loss())
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


@pytest.mark.parametrize(("here", "is_said"), [(True, False), (False, True)])
def test_products_in_bfloat16_on_a_processor_without_its_instructions_are_said_to_be_slow(
    monkeypatch, caplog, here, is_said
):
    known = {"architecture": "x86_64", "avx512_bf16": here, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    for precision in ("float32", "bfloat16"):
        warn_if_slow(Device(torch.device("cpu"), precision))
    warn_if_slow(Device(torch.device("cuda"), "bfloat16"))
    assert [record.getMessage().endswith("type precision=float32") for record in caplog.records] == [True] * is_said
