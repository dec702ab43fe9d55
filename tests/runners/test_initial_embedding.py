"""Networks that begin with the vectors of a run or of a file."""

import gzip

import numpy as np
import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.tracking.memory import MemoryStore

from ..conftest import values

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps\n" * 60
OTHER = "the quick brown zebra and the dog\n" * 60
DATA = ("data=words", "data.path=text.txt", "data.test_fraction=0", "batch_size=4", "threads=1", "truncation=7")
SMALL = (*DATA, "epochs=1", "model.embedding_size=8")
NETWORKS = {
    "numpy_lstm": "embedding.W",
    "torch_gru": "embedding.W",
    "cbow": "embedding.weight",
    "feedforward": "embedding.weight",
}


@pytest.fixture(autouse=True)
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "other.txt").write_text(OTHER)


@pytest.fixture
def vectors(train_once):
    """A run of skip-gram, and its vectors by word."""
    run = train_once(*SMALL, "model=skipgram")
    content = checkpoint.load(run.folder / "best.pt")
    return run, dict(zip(content["dataset"]["vocabulary"]["symbols"], content["model"]["embedding.W"]))


def embedding(run, name: str) -> dict[str, torch.Tensor]:
    content = checkpoint.load(run.folder / "best.pt")
    return dict(zip(content["dataset"]["vocabulary"]["symbols"], content["model"][name]))


@pytest.mark.parametrize("model", NETWORKS)
def test_a_frozen_embedding_is_that_of_the_run_word_by_word(command, train, vectors, model):
    run, learned = vectors
    other = (*DATA, "data.path=other.txt", "epochs=2", f"model={model}", "model.embedding_size=8")
    outcome = command(*other, f"model.embedding_from={run.folder}", "model.embedding_frozen=true", "tracker=memory")
    assert outcome.code == 0, outcome.error
    found, random = embedding(MemoryStore.ended[-1], NETWORKS[model]), embedding(train(*other), NETWORKS[model])
    shared = found.keys() & learned.keys()
    assert "zebra" not in shared
    assert len(shared) >= 5
    assert all(torch.equal(found[word], learned[word]) for word in shared)
    rest = len(found) - len(shared)
    share = f"embedding: {len(shared)} of {len(found)} symbols ({len(shared) / len(found):.1%}) have a vector"
    assert share in outcome.out
    assert f"{rest} keep their random start" in outcome.out
    assert not torch.equal(random["the"], learned["the"])


def test_an_embedding_that_is_not_frozen_learns_from_there(train, vectors):
    run, learned = vectors
    options = (*SMALL, "model=torch_lstm", f"model.embedding_from={run.folder}", "optimizer.lr=1e-6")
    found = embedding(train(*options), "embedding.W")
    assert all(torch.allclose(found[word], learned[word], atol=1e-4) for word in learned)
    assert not any(torch.equal(found[word], learned[word]) for word in ("the", "dog"))


def test_vectors_are_scaled_if_that_is_asked_for(command, train, vectors):
    run, learned = vectors
    options = (*SMALL, "model=numpy_rnn", "model.embedding_frozen=true", "model.embedding_std=0.5")
    found = embedding(train(*options, f"model.embedding_from={run.folder}"), "embedding.W")
    numbers = torch.stack([*found.values()])
    assert numbers.std(correction=0).item() == pytest.approx(0.5, rel=1e-5)
    factor = 0.5 / torch.stack([*learned.values()]).std(correction=0)
    assert all(torch.allclose(found[word], learned[word] * factor) for word in learned)
    assert "give model.embedding_from=RUN_ID" in command(*options, "tracker=memory").error


@pytest.mark.parametrize("form", ["word2vec", "glove"])
@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_a_file_of_vectors_is_the_run_that_it_was_written_from(command, train, vectors, form, suffix):
    run, learned = vectors
    file = f"vectors{suffix}"
    written = command("runner=neighbors", f"checkpoint={run.folder}", f"runner.to={form}", f"runner.output={file}")
    assert written.code == 0, written.error
    same = (*SMALL, "model=numpy_rnn", "model.embedding_frozen=true")
    runs = [train(*same, f"model.embedding_from={source}") for source in (file, run.folder)]
    assert values(runs[0], "valid/loss") == values(runs[1], "valid/loss")
    assert all(torch.equal(embedding(runs[0], "embedding.W")[word], learned[word]) for word in learned)


def test_the_vectors_decide_the_identity_and_their_place_does_not(train, vectors, tmp_path):
    run, _ = vectors
    again = train(*SMALL, "model=skipgram", "seed=1")
    lines = ["the " + " ".join("1" * 8), "dog " + " ".join("2" * 8)]
    for name, text in (("a.txt", lines), ("b.txt", lines), ("c.txt", lines[::-1])):
        (tmp_path / name).write_text("\n".join(text))
    sources = {"a": "a.txt", "b": "b.txt", "c": "c.txt", "run": run.folder, "again": again.folder}
    lstm = (*SMALL, "model=torch_lstm")
    identities = {k: train(*lstm, f"model.embedding_from={v}").tags["identity"] for k, v in sources.items()}
    identities["none"] = train(*lstm).tags["identity"]
    assert identities["a"] == identities["b"]
    assert len(set(identities.values())) == len(identities) - 1


def test_a_sweep_over_vectors_has_a_run_for_each(command, vectors, tmp_path):
    run, _ = vectors
    (tmp_path / "v.txt").write_text("the " + " ".join("1" * 8))
    axis = f"model.embedding_from=null,{run.folder},v.txt"
    outcome = command("-m", *SMALL, "model=torch_rnn", axis, "tracker=memory")
    assert outcome.code == 0, outcome.error
    losses = {values(each, "valid/loss")[-1] for each in MemoryStore.ended if values(each, "valid/loss")}
    assert len(losses) == 4  # with that of the skip-gram
    assert "latest is another one" in command("-m", *SMALL, "model.embedding_from=latest,null", "tracker=memory").error


def test_a_checkpoint_needs_no_vectors_any_more(command, train, tmp_path):
    (tmp_path / "v.txt").write_text("the " + " ".join("1" * 8))
    run = train(*SMALL, "model=torch_lstm", "model.embedding_from=v.txt", "model.embedding_frozen=true")
    (tmp_path / "v.txt").unlink()
    for runner in ("evaluate runner.split=valid", "train"):
        outcome = command(*f"runner={runner}".split(), f"checkpoint={run.folder}", "tracker=memory")
        assert outcome.code == 0, outcome.error
    assert torch.equal(embedding(MemoryStore.ended[-1], "embedding.W")["the"], torch.ones(8))  # still frozen
    outcome = command(f"checkpoint={run.folder}", "model.embedding_from=v.txt", "tracker=memory")
    assert "do not go together" in outcome.error


def test_a_run_is_resumed_with_the_same_vectors_only(command, train, tmp_path):
    (tmp_path / "v.txt").write_text("the " + " ".join("1" * 8))
    run = train(*SMALL, "model=torch_lstm", "model.embedding_from=v.txt")
    outcome = command(f"resume={run.name}", "epochs=2", "tracker=memory")
    assert outcome.code == 0, outcome.error
    (tmp_path / "v.txt").write_text("the " + " ".join("3" * 8))
    outcome = command(f"resume={run.name}", "epochs=3", "tracker=memory")
    assert "the vectors that it began with are others now" in outcome.error


def test_cased_words_and_unneeded_lines_are_left_alone(train, tmp_path):
    """A word with a space, as GloVe has, a word that is there twice, and a byte that is no UTF-8."""
    rows = [b"2 1", b". . . 5", b"The 9", b"the 1", b"caf\xe9 3", b"the 2", b""]
    (tmp_path / "v.txt").write_bytes(b"\n".join(rows[1:]))
    line = ("model=torch_lstm", "model.embedding_from=v.txt", "model.embedding_frozen=true")
    with pytest.raises(AssertionError, match=r"no text of vectors|must be a symbol"):
        train(*DATA, "epochs=1", *line, "model.embedding_size=1")  # a first line with a space is no vector
    (tmp_path / "v.txt").write_bytes(b"\n".join([b"a 7", *rows[1:]]))
    found = embedding(train(*DATA, "epochs=1", *line, "model.embedding_size=1"), "embedding.W")
    assert found["the"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("the 1 2 3", (), "have 3 numbers, but model.embedding_size is 8: give model.embedding_size=3"),
        ("the 1 2 3", ("model.embedding_size=null",), "is null, which is one-hot input: give model.embedding_size=3"),
        ("hello", (), "is no text of vectors"),
        ("", (), "is no text of vectors"),
        ("the x y", (), "line 1 of"),
        ("the 1 2\nfox 1 nan\n", ("model.embedding_size=2",), "line 2 of"),
        ("zebra 1 2", ("model.embedding_size=2",), "none of the"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(command, tmp_path, content, options, message):
    (tmp_path / "v.txt").write_text(content)
    before = len(MemoryStore.ended)
    outcome = command(*SMALL, *options, "model=torch_lstm", "model.embedding_from=v.txt", "tracker=memory")
    assert outcome.code == 1
    assert message in outcome.error
    assert len(MemoryStore.ended) == before


def test_other_sources_that_cannot_be_used_are_refused(command, train, tmp_path):
    lstm = (*SMALL, "model=torch_lstm", "tracker=memory")
    assert "model.embedding_from: there is no file" in command(*lstm, "model.embedding_from=no/such.txt").error
    run = train(*DATA, "model=ngram")
    assert "has no embedding" in command(*lstm, f"model.embedding_from={run.folder}").error
    frozen = command(*DATA, "model=torch_lstm", "model.embedding_size=null", "model.embedding_frozen=true")
    assert "embedding_frozen=true needs an embedding" in frozen.error
    with gzip.open(tmp_path / "v.bin", "wb") as file:  # word2vec's binary form
        file.write(b"2 8\nthe " + np.ones(8, "<f4").tobytes() + b"\n")
    assert "binary form is not read" in command(*lstm, "model.embedding_from=v.bin").error


@pytest.mark.long
def test_an_lstm_that_begins_with_vectors_of_all_of_ptb_learns_more_from_a_part_of_it(train, real_data):
    """One epoch over the first 100,000 words, three seeds; vectors as wide as the random start."""
    assert real_data
    word2vec = ("optimizer=sgd", "optimizer.lr=0.5", "reduction=sum_over_time", "schedule=linear", "epochs=5")
    run = train("data=ptb", "model=skipgram", "threads=1", *word2vec)
    for seed in range(3):
        lstm = ("data=ptb", "data.corpus_size=100000", "epochs=1", "threads=1", f"seed={seed}")
        vectors = (f"model.embedding_from={run.folder}", "model.embedding_std=1.0")
        random, begun = (values(train(*lstm, *options), "valid/perplexity")[0] for options in ((), vectors))
        print(f"seed {seed}: validation perplexity {random:.2f} from a random start, {begun:.2f} from vectors")
        assert begun < random - 5
