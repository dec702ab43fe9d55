"""What a symbol is: words, characters, bytes and sub-words read by one pipeline."""

import json
import subprocess
import sys

import numpy as np
import pytest

from experiments.checkpoints.initial_weights import InitialWeights
from experiments.checkpoints.stored_dataset import StoredDataset
from experiments.config.errors import MissingLibrary
from experiments.data.files import splits
from experiments.interfaces.vocabularies import PatternVocabulary, from_state_dict

MIXED = "Ein Café, 나는 간다.\n\n  e\u0301 👩\u200d👧 天地\ttab ΣΑΣ\n" * 40


@pytest.fixture
def mixed(tmp_path):
    (tmp_path / "mixed.txt").write_text(MIXED, encoding="utf-8")
    return tmp_path / "mixed.txt"


def test_a_vocabulary_reads_a_text_as_its_dataset_did_also_from_its_state(build, unit, mixed):
    data = build(unit, mixed, lower_case=True, valid_fraction=0.0, test_fraction=0.0)
    again = from_state_dict(json.loads(json.dumps(data.vocabulary.state_dict())))
    assert again.symbols == data.vocabulary.symbols
    assert (again.fingerprint, again.unit) == (data.vocabulary.fingerprint, data.vocabulary.unit)
    ids = data.streams["train"].tolist()
    assert again.encode_text(MIXED).tolist() == ids
    assert again.encode(again.split(MIXED)).tolist() == ids
    if unit != "words":
        assert again.decode(ids) == MIXED.lower()
        assert "".join(again.decode_stream(ids)) == MIXED.lower()


def test_blocks_do_not_change_the_symbols(build, unit, mixed, monkeypatch):
    whole = build(unit, mixed)
    monkeypatch.setattr(splits, "BLOCK", 41)
    (mixed.parent / "again.txt").write_text(MIXED, encoding="utf-8")
    pieces = build(unit, mixed.parent / "again.txt", cache=str(mixed.parent / "other"))
    assert pieces.fingerprint == whole.fingerprint
    assert pieces.statistics == whole.statistics


def test_statistics_are_those_of_a_plain_count(build, unit, mixed):
    data = build(unit, mixed, valid_fraction=0.0, test_fraction=0.0)
    words = len(MIXED.split()) + MIXED.count("\n")
    unknown = (np.array(data.streams["train"]) == data.vocabulary.unknown_id).sum()
    assert data.statistics["train"] == (len(data.streams["train"]), unknown, len(MIXED), words)


def test_the_first_symbols_are_kept(build, unit, mixed):
    options = {"valid_fraction": 0.0, "test_fraction": 0.0}
    if unit in ("words", "characters"):
        options["min_count"] = 1
    data = build(unit, mixed, corpus_size=61, **options)
    text = data.vocabulary.decode(data.streams["train"])
    if unit == "words":
        assert text.split() == MIXED.replace("\n", " <eos> ").split()[:61]
    else:
        assert text == (MIXED[:61] if unit != "bytes" else MIXED.encode()[:61].decode(errors="ignore"))
        assert data.statistics["train"].characters == len(text)
    with pytest.raises(ValueError, match=r"corpus_size=99999 is more than the \d+ training "):
        build(unit, mixed, corpus_size=99999)


def test_the_ids_on_disk_are_no_wider_than_they_must_be(build, tmp_path):
    (tmp_path / "many.txt").write_text("".join(chr(0x4E00 + k % 300) for k in range(3000)), encoding="utf-8")
    assert build("characters", tmp_path / "many.txt").streams["train"].dtype == np.uint16
    assert build("characters", tmp_path / "many.txt", vocabulary_size=256).streams["train"].dtype == np.uint8
    windows = build("characters", tmp_path / "many.txt").windows("valid", 7, 5)
    assert sum(window.count for window in windows) == 299
    assert windows[len(windows) - 1].inputs.dtype == np.int64


def test_held_out_characters_are_unknown_by_default_and_training_learns_that_symbol(build, tmp_path):
    (tmp_path / "text.txt").write_text("ab" * 44 + "cd" + "Za" * 5)
    options = {"valid_fraction": 0.0, "test_fraction": 0.1}
    data = build("characters", tmp_path / "text.txt", **options)
    assert data.vocabulary.symbols == ("a", "b", "\ufffd")
    assert {split: held.unknown for split, held in data.statistics.items()} == {"train": 2, "test": 5}
    assert build("characters", tmp_path / "text.txt", **options, held_out=False).vocabulary.symbols == tuple("abcd")
    (tmp_path / "text.txt").write_text("ab" * 45 + "Za" * 5)  # no character is rare: the symbol stays unlearned
    assert build("characters", tmp_path / "text.txt", **options).vocabulary.symbols == ("a", "b", "\ufffd")
    with pytest.raises(
        ValueError, match=r"'Z' at position 0 of the test split .* give data.unknown=auto, or data.unknown=C"
    ):
        build("characters", tmp_path / "text.txt", **options, unknown=None)


def test_rare_characters_become_unknown(build, tmp_path):
    (tmp_path / "text.txt").write_text("aaaaBBBccd")
    whole = {"valid_fraction": 0.0, "test_fraction": 0.0}
    assert build("characters", tmp_path / "text.txt", **whole).vocabulary.symbols == tuple("Bacd")
    assert build("characters", tmp_path / "text.txt", **whole, min_count=3).vocabulary.symbols == tuple("Ba\ufffd")
    assert build("characters", tmp_path / "text.txt", **whole, vocabulary_size=3).vocabulary.symbols == tuple(
        "Ba\ufffd"
    )
    lowered = build("characters", tmp_path / "text.txt", **whole, lower_case=True, min_count=2, unknown="?")
    assert lowered.vocabulary.symbols == tuple("abc?")
    assert lowered.vocabulary.decode(lowered.streams["train"]) == "aaaabbbcc?"
    with pytest.raises(ValueError, match="leaves characters out, but unknown is null"):
        build("characters", tmp_path / "text.txt", **whole, min_count=3, unknown=None)


@pytest.mark.parametrize(("name", "content"), [("v.txt", "b\n\na\n"), ("v.json", '["b", "\\n", "a"]')])
def test_a_vocabulary_comes_from_a_file(build, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (tmp_path / "text.txt").write_text("ab\nc\n" * 9)
    whole = {"valid_fraction": 0.0, "test_fraction": 0.0, "vocabulary_file": str(tmp_path / name)}
    data = build("characters", tmp_path / "text.txt", **whole)
    assert data.vocabulary.symbols == ("b", "\n", "a", "\ufffd")
    assert data.vocabulary.decode(data.streams["train"]) == "ab\n\ufffd\n" * 9
    with pytest.raises(ValueError, match="alphabet and vocabulary_file both give the symbols"):
        build("characters", tmp_path / "text.txt", **whole, alphabet="ab")
    with pytest.raises(ValueError, match=r"holds '\\n' as symbol 2, which is not one word"):
        build("words", tmp_path / "text.txt", **whole)
    (tmp_path / name).write_text(content.replace("\n\n", "\n").replace('"\\n", ', ""))
    words = build("words", tmp_path / "text.txt", **whole)
    assert words.vocabulary.symbols == ("b", "a", "<unk>")
    assert words.statistics["train"].unknown == 36


def test_a_word_without_end_is_refused_and_is_read_as_characters(build, tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "BLOCK", 64)
    (tmp_path / "text.txt").write_text("天地玄黄" * 100, encoding="utf-8")
    with pytest.raises(ValueError, match="a word of more than 64 bytes at byte 0: data=characters reads texts without"):
        build("words", tmp_path / "text.txt")
    data = build("characters", tmp_path / "text.txt")
    assert {split: held.words for split, held in data.statistics.items()} == {"train": 1, "valid": 1, "test": 1}


def test_subwords_are_learned_from_the_training_split_alone(build, tmp_path):
    pytest.importorskip("tokenizers")
    for folder, held_out in (("one", "low lower lowest\n"), ("other", "Zygote Zygote 나는\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.txt").write_text("low lower lowest newer wider\n" * 50)
        for split in ("valid", "test"):
            (tmp_path / folder / f"{split}.txt").write_text(held_out * 50, encoding="utf-8")
    one, other = (build("subwords", tmp_path / folder, vocabulary_size=270) for folder in ("one", "other"))
    assert one.vocabulary.state_dict() == other.vocabulary.state_dict()
    assert len(one.vocabulary) == 270
    assert one.statistics["train"].tokens < one.statistics["train"].characters / 3
    assert other.vocabulary.decode(other.streams["test"]) == "Zygote Zygote 나는\n" * 50
    (tmp_path / "tokenizer.json").write_text(one.vocabulary.state_dict()["tokenizer"], encoding="utf-8")
    from_file = build("subwords", tmp_path / "other", vocabulary_file=str(tmp_path / "tokenizer.json"))
    assert from_file.fingerprint == other.fingerprint


def test_without_the_library_the_line_that_installs_it_is_said(build, mixed, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingLibrary, match=r"need the library tokenizers: pip install tokenizers$"):
        build("subwords", mixed)
    monkeypatch.undo()
    pytest.importorskip("tokenizers")
    before = build("subwords", mixed)
    state = StoredDataset.of(before).state_dict()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    expected = "^sub-words need the library tokenizers: pip install tokenizers$"  # nothing is damaged
    with pytest.raises(MissingLibrary, match=expected):
        build("subwords", mixed)
    with pytest.raises(MissingLibrary, match=expected):
        _ = InitialWeights("best.pt", "1", "1", {"dataset": state}).dataset
    monkeypatch.undo()
    assert build("subwords", mixed).fingerprint == before.fingerprint


def test_symbols_of_another_unit_are_refused(build, mixed):
    vocabulary = build("characters", mixed).vocabulary
    expected = "the symbols of checkpoint= are characters, and this data is read as words: give data=characters"
    with pytest.raises(ValueError, match=expected):
        build("words", mixed, vocabulary=vocabulary)
    pattern = PatternVocabulary("ab", pattern="[a-z]", unknown=None, lower_case=True)
    with pytest.raises(ValueError, match=r"are words of labelled texts, and .* as words: give data=labelled"):
        build("words", mixed, vocabulary=pattern)


BUILD = """
import sys, yaml
import experiments.data
from experiments.config.paths import HOME
from experiments.data.files import digests

def kernel_says(file, key):
    return next(int(line.split()[1]) for line in open(f"/proc/self/{file}") if line.startswith(key))

options = yaml.safe_load((HOME / "conf" / "data" / "characters.yaml").read_text())
del options["_target_"]
digests.SETTLED = -1.0  # a file that was written just now is believed to stay
before = kernel_says("io", "rchar")
data = experiments.data.Characters(**{**options, "path": sys.argv[1], "cache": sys.argv[2]})
print(data.fingerprint, kernel_says("status", "VmHWM") // 1024, kernel_says("io", "rchar") - before)
"""


@pytest.mark.slow
def test_thirty_megabytes_of_characters_are_read_in_bounded_memory_and_once(tmp_path):
    text = tmp_path / "text.txt"
    with text.open("w") as file:
        for k in range(560):
            file.write(f"line {k} of a long text 나는 간다\n" * 1400)
    arguments = [sys.executable, "-c", BUILD, str(text), str(tmp_path / "cache")]
    runs = [subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split() for _ in range(2)]
    print(runs)
    (first, peak, bytes_read), (second, _, read_again) = runs
    assert first == second
    assert int(peak) < 90  # MiB; Python and NumPy alone need about 40, the text as bytes 30 and as a string 50
    assert int(bytes_read) > text.stat().st_size > 5 * int(read_again)  # libraries


def test_the_held_out_files_of_wikitext_2_have_the_published_numbers_of_tokens(build, real_data):
    """Merity et al., 2017: 217,646 and 245,569 tokens."""
    if not (real_data / "wikitext-2").is_dir():
        pytest.skip("no wikitext-2 in the folder of real data")
    data = build("words", real_data / "wikitext-2")
    assert (data.statistics["valid"].tokens, data.statistics["test"].tokens) == (217_646, 245_569)
