"""Checkpoints hold their vocabulary: sampling needs no text, and other texts are read through it."""

import re

import pytest

from experiments.checkpoints import checkpoint
from experiments.config.binding import Bound
from experiments.interfaces.vocabulary import Vocabulary


def test_words_are_detokenized_piece_by_piece_with_line_ends():
    vocabulary = Vocabulary(["<eos>", "a", "b"], separator=" ", end_of_line="<eos>")
    pieces = list(vocabulary.decode_stream([1, 2, 0, 1, 0, 0, 2]))
    assert pieces == ["a", " b", "\n", "a", "\n", "\n", "b"]
    assert vocabulary.split("".join(pieces)) == vocabulary.decode([1, 2, 0, 1, 0, 0, 2]).split()
    assert "".join(Vocabulary("ab\n", separator="").decode_stream([0, 1, 2, 0])) == "ab\na"


pytestmark = pytest.mark.usefixtures("texts")


@pytest.fixture
def texts(tmp_path):
    """a.txt, on which networks are trained, and b.txt with a fifth of its words new."""
    (tmp_path / "a.txt").write_text("the cat sat on the mat\nthe dog sat on the log\nthe zebra\n" * 60)
    (tmp_path / "b.txt").write_text("the cat sat on ice\n" * 60)


WORDS = ("data=words", "data.path=a.txt", "model.hidden_size=16", "epochs=2", "batch_size=4", "threads=1")
CHARACTERS = ("data=characters", *WORDS[1:])


@pytest.mark.parametrize("options", [WORDS, CHARACTERS], ids=["words", "characters"])
def test_sampling_needs_no_text(command, train, tmp_path, options):
    run = train(*options)

    def sampled(name: str) -> str:
        again = ("runner=sample", f"checkpoint={run.folder / name}", "tracker=memory", "runner.length=30")
        outcome = command(*again)
        assert outcome.code == 0, outcome.error
        return outcome.out

    names = ("best.pt", "last.pt")
    with_text = [sampled(name) for name in names]
    for text in with_text:
        assert text.startswith("the" if options is WORDS else "t")
        assert "\n" in text.rstrip("\n")
        assert "<eos>" not in text
    (tmp_path / "a.txt").write_text("another text\n")
    assert [sampled(name) for name in names] == with_text
    (tmp_path / "a.txt").unlink()
    assert [sampled(name) for name in names] == with_text


@pytest.mark.parametrize("model", ["torch_lstm", "numpy_rnn", "ngram"])
def test_another_text_is_read_through_the_vocabulary(command, train, tmp_path, model):
    """By hand: ice is not among the training words and cat is too rare: two of six symbols of a line are unknown."""
    run = train("data.min_count=61", f"model={model}", *[o for o in WORDS if model != "ngram" or "model." not in o])
    (tmp_path / "a.txt").unlink()
    outcome = command(
        "runner=evaluate", f"checkpoint={run.folder}", "data.path=b.txt", "tracker=memory", "data.test_fraction=0.5"
    )
    assert outcome.code == 0, outcome.error
    assert f"data read through the vocabulary of {run.folder / 'best.pt'}" in outcome.out
    assert re.search(r"5 types;.* test [0-9,]+ tokens \(33.33% unknown\)", outcome.out)
    on = train(f"checkpoint={run.folder}", "data.path=b.txt", "epochs=1", "batch_size=2")
    assert on.status == "FINISHED"
    content = checkpoint.load(on.folder / "best.pt")
    assert content["dataset"]["vocabulary"] == checkpoint.load(run.folder / "best.pt")["dataset"]["vocabulary"]


def test_another_text_is_not_read_in_the_encoding_of_the_training_text(command, train, tmp_path):
    """Every other word is not in ASCII: read as latin-1 the half of the symbols of the UTF-8 file were unknown."""
    line = "der Bär the café\r\n"
    (tmp_path / "latin.txt").write_bytes(("rare words\r\n" + line * 60).encode("latin-1"))
    (tmp_path / "latin2.txt").write_bytes((line * 50).encode("latin-1"))
    (tmp_path / "utf8.txt").write_bytes((line * 50).encode())
    words = ("data=words", "data.path=latin.txt", *WORDS[2:])
    run = train(*words, "data.encoding=latin-1", "data.line_ends=kept")
    again = ("runner=evaluate", f"checkpoint={run.folder}", "tracker=memory")
    other = command(*again, "data.path=utf8.txt")
    assert other.code == 0, other.error
    assert re.search(r"test [0-9,]+ tokens \(0.00% unknown\)", other.out), other.out
    assert "utf8.txt is read with data.encoding=utf-8 (the text of training: latin-1); type data.encoding" in other.out
    assert "utf8.txt is read with data.line_ends=normalized (the text of training: kept); type" in other.out
    refused = command(*again, "data.path=latin2.txt").error
    assert "latin2.txt is not UTF-8 text: byte 5 is 0xe4; give data.encoding=latin-1" in refused
    for same in (("data.path=latin2.txt", "data.encoding=latin-1"), ("data.path=latin.txt",), ()):
        outcome = command(*again, *same)
        assert outcome.code == 0, outcome.error
        assert "data.encoding" not in outcome.out
        assert re.search(r"test [0-9,]+ tokens \(0.00% unknown\)", outcome.out)


def test_what_a_vocabulary_without_unknown_lacks_is_named(command, train, tmp_path):
    run = train(*CHARACTERS)
    (tmp_path / "c.txt").write_text("the cat sat quietly\n" * 20)
    for runner in ("evaluate", "train"):
        error = command(f"runner={runner}", f"checkpoint={run.folder}", "data.path=c.txt", "tracker=memory").error
        assert "'q' at position 12 of the train split of" in error
        assert "nor are 'u', 'i', 'y'" in error
        assert "train the weights again with data.min_count=2, so that rare characters become unknown" in error
        assert len(error.splitlines()) == 1


def test_what_to_do_about_a_word_that_a_vocabulary_without_unknown_lacks_is_said_and_helps(command, train):
    run = train(*WORDS)
    again = ("runner=evaluate", "data.path=b.txt", "tracker=memory")
    error = command(f"checkpoint={run.folder}", *again).error
    assert "'ice' at position 4 of the train split" in error
    assert "weights again with a larger data.min_count, so that rare words become <unk>" in error
    run = train(*WORDS, "data.min_count=61")
    assert command(f"checkpoint={run.folder}", *again).code == 0


def test_data_in_another_unit_than_the_weights_is_refused_with_the_choice_that_fits(command, train, tmp_path):
    """With data=string all symbols were unknown, and the run finished."""
    (tmp_path / "rare.txt").write_text("the zebra\n" + "the cat sat on the mat\n" * 50)
    run = train("data=words", "data.path=rare.txt", *WORDS[2:])
    (tmp_path / "labelled.csv").write_text("text,label\n" + "the cat,a\nthe mat,b\n" * 20)
    others = {
        "characters": ("data=string",),
        "words of labelled texts": ("data=labelled", "data.path=labelled.csv"),
        "bytes": ("data=bytes", "data.path=b.txt"),
    }
    for kind, data in others.items():
        for runner in ("evaluate", "train"):
            error = command(f"runner={runner}", f"checkpoint={run.folder}", *data, "tracker=memory").error
            assert f"symbols of checkpoint= are words, and this data is read as {kind}: give data=words data" in error
    fits = command("runner=evaluate", f"checkpoint={run.folder}", "data=words", "data.path=b.txt", "tracker=memory")
    assert fits.code == 0, fits.error


def test_a_new_vocabulary_for_old_weights_is_refused_with_the_reason(command, train):
    run = train(*WORDS)
    for option in ("data.min_count=3", "data.vocabulary_size=5", "data.unknown=null", "data.lower_case=true"):
        error = command(f"checkpoint={run.folder}", option, "tracker=memory").error
        assert f"{option} would choose another vocabulary, but the weights in {run.folder / 'best.pt'}" in error
        assert "leave it out, or train new weights without checkpoint=" in error
    same = command("runner=evaluate", f"checkpoint={run.folder}", "data.min_count=2", "tracker=memory")
    assert same.code == 0, same.error  # what the training had anyway


def test_a_checkpoint_with_a_damaged_vocabulary_is_refused(command, train, tmp_path):
    run = train(*WORDS)
    content = checkpoint.load(run.folder / "best.pt")
    for damage in ({}, {**content["dataset"], "vocabulary": {"symbols": 3}}, {**content["dataset"], "labels": None}):
        checkpoint.save(tmp_path / "damaged.pt", {**content, "dataset": damage})
        error = command("runner=sample", f"checkpoint={tmp_path / 'damaged.pt'}", "tracker=memory").error
        assert f"{tmp_path / 'damaged.pt'} is a damaged checkpoint: it" in error, error


class Sized:
    def __init__(self, num_inputs: int, *, sentence_end: int | None = None):
        self.given = {"num_inputs": num_inputs, "sentence_end": sentence_end}


class Open:
    def __init__(self, **options):
        self.given = options


class Forwarding(Sized):
    def __init__(self, **options):
        super().__init__(**options)


class Deaf(Sized):
    def __init__(self, num_inputs: int):
        super().__init__(num_inputs)


class OverDeaf(Deaf):
    def __init__(self, **options):
        super().__init__(**options)


@pytest.mark.parametrize(
    ("target", "late", "given"),
    [
        (Sized, {"num_inputs": 2, "num_outputs": 3}, {"num_inputs": 2, "sentence_end": 7}),
        (Open, {"num_inputs": 2, "num_outputs": 3}, {"num_inputs": 2, "num_outputs": 3}),
        (lambda **options: Open(**options), {"num_inputs": 2}, {"num_inputs": 2}),
        (Forwarding, {"num_inputs": 2}, {"num_inputs": 2, "sentence_end": 7}),
        (Deaf, {"num_inputs": 2}, {"num_inputs": 2, "sentence_end": None}),
        (OverDeaf, {"num_inputs": 2}, {"num_inputs": 2, "sentence_end": None}),
    ],
)
def test_a_constructor_with_options_gets_the_sizes_and_of_the_rest_what_is_named(target, late, given):
    """What a base class names is given too, where the options go on to it."""
    assert Bound("model", target, {}).build({"sentence_end": 7}, **late).given == given
