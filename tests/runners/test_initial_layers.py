"""Networks that begin with the layers of a language model."""

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.tracking.memory import MemoryStore

from ..conftest import values

SIZES = ("model.hidden_size=8", "model.embedding_size=6", "threads=1", "batch_size=4", "eval_batch_size=4")
LAYERS = ("W_ih", "W_hh", "b_ih", "b_hh")


@pytest.fixture
def language_model(train_once, reviews):
    """A run of a language model over the training reviews, and its weights."""

    def made(model: str = "torch_lstm", *options: str):
        data = ("data=imdb_stream", f"data.path={reviews.name}", "epochs=1", "truncation=5")
        run = train_once(*data, *SIZES, f"model={model}", *options)
        return run, checkpoint.load(run.folder / "best.pt")

    return made


def still(reviews, model: str, run, *others: str) -> list[str]:
    """A classifier that begins with the layers of a run and does not learn."""
    begins = (f"model={model}", f"model.layers_from={run.folder}", "optimizer=sgd", "optimizer.lr=0", "epochs=1")
    return ["data=imdb", f"data.path={reviews}", *SIZES, *begins, *others]


def rows(content) -> dict[str, torch.Tensor]:
    """The embedding's rows by symbol."""
    return dict(zip(content["dataset"]["vocabulary"]["symbols"], content["model"]["embedding.W"]))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("first", "second"), [("torch", "numpy"), ("numpy", "torch")])
def test_layers_and_embedding_are_those_of_the_language_model(train, language_model, reviews, cell, first, second):
    run, old = language_model(f"{first}_{cell}", "model.num_layers=2")
    options = still(reviews, f"{second}_{cell}", run, "model.num_layers=2", "model.pooling=mean_max")
    new = checkpoint.load(train(*options).folder / "best.pt")
    for name in (f"layers.{k}.{W}" for k in range(2) for W in LAYERS):
        assert torch.equal(new["model"][name], old["model"][name]), name
    before, after = rows(old), rows(new)
    assert before.keys() - after.keys() == {"<eos>"}
    assert all(torch.equal(after[symbol], before[symbol]) for symbol in after)
    assert new["model"]["output.W"].shape == (2, 16)


def test_symbols_are_matched_by_their_text_and_the_others_are_counted(command, language_model, tmp_path):
    run, old = language_model()
    for label, word in (("one", "heron"), ("two", "otter")):  # in another order, and with words of their own
        folder = tmp_path / "own" / label
        folder.mkdir(parents=True)
        for k in range(20):
            (folder / f"{k}.txt").write_text(f"zebra film {word} the film")
    options = still(tmp_path / "own", "torch_lstm", run, "data=labelled", "tracker=memory")
    outcome = command(*options)
    assert outcome.code == 0, outcome.error
    before, after = rows(old), rows(checkpoint.load(MemoryStore.ended[-1].folder / "best.pt"))
    unknown = after.keys() - before.keys()
    assert unknown == {"zebra", "heron", "otter"}
    shared = after.keys() & before.keys()
    assert all(torch.equal(after[symbol], before[symbol]) for symbol in shared)
    assert f"embedding: {len(shared)} of {len(after)} symbols" in outcome.out
    assert "3 keep their random start" in outcome.out
    assert "layers: layers.0 as in" in outcome.out


def test_a_one_hot_network_takes_the_columns_of_its_symbols(train, language_model, reviews):
    run, old = language_model("torch_lstm", "model.embedding_size=null")
    options = still(reviews, "numpy_lstm", run, "model.embedding_size=null")
    new = checkpoint.load(train(*options).folder / "best.pt")
    columns = (
        dict(zip(content["dataset"]["vocabulary"]["symbols"], content["model"]["layers.0.W_ih"].T))
        for content in (old, new)
    )
    before, after = columns
    assert len(after) > 5
    assert all(torch.equal(after[symbol], before[symbol]) for symbol in after)
    assert torch.equal(new["model"]["layers.0.W_hh"], old["model"]["layers.0.W_hh"])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("model.hidden_size=9",), "give model.hidden_size=8"),
        (("model.num_layers=2", "model.bias=single"), "give model.num_layers=1 model.bias=double"),
        (("model.bidirectional=true",), "give model.bidirectional=false"),
        (("model.embedding_size=null",), "give model.embedding_size=6"),
        (("model=torch_gru",), "give model.cell=lstm"),
        (("model.hidden_size=null", "model.parameters=5000"), "give model.hidden_size=8 model.parameters=null"),
        (("model.embedding_from=latest",), "there is no checkpoint"),
    ],
)
def test_layers_of_another_form_are_refused_with_the_line_to_type(command, language_model, reviews, options, line):
    run, _ = language_model()
    before = len(MemoryStore.ended)
    outcome = command(*still(reviews, "torch_lstm", run, *options, "tracker=memory"))
    assert outcome.code == 1
    assert line in outcome.error
    assert outcome.error.count("\n") <= 1
    assert len(MemoryStore.ended) == before


def test_layers_of_different_sizes_are_taken_too(train, command, language_model, reviews):
    sizes = ("model.num_layers=2", "model.hidden_size=[8,5]")
    run, old = language_model("numpy_gru", *sizes)
    new = checkpoint.load(train(*still(reviews, "torch_gru", run, *sizes)).folder / "best.pt")
    assert all(torch.equal(new["model"][name], W) for name, W in old["model"].items() if name.startswith("layers"))
    outcome = command(*still(reviews, "torch_gru", run, "model.num_layers=2", "tracker=memory"))
    assert "give model.hidden_size=[8,5]" in outcome.error


def test_sources_without_layers_are_refused(command, train, language_model, reviews):
    counted = train("data=imdb", f"data.path={reviews}", "model=bag_of_words", "threads=1", "model.min_count=1")
    assert "has no recurrent layers" in command(*still(reviews, "torch_lstm", counted, "tracker=memory")).error
    run, _ = language_model()
    sweep = command("-m", *still(reviews, "torch_lstm", run, "model.layers_from=latest", "seed=0,1", "tracker=memory"))
    assert "model.layers_from=latest is another one when the sweep is resumed" in sweep.error
    twice = still(reviews, "torch_lstm", run, f"model.embedding_from={run.folder}", "tracker=memory")
    assert "do not go together" in command(*twice).error


def test_the_recipe_says_which_recipe_comes_first(command, reviews):
    outcome = command("recipe=imdb_pretrained", f"data.path={reviews}", "tracker=memory")
    assert outcome.code == 1
    assert "type experiments recipe=imdb_language_model first" in outcome.error


def test_the_layers_decide_the_identity_and_their_place_does_not(train, language_model, reviews, tmp_path):
    run, _ = language_model()
    other, _ = language_model("torch_lstm", "seed=1")
    copy = tmp_path / "copy.pt"
    copy.write_bytes((run.folder / "best.pt").read_bytes())
    options = still(reviews, "torch_lstm", run)
    tags = [train(*options, f"model.layers_from={where}").tags for where in (run.folder, copy, other.folder, "null")]
    assert tags[0]["identity"] == tags[1]["identity"]
    assert len({each["identity"] for each in tags}) == 3
    assert "layers_digest" not in tags[-1]


def test_a_checkpoint_needs_the_language_model_no_more(command, train, language_model, reviews):
    run, _ = language_model()
    trained = train(*still(reviews, "torch_lstm", run))
    (run.folder / "best.pt").unlink()
    outcome = command("runner=evaluate", "runner.split=valid", f"checkpoint={trained.folder}", "tracker=memory")
    assert outcome.code == 0, outcome.error
    outcome = command(f"resume={trained.name}", "epochs=2", "tracker=memory")
    assert "model.layers_from" in outcome.error


def test_reviews_as_a_text_hold_the_training_reviews_without_those_held_out(train, language_model, reviews):
    """Each is followed by <eos>, and none of the test reviews is read."""
    (reviews / "test" / "pos" / "0_9.txt").write_text("onlyintest")
    _, content = language_model("torch_lstm", "data.valid_fraction=0.25")
    assert content["dataset"]["vocabulary"]["symbols"][-1] == "<eos>"
    assert "onlyintest" not in rows(content)
    labelled = train("data=imdb", f"data.path={reviews}", *SIZES, "data.valid_fraction=0.25", "epochs=1")
    assert {*rows(content)} - {*rows(checkpoint.load(labelled.folder / "best.pt"))} == {"<eos>"}


def test_the_texts_of_both_splits_are_those_of_the_labelled_data(reviews, tmp_path):
    """Cut at <eos>, the streams hold the same reviews as the sequences do, in another order."""
    from experiments.data import Imdb, ImdbStream

    options = {"path": str(reviews), "url": "", "timeout": 1.0, "cache": str(tmp_path / "cache"), "pattern": r"\w+"}
    options |= {"lower_case": True, "vocabulary_size": None, "max_length": None, "cut": "start"}
    options |= {"valid_fraction": 0.25, "split_seed": 3}
    stream = ImdbStream(**options)
    labelled = Imdb(**options, skip_top=0, unknown="keep", seed=0)
    assert stream.splits == ("train", "valid")
    for split in stream.splits:
        text = stream.vocabulary.decode(stream.streams[split]).split("<eos>")
        found = sorted(each.strip() for each in text[:-1])
        texts = labelled.sequences[split]
        ends = zip(texts.starts[:-1], texts.starts[1:])
        assert found == sorted(labelled.vocabulary.decode(texts.symbols[a:b]) for a, b in ends)
        assert text[-1] == ""
        assert stream.statistics[split].tokens == len(stream.streams[split])


def test_texts_of_ones_own_are_read_as_one_text(command, train, tmp_path):
    for label, word in (("a", "good"), ("b", "bad")):
        folder = tmp_path / "own" / label
        folder.mkdir(parents=True)
        for k in range(20):
            (folder / f"{k}.txt").write_text(f"a {word} film")
    line = ("data=labelled_stream", "data.path=own", *SIZES, "epochs=1", "truncation=5")
    content = checkpoint.load(train(*line, "model=torch_rnn").folder / "best.pt")
    assert content["dataset"]["vocabulary"]["symbols"][-1] == "<eos>"
    assert not content["dataset"]["labelled"]
    for text in (tmp_path / "own").rglob("*.txt"):
        text.write_text("a <eos> in the text")
    assert "finds it as a word" in command(*line, r"data.pattern=\S+", "tracker=memory").error


def test_a_vocabulary_without_an_end_of_texts_is_refused(command, train, reviews):
    run = train("data=imdb", f"data.path={reviews}", *SIZES, "epochs=1")
    outcome = command("data=imdb_stream", f"data.path={reviews}", f"checkpoint={run.folder}", "tracker=memory")
    assert "have no <eos>" in outcome.error


def test_a_sweep_over_layers_has_a_run_for_each(command, language_model, reviews):
    run, _ = language_model()
    before = len(MemoryStore.ended)
    options = (*still(reviews, "torch_lstm", run), f"model.layers_from=null,{run.folder}")
    outcome = command("-m", *options, "tracker=memory")
    assert outcome.code == 0, outcome.error
    losses = {values(each, "valid/loss")[-1] for each in MemoryStore.ended[before:] if values(each, "valid/loss")}
    assert len(losses) == 2


def test_a_classifier_that_begins_with_a_language_model_of_its_texts_learns(train, language_model, reviews):
    run, _ = language_model("torch_lstm", "epochs=3", "optimizer.lr=0.02")
    options = ("data=imdb", f"data.path={reviews}", *SIZES, "model=torch_lstm", f"model.layers_from={run.folder}")
    trained = train(*options, "model.pooling=mean_max", "epochs=6", "optimizer.lr=0.02")
    assert values(trained, "valid/accuracy")[-1] > 0.8
