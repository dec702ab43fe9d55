"""The Penn Treebank reader against the facts everyone uses."""

import pytest

from experiments.data.ptb import PennTreebank

TRAIN = "the cat sat\non the <unk>\n"


OPTIONS = {"url": "http://127.0.0.1:1", "timeout": 1.0, "corpus_size": None, "held_out": True, "wrap": False}


@pytest.fixture
def ptb(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return lambda path, **options: PennTreebank(**{**OPTIONS, "path": str(path), "cache": str(cache), **options})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ptb.train.txt").write_text(TRAIN)
    (tmp_path / "ptb.valid.txt").write_text("the dog sat\n")
    (tmp_path / "ptb.test.txt").write_text("cat\n")
    return tmp_path


def test_ids_in_order_of_first_appearance_with_an_end_of_sentence_per_line(ptb, folder):
    data = ptb(folder)
    assert data.vocabulary.symbols == ("the", "cat", "sat", "<eos>", "on", "<unk>")
    assert data.streams["train"].tolist() == [0, 1, 2, 3, 4, 0, 5, 3]
    assert data.vocabulary.decode(data.streams["valid"]) == "the <unk> sat <eos>"


def test_a_held_out_word_is_refused_when_training_has_no_unknown(ptb, folder):
    with pytest.raises(ValueError, match=r"'dog' at position 1 of .*ptb.valid.txt"):
        ptb(folder, corpus_size=4)
    assert ptb(folder, corpus_size=4, held_out=False).splits == ("train",)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (
            {"path": "/nowhere"},
            "there is no folder /nowhere; give data.path=FOLDER .* or data.path=null to download them",
        ),
        ({"corpus_size": 1}, "at least 2"),
        ({"corpus_size": 99}, "more than the 8 training words"),
    ],
)
def test_impossible_options_are_refused(ptb, folder, options, part):
    with pytest.raises((ValueError, FileNotFoundError), match=part):
        ptb(**{"path": folder, **options})


def test_a_missing_and_an_empty_file_are_named(ptb, folder):
    (folder / "ptb.test.txt").write_text("")
    with pytest.raises(ValueError, match=r"ptb.test.txt is empty"):
        ptb(folder)
    (folder / "ptb.valid.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no data file .*ptb.valid.txt"):
        ptb(folder)


def test_the_real_treebank_has_the_known_numbers_of_tokens_and_types(ptb, real_data):
    data = ptb(real_data / "ptb")
    assert {split: len(ids) for split, ids in data.streams.items()} == {"train": 929589, "valid": 73760, "test": 82430}
    assert len(data.vocabulary) == 10000
    clipped = ptb(real_data / "ptb", corpus_size=1000)
    assert len(clipped.vocabulary) == 418
    assert len(clipped.streams["valid"]) == 73760  # unknown words became <unk>
