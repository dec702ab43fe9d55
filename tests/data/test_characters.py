"""Characters of a string or a file."""

import pytest

from experiments.data.characters import Characters
from experiments.data.string import ALPHABET, EMBEDDED, String

OPTIONS = {
    "encoding": "utf-8",
    "line_ends": "normalized",
    "corpus_size": None,
    "held_out": True,
    "lower_case": False,
    "min_count": 1,
    "vocabulary_size": None,
    "vocabulary_file": None,
    "alphabet": None,
    "unknown": None,
    "valid_fraction": 0.1,
    "test_fraction": 0.2,
    "wrap": False,
}


@pytest.fixture
def characters(tmp_path):
    return lambda **options: Characters(**{**OPTIONS, "cache": str(tmp_path / "cache"), **options})


def string(**options):
    return String(**{"text": None, "alphabet": None, "unknown": None, "lower_case": False, "wrap": False, **options})


def test_the_embedded_string_stands_between_start_and_end():
    data = string()
    assert data.vocabulary.decode(data.streams["train"]) == f"0{EMBEDDED}1"
    assert "".join(data.vocabulary.symbols) == ALPHABET == "abcdefghijklmnopqrstuvwxyz ?!.,;01"
    assert (data.num_inputs, data.num_outputs, data.splits) == (34, 34, ("train",))
    assert sum(w.count for w in data.windows("train", 1, 35, epoch=0)) == 49


def test_a_string_may_be_lowered():
    data = string(text="Hello", lower_case=True)
    assert data.vocabulary.decode(data.streams["train"]) == "0hello1"


def test_a_file_is_cut_into_train_valid_and_test_in_order(characters, tmp_path):
    text = "abcdefghij" * 10 + "é"
    (tmp_path / "text.txt").write_text(text + "a" * 99, encoding="utf-8")
    data = characters(path=str(tmp_path / "text.txt"))
    assert {split: len(ids) for split, ids in data.streams.items()} == {"train": 140, "valid": 20, "test": 40}
    assert data.vocabulary.decode(data.streams["train"]).startswith(text)
    assert data.vocabulary.symbols == tuple("abcdefghijé")


def test_held_out_characters_that_training_lacks_are_refused_or_become_unknown(characters, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("ab" * 45 + "Z" + "ab" * 5)
    with pytest.raises(ValueError, match="'Z' at position 9 of the test split"):
        characters(path=str(file))
    data = characters(path=str(file), unknown="?")
    assert "?" in data.vocabulary.decode(data.streams["test"])
    assert data.num_inputs == 3


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"path": "text.txt", "valid_fraction": 1.0}, "valid_fraction"),
        ({"path": "text.txt", "valid_fraction": 0.6, "test_fraction": 0.5}, "leaves no training text"),
        ({"path": "empty.txt"}, "empty.txt is empty"),
        ({"path": "latin.txt"}, "latin.txt is not UTF-8 text: byte 3 is 0xe9"),
        ({"path": "txet.txt"}, "no data file txet.txt; did you mean text.txt"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_a_reason(characters, options, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("some text")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises((ValueError, FileNotFoundError), match=part):
        characters(**options)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"text": ""}, "text is empty"),
        ({"text": "Hello"}, "'H' at position 1 .* did you mean 'h'"),
        ({"text": "abc", "alphabet": "aab01"}, "'a' twice"),
        ({"text": "abc", "unknown": "??"}, "one character"),
    ],
)
def test_a_string_that_cannot_be_used_is_refused_with_a_reason(options, part):
    with pytest.raises(ValueError, match=part):
        string(**options)


def test_line_ends_are_normalized_or_kept(characters, tmp_path):
    whole = {"path": str(tmp_path / "text.txt"), "valid_fraction": 0.0, "test_fraction": 0.0}
    (tmp_path / "text.txt").write_bytes("\ufeffab\r\nc\rd\n".encode())
    data = characters(**whole)
    assert data.vocabulary.decode(data.streams["train"]) == "ab\nc\nd\n"
    data = characters(**whole, line_ends="kept")
    assert data.vocabulary.decode(data.streams["train"]) == "ab\r\nc\rd\n"


def test_the_fingerprint_tells_texts_apart():
    assert string().fingerprint == string().fingerprint
    assert string().fingerprint != string(text="hello").fingerprint
    assert string().fingerprint != string(alphabet=ALPHABET + "Z").fingerprint


def test_what_each_split_holds_is_known(characters, tmp_path):
    (tmp_path / "text.txt").write_text("ab c\n" * 19 + "ab Z\n")
    data = characters(path=str(tmp_path / "text.txt"), unknown="?", valid_fraction=0.0, test_fraction=0.1)
    assert data.statistics == {"train": (90, 0, 90, 54), "test": (10, 1, 10, 6)}
    assert string(text="a b").statistics == {"train": (5, 0, 5, 2)}


def test_a_given_vocabulary_is_used_in_place_of_the_texts_own(characters, tmp_path):
    (tmp_path / "text.txt").write_text("abc" * 10)
    vocabulary = string(alphabet="ba01", unknown="-").vocabulary
    data = characters(path=str(tmp_path / "text.txt"), vocabulary=vocabulary)
    assert data.vocabulary is vocabulary
    assert data.streams["train"][:3].tolist() == [1, 0, 4]
    assert string(text="bc", vocabulary=vocabulary).streams["train"].tolist() == [2, 0, 4, 3]
