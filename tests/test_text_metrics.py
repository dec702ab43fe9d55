"""What makes perplexities comparable, against the same computed in NumPy and float64 from the definitions."""

import io
import itertools
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from experiments.data.stream import SymbolStreams
from experiments.interfaces.data import SplitStatistics
from experiments.interfaces.model import Model, Score, nats_of
from experiments.interfaces.vocabularies import ByteVocabulary
from experiments.interfaces.vocabulary import Vocabulary
from experiments.models import ContextNetwork, Ngram, NumpyNetwork, TorchNetwork
from experiments.tracking.memory import MemoryStore
from experiments.training import evaluation, text_statistics
from experiments.training.evaluation import Evaluation

from .conftest import values
from .models.networks import OPTIONS

SYMBOLS = ("the", "cat", "<unk>", "sat", "on", "mat", "<eos>")
UNKNOWN, EOS = 2, 6
CHARACTERS, WORDS = 1234, 301


class Text(SymbolStreams):
    """Random words of which every seventh or so is unknown; the numbers of characters and words are made up."""

    def __init__(self, lengths=(200, 120, 90), separator=" ", unknown="<unk>", text=(CHARACTERS, WORDS)):
        draw, splits = np.random.default_rng(0), ("train", "valid", "test")
        streams = {name: draw.integers(7, size=n).astype(np.int32) for name, n in zip(splits, lengths)}
        super().__init__(Vocabulary(SYMBOLS, separator=separator, unknown=unknown), streams, wrap=False)
        count = {name: int((ids == UNKNOWN).sum()) if unknown else 0 for name, ids in streams.items()}
        self.statistics = {name: SplitStatistics(len(ids), count[name], *text) for name, ids in streams.items()}


class OwnModel(Model):
    """A bigram model with nothing but what a model must have."""

    precisions = ("float64",)

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(torch.randn(7, 7, dtype=torch.float64))

    def initial_state(self, batch_size):  # noqa: ARG002
        return ()

    def predict(self, inputs, state):
        return F.log_softmax(self.table[inputs.clamp(min=0)], dim=-1), state

    def score(self, inputs, targets, state):
        log_probs, state = self.predict(inputs, state)
        nats = F.nll_loss(log_probs.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum")
        return Score(nats, nats.detach(), (log_probs.argmax(-1) == targets).sum()), state


class PlainDevice:
    """Tensors as they are."""

    def tensors(self, window):
        return torch.from_numpy(window.inputs), torch.from_numpy(window.targets)

    def autocast(self):
        return torch.autocast("cpu", enabled=False)


def network(kind, cell, **options):
    torch.manual_seed(1)
    return kind(7, 7, **OPTIONS | {"cell": cell, "hidden_size": 5, "embedding_size": None} | options).double()


def ngram(order):
    model = Ngram(7, 7, EOS, order=order, discounts="modified")
    model.fit(Text().windows("train", 1, None))
    return model


def evaluated(model, dataset, columns=1, split="test"):
    settings = SimpleNamespace(eval_batch_size=columns, eval_warm_up=0)
    stop = SimpleNamespace(check=lambda: None)
    return Evaluation(dataset, settings, PlainDevice(), exact=False).score_in_full(model, split, None, stop)


def tanh_rnn_nats(model, ids):
    """The nats of every transition of a tanh RNN over one-hot symbols, from the definition, one step at a time."""
    p = {name: W.detach().numpy() for name, W in model.named_parameters()}
    h, nats = np.zeros(5), []
    for x, y in itertools.pairwise(ids):
        a = p["layers.0.W_ih"][:, x] + p["layers.0.b_ih"] + p["layers.0.W_hh"] @ h
        h = np.tanh(a + p.get("layers.0.b_hh", 0.0))
        z = p["output.W"] @ h + p["output.b"]
        nats.append(np.log(np.exp(z).sum()) - z[y])
    return np.array(nats)


def predicted_nats(model, ids):
    """The nats of every transition from the distributions that a model predicts over the whole text at once."""
    log_probs, _ = model.predict(torch.from_numpy(ids[:-1, None].astype(np.int64)), model.initial_state(1))
    p = np.exp(log_probs.detach().double().numpy()[:, 0])
    return -np.log(p[np.arange(len(ids) - 1), ids[1:]] / p.sum(axis=1))


def expected(nats, ids, characters=CHARACTERS, words=WORDS):
    known = nats[ids[1:] != UNKNOWN]
    return {
        "perplexity": np.exp(nats.mean()),
        "perplexity_known": np.exp(known.mean()),
        "bits_per_character": nats.sum() / characters / np.log(2),
        "perplexity_per_word": np.exp(nats.sum() / words),
    }


MODELS = {
    "numpy_rnn": lambda: network(NumpyNetwork, "tanh"),
    "torch_rnn": lambda: network(TorchNetwork, "tanh"),
    "numpy_lstm": lambda: network(NumpyNetwork, "lstm"),
    "torch_lstm": lambda: network(TorchNetwork, "lstm"),
    "torch_gru": lambda: network(TorchNetwork, "gru"),
    "unigram": lambda: ngram(1),
    "ngram": lambda: ngram(3),
    "own": OwnModel,
    "cbow": lambda: ContextNetwork(
        *(7, 7),
        combine="mean",
        context_size=2,
        embedding_size=4,
        embedding_from=None,
        embedding_std=None,
        embedding_frozen=False,
        hidden_size=None,
        dropout=0.0,
    ).double(),
}


@pytest.mark.parametrize("rows", [8, 512])
@pytest.mark.parametrize("few", [0, 1 << 16])  # both ways in which torch's output layer is computed
@pytest.mark.parametrize("name", MODELS)
def test_the_metrics_of_a_text_are_those_of_their_definitions(name, few, rows, monkeypatch):
    monkeypatch.setattr("experiments.models.torch.heads.FEW", few)
    monkeypatch.setattr(evaluation, "ROWS", rows)
    model, dataset = MODELS[name](), Text()
    ids = dataset.streams["test"]
    metrics, count = evaluated(model, dataset)
    nats = (tanh_rnn_nats if name.endswith("_rnn") else predicted_nats)(model, ids)
    assert count == len(ids) - 1
    for key, value in expected(nats, ids).items():
        assert metrics[key] == pytest.approx(value, rel=1e-11), key


@pytest.mark.parametrize("few", [0, 1 << 16])
@pytest.mark.parametrize("name", ["numpy_rnn", "torch_rnn", "torch_lstm", "ngram", "own"])
def test_columns_of_unequal_length_count_every_target_once(name, few, monkeypatch):
    monkeypatch.setattr("experiments.models.torch.heads.FEW", few)
    monkeypatch.setattr(evaluation, "ROWS", 21)
    model, dataset = MODELS[name](), Text()
    ids = dataset.streams["test"]
    metrics, count = evaluated(model, dataset, columns=3)  # 89 transitions: 30, 30 and 29
    parts = [ids[0:31], ids[30:61], ids[60:90]]
    nats = np.concatenate([(tanh_rnn_nats if name.endswith("_rnn") else predicted_nats)(model, part) for part in parts])
    assert count == len(nats) == 89
    for key, value in expected(nats, ids).items():
        assert metrics[key] == pytest.approx(value, rel=1e-11), key


@pytest.mark.parametrize("few", [0, 1 << 16])
@pytest.mark.parametrize("name", MODELS)
def test_the_nats_of_every_target_add_up_to_the_score_and_are_those_predicted(name, few, monkeypatch):
    monkeypatch.setattr("experiments.models.torch.heads.FEW", few)
    model = MODELS[name]()
    inputs, targets = torch.randint(7, (2, 6, 3), generator=torch.Generator().manual_seed(0)).unbind()
    inputs[4:, 1], targets[4:, 1], targets[0, 0] = -1, -100, -100
    state = model.initial_state(3)
    each, after = model.target_nats(inputs, targets, state)
    log_probs, expected_after = model.predict(inputs, state)
    assert each.shape == targets.shape
    assert not each.requires_grad
    assert (each[targets == -100] == 0).all()
    torch.testing.assert_close(each, nats_of(log_probs, targets), rtol=0, atol=1e-12)
    assert each.sum().item() == pytest.approx(float(model.score(inputs, targets, state)[0].nats.detach()), abs=1e-11)
    for ours, theirs in zip(after, expected_after):
        torch.testing.assert_close(ours, theirs)


def test_without_an_unknown_symbol_there_is_no_other_perplexity():
    metrics, _ = evaluated(MODELS["torch_rnn"](), Text(unknown=None))
    assert "perplexity_known" not in metrics
    assert "bits_per_character" in metrics


@pytest.mark.parametrize("statistics", [{}, {"test": SplitStatistics(91, 0, CHARACTERS, WORDS)}])
def test_without_the_whole_text_there_are_no_bits_per_character(statistics):
    dataset = Text()
    dataset.statistics = statistics
    metrics, _ = evaluated(MODELS["torch_rnn"](), dataset)
    assert metrics.keys() & {"bits_per_character", "perplexity_per_word"} == set()
    assert "perplexity_known" in metrics


def test_a_text_without_spaces_has_no_perplexity_per_word_that_overflows():
    metrics, _ = evaluated(MODELS["torch_rnn"](), Text((200, 120, 5000), text=(5000, 1)))
    assert "perplexity_per_word" not in metrics
    assert math.isfinite(metrics["bits_per_character"])


def test_a_squared_error_has_no_likelihood_and_none_of_these_metrics():
    model = network(TorchNetwork, "tanh", loss="squared_error")
    assert set(evaluated(model, Text())[0]) == {"loss", "accuracy"}


def test_what_the_data_holds_is_one_line():
    dataset = Text()
    shares = {name: np.mean(ids == UNKNOWN) for name, ids in dataset.streams.items()}
    assert text_statistics.description(dataset) == (
        f"7 types; train 200 tokens ({shares['train']:.2%} unknown), valid 120 tokens ({shares['valid']:.2%} unknown), "
        f"test 90 tokens ({shares['test']:.2%} unknown)"
    )
    closed = Text(unknown=None)
    assert text_statistics.description(closed) == "7 types; train 200 tokens, valid 120 tokens, test 90 tokens"
    dataset.statistics = {}
    assert text_statistics.description(dataset) == ""
    assert text_statistics.recorded(dataset) == {"dataset.task": "symbols"}


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"corpus_size": 10000, "min_count": 1}, "raise data.corpus_size (now 10000) or give null"),
        ({"vocabulary_size": 5, "min_count": 2}, "raise data.vocabulary_size (now 5) or give null"),
        ({"vocabulary_size": 50, "min_count": 2}, "lower data.min_count (now 2)"),  # the vocabulary is not full
        ({"min_count": 3, "vocabulary_size": None}, "lower data.min_count (now 3)"),
        ({}, "train on more text, or on a text more like it"),
    ],
)
def test_a_share_of_unknown_far_above_that_in_training_gets_a_warning_with_what_helps(options, cure):
    dataset = Text()
    dataset.statistics = {"train": SplitStatistics(10000, 490, 1, 1), "valid": SplitStatistics(1000, 237, 1, 1)}
    warning = text_statistics.warning(dataset, options)
    assert warning.startswith("23.7% of valid is unknown (<unk>), but 4.9% of train")
    assert cure in warning


def test_a_high_share_of_unknown_in_training_itself_gets_a_warning():
    dataset = Text()
    dataset.statistics = dict.fromkeys(("train", "valid"), SplitStatistics(100, 88, 1, 1))
    warning = text_statistics.warning(dataset, {"min_count": 2})
    assert warning.startswith("88.0% of train is unknown (<unk>), so the metrics say little")
    assert "lower data.min_count (now 2)" in warning


def test_vocabularies_that_read_a_text_differently_are_told_apart():
    read = [ByteVocabulary(lower_case=lower_case) for lower_case in (False, True)]
    tags = []
    for vocabulary in read:
        dataset = Text()
        dataset.vocabulary, dataset.statistics = vocabulary, {"train": SplitStatistics(2, 0, 1, 1)}
        tags.append(text_statistics.recorded(dataset)["dataset.vocabulary"])
    assert read[0].fingerprint == read[1].fingerprint
    assert tags[0] != tags[1]


def test_the_shares_of_the_whole_penn_treebank_get_none():
    dataset = Text()
    tokens, unknown = (
        {"train": 929_589, "valid": 73_760, "test": 82_430},
        {"train": 45_020, "valid": 3485, "test": 4794},
    )
    dataset.statistics = {name: SplitStatistics(tokens[name], unknown[name], 1, 1) for name in tokens}
    assert text_statistics.warning(dataset, {}) is None


OWN = """
import numpy as np
from experiments.data.stream import SymbolStreams
from experiments.interfaces import SplitStatistics, Vocabulary

class Own(SymbolStreams):
    def __init__(self, *, unknown: int, types: int):
        ids = np.arange(200, dtype=np.int32) % types
        held_out = np.where(np.arange(200) < unknown, 0, ids).astype(np.int32)
        vocabulary = Vocabulary(["?", *"abcdefgh"[: types - 1]], separator="", unknown="?")
        super().__init__(vocabulary, {"train": ids, "valid": ids, "test": held_out}, wrap=False)
        self.statistics = {
            split: SplitStatistics(200, int((ids == 0).sum()), 200, 1) for split, ids in self.streams.items()
        }
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A text of the user's own that knows its statistics; what chooses it."""
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "owntext.py").write_text(OWN)
    (tmp_path / "conf" / "data" / "own.yaml").write_text("_target_: owntext.Own\nunknown: 0\ntypes: 4\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield ["--config-dir", "conf", "data=own", "model.hidden_size=4", "epochs=1", "batch_size=4"]
    sys.modules.pop("owntext", None)


def test_a_run_prints_and_records_what_its_text_holds(command, own):
    outcome = command(*own, "data.unknown=160", "tracker=memory")
    run = MemoryStore.ended[-1]
    unknown = (160 + 10) / 200
    line = (
        f"4 types; train 200 tokens (25.00% unknown), valid 200 tokens (25.00% unknown), test 200 tokens ({unknown:.2%}"
    )
    printed = outcome.out + outcome.error
    assert printed.count(line) == 2  # at the start and at the end
    assert "85.0% of test is unknown (?), but 25.0% of train" in printed
    assert re.search(r"\n +perplexity_known [\d.]+ bits_per_character [\d.]+ ", printed)
    for recorded in (run.parameters, run.tags):
        assert recorded["dataset.types"] == "4"
        assert recorded["dataset.test.tokens"] == "200"
        assert recorded["dataset.test.unknown_share"] == "0.85"
        assert recorded["dataset.train.unknown_share"] == "0.25"
    bits = values(run, "test/bits_per_symbol")[0] * 199 / 200  # every token is a character
    assert values(run, "test/bits_per_character")[0] == pytest.approx(bits, rel=1e-6)
    assert line in command(*own, "data.unknown=160", "runner=summary").out
    again = command(*own, "data.unknown=160", "runner=evaluate", f"checkpoint={run.name}", "tracker=memory")
    assert line in again.out + again.error
    for key in ("perplexity_known", "bits_per_character", "perplexity"):
        assert values(MemoryStore.ended[-1], f"test/{key}") == values(run, f"test/{key}")


def test_compare_says_when_rows_differ_in_vocabulary_or_share_of_unknown(command, own):
    assert command(*own, "-m", "data.types=4,6", "seed=0,1", "tracker=memory").code == 0
    shown = command("runner=compare", "tracker=memory").out
    assert "differ in vocabulary (4 and 6 types) and in share of unknown (17.00% and 25.00% of test)" in shown
    assert "test/bits_per_character can" in shown
    table = pd.read_csv(io.StringIO(command("runner=compare", "tracker=memory", "runner.to=csv").out))
    assert list(table["vocabulary_size"]) == [4, 6]
    assert list(table["test/unknown_share"]) == [0.25, 0.17]
    assert table["test/bits_per_character"].notna().all()
    assert [column for column in table if column.startswith("dataset")] == []
    assert "Warning: these rows differ" in command("runner=compare", "tracker=memory", "runner.to=markdown").out
