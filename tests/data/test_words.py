"""Text files as words: rules, splits, cache."""

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments.data.files import corpus, splits
from experiments.data.words import Words
from experiments.interfaces.vocabularies import from_state_dict
from experiments.interfaces.vocabulary import Vocabulary

OPTIONS = {
    "encoding": "utf-8",
    "line_ends": "normalized",
    "vocabulary_file": None,
    "corpus_size": None,
    "held_out": True,
    "lower_case": False,
    "end_of_line": "<eos>",
    "min_count": 1,
    "vocabulary_size": None,
    "unknown": "<unk>",
    "valid_fraction": 0.0,
    "test_fraction": 0.0,
    "wrap": False,
}


@pytest.fixture
def words(tmp_path):
    def build(text: str | None = None, **options):
        path = tmp_path / "text.txt"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        return Words(**{**OPTIONS, "path": str(path), "cache": str(tmp_path / "cache"), **options})

    return build


def read(data, split="train"):
    return data.vocabulary.decode(data.streams[split])


def test_ids_in_order_of_first_appearance(words):
    data = words("b a b\nc a\n")
    assert data.vocabulary.symbols == ("b", "a", "<eos>", "c")
    assert data.streams["train"].tolist() == [0, 1, 0, 2, 3, 1, 2]


def test_a_last_line_without_an_end_ends_all_the_same(words):
    assert read(words("a b\nc")) == "a b <eos> c <eos>"
    assert read(words("a b\nc", end_of_line=None)) == "a b c"
    assert read(words("A b\r\nC", lower_case=True)) == "a b <eos> c <eos>"


def test_rare_words_become_unknown(words):
    text = "a a a b b c\n"
    assert read(words(text, min_count=2)) == "a a a b b <unk> <unk>"  # the end of the line is rare too
    assert read(words(text, vocabulary_size=2)) == "a a a <unk> <unk> <unk> <unk>"
    assert read(words(text, vocabulary_size=3)) == "a a a b b <unk> <unk>"
    assert words(text, vocabulary_size=3).num_inputs == 3
    assert read(words(text, vocabulary_size=99)) == "a a a b b c <eos>"
    with pytest.raises(ValueError, match="leaves words out, but unknown is null"):
        words(text, min_count=2, unknown=None)


def test_a_file_is_cut_at_line_ends(words):
    data = words("".join(f"w{k % 7} x\n" for k in range(100)), valid_fraction=0.1, test_fraction=0.2)
    assert list(data.splits) == ["train", "valid", "test"]
    lines = {split: read(data, split).count("<eos>") for split in data.splits}
    assert sum(lines.values()) == 100
    assert lines == pytest.approx({"train": 70, "valid": 10, "test": 20}, abs=1)
    assert all(read(data, split).endswith(" x <eos>") for split in data.splits)


def test_held_out_words_are_unknown_or_refused(words):
    text = "a b <unk>\n" * 9 + "a new\n"
    assert read(words(text, test_fraction=0.1), "test") == "a <unk> <eos>"
    with pytest.raises(ValueError, match=r"'new' at position 1 of .*text.txt is not .* give data.held_out=false"):
        words(text.replace("<unk>", "c"), test_fraction=0.1)
    with pytest.raises(ValueError, match=r"'new' .* give data.min_count=10, which makes its rarest words unknown"):
        words(text.replace("<unk>", "a"), test_fraction=0.1)
    assert read(words(test_fraction=0.1, min_count=10), "test") == "a <unk> <unk>"


def test_a_folder_has_a_file_per_split(words, tmp_path):
    folder = tmp_path / "wiki"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"wiki.{split}.tokens").write_text(f"the {split} <unk>\n")
    data = words(path=str(folder))
    assert read(data, "valid") == "the <unk> <unk> <eos>"
    (folder / "latest.txt").write_text("no part of this name is a split's")
    assert words(path=str(folder)).splits == ("train", "valid", "test")
    (folder / "my-val.txt").write_text("twice\n")
    with pytest.raises(ValueError, match=r"several files for valid: my-val.txt, wiki.valid.tokens"):
        words(path=str(folder))
    (folder / "my-val.txt").unlink()
    (folder / "wiki.test.tokens").rename(folder / "train-test.txt")
    (folder / "wiki.train.tokens").unlink()
    with pytest.raises(FileNotFoundError, match="no file with train, and no other split, in its name"):
        words(path=str(folder))
    (folder / "train.txt").write_text("the train <unk>\n")
    (folder / "train_test_split.py").write_text("a script\n")
    assert words(path=str(folder)).splits == ("train", "valid")


def test_blocks_do_not_change_the_words(words, monkeypatch):
    text = "".join(f"wörd{k % 50} {'x ' * (k % 5)}\n" for k in range(500))
    whole = read(words(text))
    monkeypatch.setattr(corpus, "LAYOUT", -1)  # another cache entry
    monkeypatch.setattr(splits, "BLOCK", 37)
    assert read(words(text)) == whole
    assert read(words(text, corpus_size=123)).split() == whole.split()[:123]
    with pytest.raises(ValueError, match=r"'new' at position 297 of .* is not in the .*give data.held_out=false"):
        words("a b\n" * 999 + "new\n", test_fraction=0.1)


def test_a_text_without_line_ends_is_cut_between_words(words, monkeypatch):
    monkeypatch.setattr(splits, "BLOCK", 64)
    monkeypatch.setattr(splits, "SEARCH", 32)
    data = words("ab cde " * 1000 + "ab", valid_fraction=0.1, test_fraction=0.1, end_of_line=None)
    assert sum(len(ids) for ids in data.streams.values()) == 2001
    assert len(data.streams["test"]) == pytest.approx(200, abs=2)
    assert set(data.vocabulary.symbols) == {"ab", "cde"}


def test_a_mark_of_the_byte_order_is_no_word(words):
    assert read(words("\ufeffa b\n")) == "a b <eos>"


def test_what_each_split_holds_is_known(words):
    data = words("a b\na c\na b\na\n" * 10 + "a b new", min_count=11, test_fraction=0.05)
    assert data.statistics["train"] == (110, 10, 140, 110)  # of each four lines one word is c
    assert data.statistics["test"] == (4, 1, 7, 4)
    assert words(corpus_size=4, min_count=2).statistics["train"] == (4, 2, 5, 4)
    assert words(end_of_line=None, min_count=1).statistics["train"] == (73, 0, 147, 113)  # 40 line ends


def test_a_given_vocabulary_is_used_with_its_case_and_its_ends_of_lines(words):
    vocabulary = words("a B b c\n", lower_case=True, min_count=2, end_of_line="<e>").vocabulary
    assert vocabulary.symbols == ("b", "<unk>")
    data = words("B x\n", vocabulary=from_state_dict(vocabulary.state_dict()))
    assert read(data) == "b <unk> <unk>"
    assert data.statistics["train"] == (3, 2, 4, 3)
    with pytest.raises(ValueError, match=r"'x' at position 0 .* is not in the vocabulary"):
        words("x y\n", vocabulary=Vocabulary(["y"], separator=" "))


def test_a_damaged_cache_entry_is_named(words, tmp_path):
    words("a b\n")
    (entry,) = (tmp_path / "cache" / "texts").glob("*/corpus.json")
    entry.write_text("")
    with pytest.raises(ValueError, match=rf"the cache entry {entry.parent} is damaged .*: delete that folder"):
        words("a b\n")


@pytest.mark.parametrize("option", ["end_of_line", "unknown"])
@pytest.mark.parametrize("word", ["", "a b"])
def test_the_symbols_of_ones_own_are_one_word(words, option, word):
    with pytest.raises(ValueError, match=f"{option} must be one word or null"):
        words("a b\n", **{option: word})


def test_the_cache_is_used_and_follows_content_and_rules(words, tmp_path, monkeypatch):
    entries = tmp_path / "cache" / "texts"
    words("a b\n")
    monkeypatch.setattr(corpus, "build", None)  # whoever builds now fails
    assert isinstance(words("a b\n").streams["train"], np.memmap)
    monkeypatch.undo()
    words("a c\n")
    words("a c\n", lower_case=True)
    assert len([entry for entry in os.listdir(entries) if not entry.endswith(".lock")]) == 3


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"\n\n", None),
        (b" \t ", "holds no words"),
        (b"fine\n" * 9 + b"caf\xe9\n", "not UTF-8 text: byte 48 is 0xe9"),
        (b"one", "holds 1 words; at least 2"),
    ],
)
def test_a_bad_file_is_refused_and_leaves_no_half_written_cache(words, tmp_path, content, part):
    (tmp_path / "text.txt").write_bytes(content)
    if part is None:
        assert read(words()) == "<eos> <eos>"
        return
    with pytest.raises(ValueError, match=part):
        words(end_of_line=None)
    entries = tmp_path / "cache" / "texts"
    assert not entries.exists() or all(name.endswith(".lock") for name in os.listdir(entries))


def _build(path, cache):
    return Words(**{**OPTIONS, "path": path, "cache": cache}).fingerprint


def test_two_processes_that_build_at_once_agree(tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"w{k} " for k in range(20_000)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        arguments = (str(tmp_path / "text.txt"), str(tmp_path / "cache"))
        one, other = pool.starmap(_build, [arguments, arguments])
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("end", ["\n", " "])
def test_thirty_megabytes_are_read_in_bounded_memory(tmp_path, end):
    line = " ".join(f"word{k}" for k in range(1000)) + end
    with (tmp_path / "text.txt").open("w") as file:
        for _ in range(30_000_000 // len(line)):
            file.write(line)
    script = (
        "import re, sys; from tests.data.test_words import _build; _build(*sys.argv[1:]);"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "text.txt"), str(tmp_path / "cache")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 90  # MiB; Python, NumPy and pytest need about 60, the text 30, a list of its words 250
