"""Weights that learned labels read other labelled data: through their vocabulary, with their classes."""

import pytest

from experiments.checkpoints import checkpoint

from ..conftest import values


def table(path, rows):
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    return str(path)


@pytest.fixture
def trained(train, tmp_path):
    rows = [(f"{word} film", label) for label, word in (("bad", "dull"), ("good", "great"), ("so-so", "fair"))]
    path = table(tmp_path / "a.tsv", rows * 40)
    return train("data=labelled", f"data.path={path}", "model.hidden_size=8", "optimizer.lr=0.05", "epochs=4")


EVALUATE = ("runner=evaluate", "runner.split=train", "data.valid_fraction=0", "data.test_fraction=0", "tracker=memory")


def test_other_data_is_read_with_the_vocabulary_and_the_classes_of_the_weights(trained, command, tmp_path):
    assert values(trained, "test/accuracy") == [1.0]
    path = table(tmp_path / "b.tsv", [("a great thing", "good"), ("fair enough", "so-so"), ("dull", "odd")])
    outcome = command(*EVALUATE, f"checkpoint={trained.name}", f"data.path={path}")
    assert outcome.code == 0, outcome.error
    assert "accuracy 1 " in outcome.out  # with classes of its own good would be 0 and so-so 1
    assert "over 2 targets" in outcome.out
    assert "texts with other labels are left out: 1" in outcome.out
    assert "train 2 sequences of 5 tokens (60.00% unknown)" in outcome.out


def test_the_majority_is_that_of_the_training_of_the_weights(train, command, tmp_path):
    rows = [("dull film", "neg")] * 23 + [("great film", "pos")] * 77
    path = table(tmp_path / "a.tsv", rows)
    run = train("data=labelled", f"data.path={path}", "model.hidden_size=4", "epochs=1")
    other = table(tmp_path / "b.tsv", [("dull film", "neg")] * 39 + [("great film", "pos")] * 11)
    evaluated = command(*EVALUATE, f"checkpoint={run.name}", f"data.path={other}")
    assert "majority_accuracy 22.00%" in evaluated.out  # of the most frequent class in a.tsv, with 11 of 50 texts here
    content = checkpoint.load(run.folder / "best.pt")
    assert content["dataset"].pop("label_counts") == [23 - 2 - 2, 77 - 8 - 8]  # without test and validation
    checkpoint.save(tmp_path / "before.pt", content)  # as versions before wrote it
    evaluated = command(*EVALUATE, f"checkpoint={tmp_path}/before.pt", f"data.path={other}")
    assert "majority_accuracy 78.00%" in evaluated.out
    checkpoint.save(tmp_path / "bad.pt", {**content, "dataset": {**content["dataset"], "label_counts": ["a"]}})
    refused = command(*EVALUATE, f"checkpoint={tmp_path}/bad.pt", f"data.path={other}")
    assert "damaged checkpoint: its label_counts are no numbers of texts" in refused.error


def test_other_classes_are_refused_with_the_line_that_works(trained, command, tmp_path):
    path = table(tmp_path / "b.tsv", [("great", "good"), ("dull", "bad"), ("fair", "so-so")])
    options = (*EVALUATE, f"checkpoint={trained.name}", f"data.path={path}")
    refused = command(*options, "data.labels=[good,bad,so-so]")
    assert "tell bad, good, so-so apart, in this order" in refused.error
    assert "give data.labels=[bad,good,so-so]" in refused.error
    assert command(*options, "data.labels=[bad,good,so-so]").code == 0


def test_the_classes_of_a_single_text_are_scored_as_it_is_read_in_training(trained, command):
    outcome = command("runner=score", f"checkpoint={trained.name}", "runner.text=A GREAT<br />film!", "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert "2 of 4" in outcome.out  # a, ! are unknown; great and film are not
