"""Each protocol against the loops of the code that it is named after, written down again from its description."""

import math

import numpy as np
import pytest
import torch

from experiments.data.stream import SymbolStreams
from experiments.interfaces.vocabulary import Vocabulary
from experiments.models import NumpyNetwork, TorchNetwork
from experiments.scoring.protocols import PROTOCOLS, protocol_of
from experiments.tracking.memory import MemoryStore
from experiments.training.metrics import Metrics

from .conftest import values
from .models.networks import OPTIONS

V, T = 7, 4
SYMBOLS = np.random.default_rng(3).integers(V, size=211).astype(np.int32)


class Text(SymbolStreams):
    def __init__(self, symbols=SYMBOLS):
        super().__init__(
            Vocabulary(tuple("abcdefg"), separator=""), dict.fromkeys(("train", "valid", "test"), symbols), wrap=False
        )


@pytest.fixture(scope="module", params=[NumpyNetwork, TorchNetwork])
def model(request):
    torch.manual_seed(0)
    options = OPTIONS | {"cell": "lstm", "num_inputs": V, "num_outputs": V, "hidden_size": 3, "embedding_size": 2}
    return request.param(**options).double().eval()


class Reader:
    """The mean loss of a window (T, B), with a state that it keeps."""

    def __init__(self, model):
        self.model, self.state = model, None

    def mean(self, inputs, targets):
        inputs, targets = torch.from_numpy(inputs).long(), torch.from_numpy(targets).long()
        state = self.model.initial_state(inputs.shape[1]) if self.state is None else self.state
        with torch.no_grad():
            log_probs, self.state = self.model.predict(inputs, state)
        return -float(torch.gather(log_probs, 2, targets[..., None]).mean())


def columns_of(symbols, number):
    """(N,) -> (L, number): consecutive parts side by side, without the rest."""
    length = len(symbols) // number
    return symbols[: length * number].reshape(number, length).T


def zaremba(reader, split):
    """Costs of whole windows summed over their steps, divided by the steps; the test one symbol at a time."""
    columns, steps = (columns_of(SYMBOLS, 1), 1) if split == "test" else (columns_of(SYMBOLS, 20), T)
    costs = iterations = 0
    for k in range((len(columns) - 1) // steps):
        x, y = columns[k * steps : (k + 1) * steps], columns[k * steps + 1 : (k + 1) * steps + 1]
        costs += steps * reader.mean(x, y)
        iterations += steps
    return costs / iterations


def pytorch_examples(reader, _):
    """Every window counts by its length; the last may be shorter."""
    columns, total = columns_of(SYMBOLS, 10), 0.0
    for i in range(0, len(columns) - 1, T):
        length = min(T, len(columns) - 1 - i)
        total += length * reader.mean(columns[i : i + length], columns[i + 1 : i + 1 + length])
    return total / (len(columns) - 1)


def awd(reader, split):
    """The same, divided by one step more than there is."""
    columns, total = columns_of(SYMBOLS, 1 if split == "test" else 10), 0.0
    for i in range(0, len(columns) - 1, T):
        length = min(T, len(columns) - 1 - i)
        total += length * reader.mean(columns[i : i + length], columns[i + 1 : i + 1 + length])
    return total / len(columns)


def textbook(reader, _):
    """Ten columns that begin where the one before ends, read modulo the length of the text; whole windows."""
    size = len(SYMBOLS)
    number, jump, total = (size - 1) // (10 * T), (size - 1) // 10, 0.0
    for k in range(number):
        offsets = [k * T + i * jump for i in range(10)]
        x = np.array([[SYMBOLS[(offset + t) % size] for offset in offsets] for t in range(T)])
        y = np.array([[SYMBOLS[(offset + t + 1) % size] for offset in offsets] for t in range(T)])
        total += reader.mean(x, y)
    return total / number


def loss_of(model, protocol):
    metrics, state = Metrics(), None
    for window in protocol.windows:
        state = model.initial_state(window.inputs.shape[1]) if window.starts else state
        with torch.no_grad():
            score, state = model(torch.from_numpy(window.inputs).long(), torch.from_numpy(window.targets).long(), state)
        metrics.update(score, window.count)
    assert metrics.count == protocol.count
    return protocol.metrics(metrics)


@pytest.mark.parametrize("split", ["valid", "test"])
@pytest.mark.parametrize("rule", [zaremba, pytorch_examples, awd, textbook], ids=lambda rule: rule.__name__)
def test_a_protocol_is_what_its_code_computes(rule, split, model):
    found = loss_of(model, protocol_of(rule.__name__, Text(), split, T))
    expected = rule(Reader(model), split)
    assert found["loss"] == pytest.approx(expected, abs=1e-12)
    assert found["perplexity"] == pytest.approx(math.exp(expected), rel=1e-12)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_a_protocol_leaves_out_is_counted(name):
    """On this text every protocol leaves something out, or divides by more than it scores."""
    protocol = protocol_of(name, Text(), "valid", T)
    assert protocol.count + protocol.num_left_out == len(SYMBOLS) - 1
    assert protocol.num_left_out > 0
    assert (protocol.divisor > protocol.count) == (name == "awd")


def test_long_columns_are_read_in_several_windows(model):
    symbols = np.random.default_rng(4).integers(V, size=1703)
    protocol = protocol_of("pytorch_examples", Text(symbols), "test", T)
    assert len(protocol.windows) > 1
    columns = columns_of(symbols, 10)
    assert loss_of(model, protocol)["loss"] == pytest.approx(Reader(model).mean(columns[:-1], columns[1:]), abs=1e-12)


SMALL = ("data=characters", "data.path=a.txt", "data.valid_fraction=0.2", "data.test_fraction=0.2", "batch_size=2")


@pytest.fixture
def trained(train, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 20)
    return train(*SMALL, "model=numpy_rnn", "model.hidden_size=4", "truncation=5", "epochs=1")


def evaluated(command, trained, *options):
    return command("runner=evaluate", f"checkpoint={trained.folder / 'best.pt'}", "tracker=memory", *options)


def test_it_is_shown_and_recorded_beside_the_exact_numbers(command, trained):
    outcome = evaluated(command, trained, "runner.protocol=awd")
    assert outcome.code == 0, outcome.error
    run = MemoryStore.ended[-1]
    (found,), (exact,) = values(run, "test/perplexity_awd"), values(run, "test/perplexity")
    assert found < exact
    assert f"protocol awd: perplexity {found:.2f} (columns: 1, all from a state of zeros" in outcome.out + outcome.error


def test_what_fills_no_window_is_refused_before_a_run_begins(command, trained):
    ended = len(MemoryStore.ended)
    outcome = evaluated(command, trained, "runner.protocol=zaremba", "runner.split=valid", "truncation=50")
    assert outcome.code != 0
    assert "92 symbols are too few: the protocol reads them in 20 columns" in outcome.error
    outcome = evaluated(command, trained, "runner.protocol=textbook", "truncation=null")
    assert outcome.code != 0
    assert "give truncation=35" in outcome.error
    assert len(MemoryStore.ended) == ended
