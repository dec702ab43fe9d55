"""Word vectors from the command line: training, resuming, sweeps, and what they are not used for."""

import os
import signal

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.tracking.journal import read_journal
from experiments.tracking.memory import MemoryStore
from experiments.training import tbptt

from ..conftest import values

LINE = "the quick brown fox jumps over the lazy dog and the dog sleeps\n"
SMALL = ("data=words", "data.path=text.txt", "data.valid_fraction=0.1", "data.test_fraction=0.1", "threads=1")
SMALL += ("batch_size=4", "epochs=2", "truncation=7", "model.embedding_size=8", "model.context_size=2")
MODELS = ["skipgram", "cbow_embeddings", "numpy_skipgram", "numpy_cbow_embeddings"]


@pytest.fixture(autouse=True)
def text(tmp_path):
    (tmp_path / "text.txt").write_text(LINE * 60)


@pytest.mark.parametrize("model", MODELS)
def test_softmax_learns_what_is_near_and_has_a_perplexity(train, model):
    run = train(*SMALL, f"model={model}", "model.loss=softmax", "model.subsample=null", "epochs=4")
    perplexities = values(run, "valid/perplexity")
    assert perplexities[-1] < perplexities[0] < 12
    assert run.points[-1].key.startswith("test/")
    keys = {point.key for point in run.points}
    assert not keys & {"test/perplexity_known", "test/bits_per_character", "test/perplexity_per_word"}  # of a text
    assert not (run.folder / "sample.txt").exists()
    assert (run.folder / "layers.txt").exists()


@pytest.mark.parametrize("model", MODELS)
def test_negative_sampling_prints_no_perplexity(command, model):
    outcome = command(*SMALL, f"model={model}", "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert "perplexity" not in outcome.out
    run = MemoryStore.ended[-1]
    assert not [point.key for point in run.points if "perplexity" in point.key or "bits" in point.key]
    assert values(run, "valid/loss")[-1] < values(run, "valid/loss")[0] < 6 * 0.7


@pytest.mark.parametrize("predicts", ["skipgram", "cbow_embeddings"])
@pytest.mark.parametrize("loss", ["softmax", "negative_sampling"])
def test_numpy_and_torch_train_alike(train, predicts, loss):
    """Draws included: the same losses update by update."""
    runs = [
        train(*SMALL, f"model={model}", f"model.loss={loss}", "model.subsample=0.1", "precision=float64", "seed=3")
        for model in (predicts, f"numpy_{predicts}")
    ]
    for key in ("train/loss", "valid/loss", "test/loss"):
        assert values(runs[0], key) == pytest.approx(values(runs[1], key), rel=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_a_resumed_run_is_bit_identical(command, train, monkeypatch, model):
    options = (*SMALL, f"model={model}", "model.subsample=0.1", "runner.log_interval=2")
    whole = train(*options)
    original, calls = tbptt.TruncatedBptt.update, []

    def interrupting(*given, **named):
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*given, **named)

    monkeypatch.setattr(tbptt.TruncatedBptt, "update", interrupting)
    assert command(*options, "tracker=memory").code == 130
    monkeypatch.setattr(tbptt.TruncatedBptt, "update", original)
    stopped = MemoryStore.ended[-1]
    assert command(f"resume={stopped.name}", "tracker=memory").code == 0
    assert points(stopped.folder) == points(whole.folder)
    ours, theirs = (checkpoint.load(run.folder / "best.pt")["model"] for run in (stopped, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def points(folder):
    found = read_journal(folder / "journal.jsonl")
    return {(p.key, p.step): p.value for p in found if not p.key.endswith("per_second")}


def test_a_sweep_over_the_losses(command):
    outcome = command("-m", *SMALL, "model=skipgram", "model.loss=softmax,negative_sampling", "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert "negative_sampling" in outcome.out


def test_the_counts_are_those_of_the_training_split_and_stay_with_the_weights(train, tmp_path):
    run = train(*SMALL, "model=skipgram")
    content = checkpoint.load(run.folder / "best.pt")
    symbols = content["dataset"]["vocabulary"]["symbols"]
    words = (LINE.replace("\n", " <eos> ") * 60).split()
    counts = content["model"]["counts"].tolist()
    assert counts[symbols.index("the")] == pytest.approx(0.8 * words.count("the"), abs=4)
    (tmp_path / "other.txt").write_text("the lazy fox\n" * 60)
    on = train(f"checkpoint={run.folder}", "data.path=other.txt", "epochs=1")
    assert checkpoint.load(on.folder / "best.pt")["model"]["counts"].tolist() == counts


def test_what_asks_for_the_next_word_is_refused(command, train):
    run = train(*SMALL, "model=skipgram", "epochs=1")
    for runner in ("sample", "score"):
        options = ("runner.text=the",) if runner == "score" else ()
        outcome = command(f"runner={runner}", f"checkpoint={run.folder}", "tracker=memory", *options)
        assert outcome.code == 1
        assert "both sides" in outcome.error
    outcome = command("runner=evaluate", f"checkpoint={run.folder}", "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert "perplexity" not in outcome.out


def test_labels_and_texts_that_are_too_short_are_refused(command, reviews):
    outcome = command("model=skipgram", "data=imdb", f"data.path={reviews}", "tracker=memory")
    assert "word vectors are learned from a running text" in outcome.error
    outcome = command("model=cbow_embeddings", "truncation=4", "tracker=memory")  # 50 symbols in 20 columns
    assert "too short for anything to be predicted" in outcome.error
