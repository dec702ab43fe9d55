"""Files of one's own: encodings, line ends, folders, compressed and remembered files, and what is no text."""

import codecs
import gzip
import json
import logging
import os
import time

import pytest
import yaml

from experiments.config.paths import HOME
from experiments.config.recorded_form import COUNTED_AS_BEFORE, READ_AS_BEFORE, identity_options, todays_form
from experiments.data.files import corpus, digests, reading

LINES = "나는 간다.\n그는 온다, 나는 본다.\n"


def texts(data):
    return {split: data.vocabulary.decode(ids) for split, ids in data.streams.items()}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_is_the_same_in_every_encoding_with_a_mark_and_with_all_line_ends(build, tmp_path, unit, encoding, end):
    (tmp_path / "plain.txt").write_text(LINES * 50, encoding="utf-8")
    (tmp_path / "other.txt").write_bytes((LINES * 50).replace("\n", end).encode(encoding))
    plain, other = build(unit, tmp_path / "plain.txt"), build(unit, tmp_path / "other.txt")
    assert plain.fingerprint == other.fingerprint
    assert plain.statistics == other.statistics
    assert {split: held.characters for split, held in plain.statistics.items()} == {
        split: len(text.replace(" <eos>", "\n").replace("\n ", "\n") if unit == "words" else text)
        for split, text in texts(plain).items()
    }


def test_an_encoding_without_a_mark_is_given_and_a_wrong_one_is_refused_with_it(build, tmp_path, unit):
    file = tmp_path / "latin.txt"
    file.write_bytes(("café été\n" * 100).encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin.txt is not UTF-8 text: byte 3 is 0xe9; give data.encoding=latin-1"):
        build(unit, file)
    assert "café" in texts(build(unit, file, encoding="latin-1"))["test"]
    with pytest.raises(ValueError, match="there is no encoding 'lattin-1'; did you mean latin-1"):
        build(unit, file, encoding="lattin-1")
    with pytest.raises(ValueError, match="is not CP949 text: byte 3 is 0xe9"):
        build(unit, file, encoding="cp949")


def test_a_wrong_byte_after_many_blocks_is_found_at_its_place(build, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 7)
    (tmp_path / "broken.txt").write_bytes("한글\r\n".encode() * 99 + b"\xff\r\n")
    with pytest.raises(ValueError, match=f"broken.txt is not UTF-8 text: byte {99 * 8} is 0xff"):
        build("characters", tmp_path / "broken.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_that_needs_a_mark_is_refused_without_one_with_those_that_do_not(build, tmp_path, encoding):
    file = tmp_path / "text.txt"
    file.write_bytes((LINES * 50).encode(f"{encoding}-le"))
    expected = f"text.txt has no mark of {encoding.upper()}'s byte order; give data.encoding={encoding}-le or"
    with pytest.raises(ValueError, match=expected):
        build("characters", file, encoding=encoding)
    assert texts(build("characters", file, encoding=f"{encoding}-le"))["train"].startswith(LINES)


def test_a_file_that_changes_while_it_is_read_is_refused_and_leaves_no_entry(build, tmp_path, monkeypatch):
    file, right = tmp_path / "text.txt", corpus.parts_of
    file.write_text("old text\n" * 50)

    def change_first(*arguments):
        file.write_text("new words\n" * 50)
        return right(*arguments)

    monkeypatch.setattr(corpus, "parts_of", change_first)
    with pytest.raises(ValueError, match=r"text.txt changed while it was read: give the command again"):
        build("words", file)
    assert all(name.endswith(".lock") for name in os.listdir(tmp_path / "cache" / "texts"))
    monkeypatch.undo()
    assert "new" in build("words", file).vocabulary
    file.write_text("old text\n" * 50)
    assert "old" in build("words", file).vocabulary


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"abc\0def\n" * 9, "is no text: byte 3 is NUL; if this is UTF-16 without a mark .*data.encoding=utf-16-le"),
        (b"\xff\xfea\0\0\0b\0", "is no text: a NUL character"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_text_is_refused_and_leaves_no_entry(build, tmp_path, unit, content, part):
    (tmp_path / "file.txt").write_bytes(content)
    with pytest.raises(ValueError, match=part):
        build(unit, tmp_path / "file.txt")
    entries = tmp_path / "cache" / "texts"
    assert not entries.exists() or all(name.endswith(".lock") for name in os.listdir(entries))


def test_a_text_without_training_symbols_is_refused(build, tmp_path, unit):
    (tmp_path / "mark.txt").write_bytes(codecs.BOM_UTF8)
    (tmp_path / "empty.txt.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "one.txt").write_bytes(b"a")
    for name in ("mark.txt", "empty.txt.gz", "one.txt"):
        with pytest.raises(ValueError, match=rf"{name} holds (no|1) \S+s; at least 2 are needed"):
            build(unit, tmp_path / name, valid_fraction=0.6, test_fraction=0.0)


def test_a_compressed_text_is_read_and_a_damaged_one_is_refused(build, tmp_path, unit):
    (tmp_path / "plain.txt").write_text(LINES * 50, encoding="utf-8")
    packed = gzip.compress((LINES * 50).encode())
    (tmp_path / "packed.txt.gz").write_bytes(packed)
    assert build(unit, tmp_path / "packed.txt.gz").fingerprint == build(unit, tmp_path / "plain.txt").fingerprint
    for damaged in (packed[:-20], b"no archive"):
        (tmp_path / "damaged.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged.gz is no gzip file or a damaged one"):
            build(unit, tmp_path / "damaged.gz")


def test_a_folder_is_read_without_hidden_files_and_the_others_are_named(build, tmp_path, unit, caplog):
    folder = tmp_path / "own"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(LINES * 9, encoding="utf-8")
        for hidden in (f".{split}.txt", f"._{split}.txt", f".{split}.txt.swp"):
            (folder / hidden).write_bytes(b"\0")
    (folder / "notes.md").write_text("not read")
    (folder / "LICENSE").write_text("not read")
    with caplog.at_level(logging.INFO, "experiments"):
        data = build(unit, folder)
    assert data.splits == ("train", "valid", "test")
    assert [held.characters for held in data.statistics.values()] == [len(LINES) * 9] * 3
    assert "LICENSE, notes.md" in caplog.text
    assert "swp" not in caplog.text
    assert build(unit, folder, held_out=False).splits == ("train",)


def test_ten_lines_have_all_splits(build, tmp_path, unit):
    (tmp_path / "ten.txt").write_text("".join(f"line {k} of a short text\n" for k in range(10)))
    data = build(unit, tmp_path / "ten.txt", valid_fraction=0.05, test_fraction=0.05)
    assert data.splits == ("train", "valid", "test")
    assert sum(held.characters for held in data.statistics.values()) == (tmp_path / "ten.txt").stat().st_size
    if unit in ("bytes", "subwords"):
        assert "".join(texts(data).values()) == (tmp_path / "ten.txt").read_text()


def test_a_cache_that_cannot_be_written_is_named(build, tmp_path, unit):
    (tmp_path / "text.txt").write_text(LINES * 50, encoding="utf-8")
    (tmp_path / "cache").write_text("a file in its place")
    with pytest.raises(
        OSError, match=r"cache/texts cannot be made \(.*\): give data.cache=FOLDER, or set EXPERIMENTS_"
    ):
        build(unit, tmp_path / "text.txt")


def test_a_digest_is_remembered_until_the_file_changes(tmp_path, monkeypatch):
    file, memory = tmp_path / "text.txt", tmp_path / "digests"
    file.write_text("abc")
    first = digests.content_digest(file, memory)
    assert not memory.exists()  # the file changed just now and may change again within its time's resolution
    monkeypatch.setattr(digests, "SETTLED", -1.0)
    assert digests.content_digest(file, memory) == first
    (kept,) = memory.iterdir()
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"digest": "remembered"}))
    assert digests.content_digest(file, memory) == "remembered"
    before = file.stat()
    time.sleep(0.02)
    file.write_text("abd")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p and rsync do
    changed = digests.content_digest(file, memory)
    assert changed not in (first, "remembered")
    kept.write_text("")
    assert digests.content_digest(file, memory) == changed


@pytest.mark.parametrize("choice", ["characters", "words"])
def test_a_config_from_before_means_what_it_meant_and_has_the_identity_of_todays_defaults(choice):
    today = {"data": yaml.safe_load((HOME / "conf" / "data" / f"{choice}.yaml").read_text())}
    added = READ_AS_BEFORE | (COUNTED_AS_BEFORE if choice == "characters" else {})
    before = {"data": {k: v for k, v in today["data"].items() if k not in added}}
    if choice == "characters":
        del before["data"]["cache"]
        before["data"]["unknown"] = None
    assert todays_form(before)["data"].items() >= {**added, "line_ends": "kept"}.items()
    assert todays_form(before)["data"].keys() == today["data"].keys()
    assert identity_options(before) == identity_options(today)
    for option, value in (("lower_case", True), ("min_count", 7), ("vocabulary_size", 9), ("unknown", "?")):
        assert identity_options({"data": today["data"] | {option: value}}) != identity_options(before)
