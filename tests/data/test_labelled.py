"""Labelled texts of one's own: folders, tables, labels, splits, vocabulary, and every wrong form in one sentence."""

import csv
import gzip
import itertools
import json
import random

import numpy as np
import pandas as pd
import pytest

from experiments.data.files import table_source
from experiments.data.imdb import Imdb
from experiments.data.labelled_texts import LabelledTexts
from experiments.interfaces.vocabularies import PatternVocabulary, from_state_dict
from experiments.interfaces.vocabulary import Vocabulary

from .test_imdb import OPTIONS as IMDB_OPTIONS

OPTIONS = {
    "text_column": None,
    "label_column": None,
    "labels": None,
    "encoding": "utf-8",
    "pattern": r"\w+(?:'\w+)*|[!?]",
    "lower_case": True,
    "vocabulary_size": None,
    "min_count": 1,
    "skip_top": 0,
    "unknown": "keep",
    "max_length": None,
    "cut": "end",
    "valid_fraction": 0.1,
    "test_fraction": 0.2,
    "split_seed": 0,
    "seed": 0,
}
ROWS = [
    (f'{word} film, "{k}"\tit was<br />{word}', label)
    for k in range(20)
    for label, word in (("bad", "dull"), ("good", "great"), ("so-so", "fair"))
]


@pytest.fixture
def build(tmp_path):
    def build(path, **options):
        return LabelledTexts(**{**OPTIONS, "path": str(path), "cache": str(tmp_path / "cache"), **options})

    return build


def texts(data, split) -> list[tuple[str, str]]:
    """The texts of a split as the network reads them, with their labels, in order."""
    symbols, starts, labels = data.sequences[split]
    decoded = [data.vocabulary.decode(symbols[a:b]) for a, b in itertools.pairwise(starts)]
    return list(zip(decoded, (data.labels[k] for k in labels)))


def as_csv(path, rows=ROWS, names=("text", "label"), **form):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **form).writerows([names, *rows])
    return path


def as_jsonl(path, rows=ROWS, names=("text", "label")):
    path.write_text("".join(json.dumps(dict(zip(names, row))) + "\n" for row in rows))
    return path


def as_parquet(path, rows=ROWS, names=("text", "label")):
    pd.DataFrame(rows, columns=list(names)).to_parquet(path)
    return path


def as_folders(folder, rows=ROWS, split=None):
    for k, (text, label) in enumerate(rows):
        place = folder / label if split is None else folder / split / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{k:03}.txt").write_text(text)
    return folder


def test_every_form_of_the_same_texts_is_the_same_data(build, tmp_path):
    array = tmp_path / "array.json"
    array.write_text(json.dumps([dict(zip(("text", "label"), row)) for row in ROWS]))
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(as_csv(tmp_path / "plain.csv").read_bytes()))
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "plain.csv").read_bytes())
    wide = tmp_path / "wide.csv"
    wide.write_bytes((tmp_path / "plain.csv").read_bytes().decode().encode("utf-16"))
    forms = [
        wide,
        tmp_path / "plain.csv",
        packed,
        marked,
        as_csv(tmp_path / "semicolons.csv", delimiter=";", lineterminator="\n"),
        as_csv(tmp_path / "semicolons_of_an_old_mac.csv", delimiter=";", lineterminator="\r"),
        as_csv(tmp_path / "quoted.tsv", delimiter="\t"),
        as_jsonl(tmp_path / "lines.jsonl"),
        array,
        as_parquet(tmp_path / "frame.parquet"),
        as_folders(tmp_path / "folders"),
    ]
    data = [build(form) for form in forms]
    assert len({each.fingerprint for each in data}) == 1
    assert data[0].labels == ("bad", "good", "so-so")
    sizes = {split: np.bincount(s.labels).tolist() for split, s in data[0].sequences.items()}
    assert sizes == {"train": [14, 14, 14], "valid": [2, 2, 2], "test": [4, 4, 4]}
    for split in data[0].splits:
        for text, label in texts(data[0], split):
            assert text.split()[0] == {"bad": "dull", "good": "great", "so-so": "fair"}[label]
            assert text.split()[-3:-1] == ["it", "was"]


def test_a_tsv_needs_no_quotes_and_may_have_them(build, tmp_path):
    plain = tmp_path / "plain.tsv"
    plain.write_text('text\tlabel\n"I loved it," she said. "Great"\ta\nhe said "no\tb\n"""so"" it is"\tb\n' * 1)
    data = build(plain, valid_fraction=0.0, test_fraction=0.0, pattern=r"\S+")
    assert texts(data, "train") == [('"i loved it," she said. "great"', "a"), ('he said "no', "b"), ('"so" it is', "b")]
    two_lines = tmp_path / "two_lines.tsv"
    two_lines.write_text('text\tlabel\n"one\ntwo\tthree"\ta\nfour\tb\n')
    data = build(two_lines, valid_fraction=0.0, test_fraction=0.0)
    assert texts(data, "train") == [("one two three", "a"), ("four", "b")]


def test_spaces_between_a_comma_and_a_quote_do_not_count(build, tmp_path):
    rows = '"bad, really", "neg"\n"so ""good""",  "pos"\nmore, neg\nand more,pos\n'
    options = {"valid_fraction": 0.0, "test_fraction": 0.0, "pattern": r"\S+"}
    expected = [("bad, really", "neg"), ("more", "neg"), ('so "good"', "pos"), ("and more", "pos")]
    (tmp_path / "a.csv").write_text(f'text, "label"\n{rows}')
    assert texts(build(tmp_path / "a.csv", **options), "train") == expected
    (tmp_path / "a.tsv").write_text('text\tlabel\nbad film\t "neg"\ngood film\tpos\nworse\tneg\n')
    data = build(tmp_path / "a.tsv", **options)
    assert texts(data, "train") == [("bad film", "neg"), ("worse", "neg"), ("good film", "pos")]


def test_numbers_have_one_spelling_where_all_labels_are_numbers(build, tmp_path):
    labels = ("1.0", "1", "2", "10.00", "0.50")
    rows = [(f"film {k}", labels[k % 5]) for k in range(20)]
    data = build(as_csv(tmp_path / "a.csv", rows), valid_fraction=0.0, test_fraction=0.0)
    assert dict(zip(data.labels, data.label_counts)) == {"1": 8, "2": 4, "10": 4, "0.5": 4}
    words = build(as_csv(tmp_path / "b.csv", [*rows, ("film", "n/a")]), valid_fraction=0.0, test_fraction=0.0)
    assert set(words.labels) == {*labels, "n/a"}


def test_a_held_out_table_is_spelled_as_the_training_table(build, tmp_path):
    for name, trained, held_out, expected in (
        ("words", ["1.0", "n/a"], ["1.0"], ["1.0", "n/a"]),
        ("numbers", ["1", "2.50"], ["1.0", "2.5"], ["1", "2.5"]),
    ):
        for split, labels in (("train", trained), ("test", held_out)):
            (tmp_path / name).mkdir(exist_ok=True)
            as_csv(tmp_path / name / f"{split}.csv", [(f"a text {k}", label) for k in range(4) for label in labels])
        data = build(tmp_path / name, valid_fraction=0.0)
        assert data.labels == tuple(expected)
        assert {label for _, label in texts(data, "test")} == set(expected[: len(held_out)])


def test_a_held_out_table_may_have_a_row_for_each_label(build, tmp_path):
    labels = [f"intent {k}" for k in range(30)]
    as_csv(tmp_path / "train.csv", [(f"text {k}", label) for label in labels for k in range(10)])
    as_csv(tmp_path / "valid.csv", [("text", label) for label in labels])
    assert len(build(tmp_path).labels) == 30


def test_the_classes_are_named_with_their_training_texts(build, tmp_path, caplog):
    with caplog.at_level("INFO", "experiments"):
        build(as_csv(tmp_path / "a.csv", [*ROWS, ("film", "bad")]), valid_fraction=0.0, test_fraction=0.0)
        build(as_csv(tmp_path / "b.csv", [(f"film {k}", k % 9) for k in range(45)]), valid_fraction=0.2)
    assert "classes: bad 21, good 20, so-so 20\n" in caplog.text
    assert "classes: 0 3, 1 3, 2 3, 3 3, 4 3, 5 3 and 3 more\n" in caplog.text


def test_texts_that_look_like_missing_values_are_texts(build, tmp_path):
    rows = [("NA", "no"), ("null", "yes"), ("nan", "no"), ("", "yes"), ("  ", "no")]
    for form in (as_csv(tmp_path / "a.csv", rows), as_jsonl(tmp_path / "a.jsonl", rows)):
        data = build(form, valid_fraction=0.0, test_fraction=0.0)
        assert texts(data, "train") == [("na", "no"), ("nan", "no"), ("", "no"), ("null", "yes"), ("", "yes")]


def test_empty_texts_are_counted_and_said(build, tmp_path, caplog):
    rows = [*ROWS, ("", "bad"), (None, "good"), ("...", "good")]
    with caplog.at_level("INFO", "experiments"):
        data = build(as_parquet(tmp_path / "a.parquet", rows), valid_fraction=0.0, test_fraction=0.0)
    assert "train: 3 of 63 texts hold no known word" in caplog.text
    assert len(data.sequences["train"].labels) == 63
    assert sum(window.count for window in data.windows("train", 8, 3, 0)) == 63


def test_splits_of_ones_own_are_kept_and_others_drawn(build, tmp_path):
    folder = tmp_path / "folder"
    as_folders(folder, ROWS[:30], "train")
    as_folders(folder, ROWS[30:45], "test")
    sizes = {split: len(s.labels) for split, s in build(folder).sequences.items()}
    assert sizes == {"train": 27, "valid": 3, "test": 15}
    as_folders(folder, ROWS[45:], "dev")
    sizes = {split: len(s.labels) for split, s in build(folder).sequences.items()}
    assert sizes == {"train": 30, "valid": 15, "test": 15}
    tables = tmp_path / "tables"
    tables.mkdir()
    as_csv(tables / "train.csv", ROWS[:30])
    as_jsonl(tables / "my-validation.jsonl", ROWS[45:])
    as_csv(tables / "test.tsv", ROWS[30:45], delimiter="\t")
    assert build(tables).fingerprint == build(folder).fingerprint
    alone = tmp_path / "alone"
    alone.mkdir()
    as_csv(alone / "IMDB Dataset.csv")
    assert build(alone).fingerprint == build(as_csv(tmp_path / "plain.csv")).fingerprint


def test_the_draw_depends_on_its_own_seed_and_deals_out_every_text_once(build, tmp_path):
    table = as_csv(tmp_path / "a.csv")
    data, other = build(table), build(table, split_seed=1)
    assert texts(data, "test") == texts(build(table, seed=1), "test")
    assert texts(data, "test") != texts(other, "test")
    whole = np.bincount(build(table, valid_fraction=0.0, test_fraction=0.0).sequences["train"].symbols)
    for each in (data, other):
        words = " ".join(text for split in each.splits for text, _ in texts(each, split)).split()
        assert len(words) == whole.sum()
        assert words.count("dull") == words.count("great") == 40


def test_a_rare_label_stays_in_training(build, tmp_path):
    data = build(as_csv(tmp_path / "a.csv", [*ROWS, ("odd", "rare"), ("odd thing", "rare")]), test_fraction=0.0)
    counts = {split: np.bincount(s.labels, minlength=4).tolist() for split, s in data.sequences.items()}
    assert counts == {"train": [18, 18, 2, 18], "valid": [2, 2, 0, 2]}


@pytest.mark.parametrize("labels", [("drug_test", "other"), ("dev", "ops"), ("train", "bus"), ("dev_test", "law")])
def test_a_label_may_be_named_like_a_split(build, tmp_path, labels):
    rows = [(f"a text {k}", label) for k in range(20) for label in labels]
    assert build(as_folders(tmp_path / "folder", rows)).labels == tuple(sorted(labels))


def test_labels_have_an_order_and_may_be_chosen(build, tmp_path, caplog):
    rows = [(text, int(k % 11)) for k, (text, _) in enumerate(ROWS)]
    assert build(as_jsonl(tmp_path / "a.jsonl", rows)).labels == tuple(map(str, range(11)))
    table = as_csv(tmp_path / "a.csv")
    with caplog.at_level("INFO", "experiments"):
        data = build(table, labels=["good", "bad"])
    assert data.labels == ("good", "bad")
    assert data.num_outputs == 2
    assert "texts with other labels are left out: 20" in caplog.text
    assert {label for _, label in texts(data, "train")} == {"good", "bad"}
    assert build(as_folders(tmp_path / "folders"), labels=["good", "bad"]).fingerprint == data.fingerprint
    assert build(as_jsonl(tmp_path / "a.jsonl", rows), labels=[3, 1]).labels == ("3", "1")
    korean = as_csv(tmp_path / "korean.csv", [(f"영화 {k}", ("긍정", "부정", "중립")[k % 3]) for k in range(30)])
    assert build(korean, labels="[부정,긍정]").labels == ("부정", "긍정")


@pytest.mark.parametrize("chosen", [{"labels": ["good", "bad"]}, {"classes": ("good", "bad")}])
def test_folders_with_other_labels_are_named_with_their_number_of_texts(build, tmp_path, caplog, chosen):
    if "classes" in chosen:  # those of weights, whose vocabulary is given, too
        chosen["vocabulary"] = reading(["<unk>", "great", "dull"], "<unk>")
    flat, split = as_folders(tmp_path / "flat"), as_folders(tmp_path / "split", ROWS[:45], "train")
    as_folders(split, ROWS[45:], "test")
    with caplog.at_level("INFO", "experiments"):
        build(flat, **chosen)
        assert "texts with other labels are left out: 20, in 'so-so'" in caplog.text
        caplog.clear()
        build(split, **chosen)
        assert "texts with other labels are left out: 20, in 'test/so-so', 'train/so-so'" in caplog.text
        caplog.clear()
        build(flat)
        assert "left out" not in caplog.text


def test_more_than_127_labels_are_told_apart(build, tmp_path):
    rows = [(f"word{k % 300}", f"label{k % 300:03}") for k in range(900)]
    data = build(as_csv(tmp_path / "a.csv", rows), valid_fraction=0.0, test_fraction=0.0)
    assert data.num_outputs == 300
    assert all(text.removeprefix("word") == str(int(label[5:])) for text, label in texts(data, "train"))


def test_columns_are_named_or_have_usual_names(build, tmp_path, caplog):
    rows = [(k, text, text[::-1], label) for k, (text, label) in enumerate(ROWS)]
    table = as_csv(tmp_path / "a.csv", rows, ("id", "Review", "reversed", "Sentiment"))
    with caplog.at_level("INFO", "experiments"):
        assert build(table).fingerprint == build(as_csv(tmp_path / "plain.csv")).fingerprint
    assert "columns with usual names are read: data.text_column=Review data.label_column=Sentiment" in caplog.text
    caplog.clear()
    named = build(table, text_column="reversed", label_column="Sentiment")
    assert "usual names" not in caplog.text
    assert named.fingerprint != build(table).fingerprint


def test_other_encodings_are_read_when_they_are_named(build, tmp_path):
    table = tmp_path / "a.csv"
    table.write_bytes("text,label\ncafé,a\nnaïve,b\n".encode("latin-1"))
    data = build(table, encoding="latin-1", valid_fraction=0.0, test_fraction=0.0)
    assert texts(data, "train") == [("café", "a"), ("naïve", "b")]


def test_half_an_emoji_in_json_is_a_character_that_can_be_written(build, tmp_path):
    lines = [r'{"text": "good \ud83d\ude00 \ud83d", "label": "a\ude00"}', r'{"text": "\ud83dbad", "label": "b"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "a.json").write_text(f"[{','.join(lines)}]")
    for name in ("a.jsonl", "a.json"):
        data = build(tmp_path / name, pattern=r"\S+", valid_fraction=0.0, test_fraction=0.0)
        assert texts(data, "train") == [("good \U0001f600 \ufffd", "a\ufffd"), ("\ufffdbad", "b")]


def test_rare_words_are_unknown_and_so_have_a_meaning(build, tmp_path):
    data = build(as_csv(tmp_path / "a.csv"), min_count=2, test_fraction=0.0, valid_fraction=0.0)
    assert data.vocabulary.symbols[0] == "<unk>"
    rare = build(as_csv(tmp_path / "a.csv"), min_count=4, test_fraction=0.0, valid_fraction=0.0)
    assert not (data.sequences["train"].symbols == 0).any()  # each number is there three times
    assert (rare.sequences["train"].symbols == 0).sum() == 60
    assert set(data.vocabulary.symbols) - set(rare.vocabulary.symbols) == set(map(str, range(20)))


def reading(symbols, unknown):
    return PatternVocabulary(symbols, pattern=OPTIONS["pattern"], unknown=unknown, lower_case=True)


def test_a_vocabulary_knows_how_texts_become_its_symbols(build, tmp_path):
    data = build(as_csv(tmp_path / "a.csv"), test_fraction=0.0, valid_fraction=0.0)
    again = from_state_dict(data.vocabulary.state_dict())
    assert again.fingerprint == data.vocabulary.fingerprint
    rows = [text for label in data.labels for text, own in ROWS if own == label]
    symbols, starts, _ = data.sequences["train"]
    assert [symbols[a:b].tolist() for a, b in itertools.pairwise(starts)] == [
        again.encode(again.split(text)).tolist() for text in rows
    ]
    through = build(tmp_path / "a.csv", vocabulary=again, lower_case=False, test_fraction=0.0, valid_fraction=0.0)
    assert through.fingerprint == data.fingerprint
    with pytest.raises(ValueError, match="are words, and this data is read as words of labelled texts: give"):
        build(tmp_path / "a.csv", vocabulary=Vocabulary(["it"], separator=" "))  # of a language model


def test_what_a_split_holds_is_counted(build, tmp_path):
    options = {"vocabulary_size": 4, "test_fraction": 0.0, "valid_fraction": 0.0, "max_length": 5}
    data = build(as_csv(tmp_path / "a.csv"), **options)
    found, whole = data.statistics["train"], " ".join(text for text, _ in ROWS)
    kept = [data.vocabulary.split(text)[:5] for text, _ in ROWS]
    assert found.tokens == sum(map(len, kept))
    assert found.unknown == sum(word not in data.vocabulary for words in kept for word in words) > 0
    assert found.words == len(whole.split())
    assert found.characters == len(whole) - len(ROWS) + 1
    assert data.label_counts == (20, 20, 20)


def test_a_given_vocabulary_is_read_through(build, tmp_path):
    table, vocabulary = as_csv(tmp_path / "a.csv"), reading(["<unk>", "great", "dull"], "<unk>")
    data = build(table, vocabulary=vocabulary, vocabulary_size=2, min_count=99)
    assert data.vocabulary is vocabulary
    assert {word for text, _ in texts(data, "train") for word in text.split()} == {"<unk>", "great", "dull"}
    few = as_csv(tmp_path / "few.csv", [("dull", "bad"), ("great fun", "good")])
    labels = {"labels": ["bad", "good", "so-so"], "valid_fraction": 0.0, "test_fraction": 0.0}
    other = build(few, vocabulary=vocabulary, **labels)  # the third class has no text here
    unnamed = build(few, vocabulary=vocabulary, **{**labels, "labels": None}, classes=("bad", "good", "so-so"))
    assert unnamed.fingerprint == other.fingerprint
    assert unnamed.labels == other.labels == ("bad", "good", "so-so")
    assert texts(other, "train") == [("dull", "bad"), ("great <unk>", "good")]
    assert other.num_outputs == 3
    vanish = build(few, vocabulary=reading(["great"], None), **labels)
    assert texts(vanish, "train") == [("", "bad"), ("great", "good")]


def test_imdb_is_a_case_of_it(build, reviews, tmp_path):
    imdb = Imdb(**{**IMDB_OPTIONS, "path": str(reviews), "cache": str(tmp_path / "cache"), "valid_fraction": 0.2})
    ours = build(reviews, labels=["neg", "pos"], valid_fraction=0.2)
    assert ours.fingerprint == imdb.fingerprint


def test_files_that_nobody_reads_are_named(build, tmp_path, caplog):
    folder = as_folders(tmp_path / "folders")
    (folder / "bad" / "page.html").write_text("x")
    (folder / "notes.md").write_text("x")
    (folder / "bad" / ".hidden.txt").write_text("zebra")
    with caplog.at_level("INFO", "experiments"):
        data = build(folder)
    assert f"files that are not read: '{folder}/notes.md', '{folder}/bad/page.html'" in caplog.text
    assert "zebra" not in data.vocabulary.symbols


def test_the_second_start_reads_the_cache(build, tmp_path, monkeypatch, caplog):
    table = as_csv(tmp_path / "a.csv", names=("review", "label"))
    first = build(table).fingerprint
    monkeypatch.setattr(table_source, "read_table", lambda *_: pytest.fail("read again"))
    with caplog.at_level("INFO", "experiments"):
        assert build(table).fingerprint == first
    assert "data.text_column=review" in caplog.text
    monkeypatch.undo()
    as_csv(table, ROWS[:-1], ("review", "label"))
    assert build(table).fingerprint != first


def test_what_is_not_in_the_texts_is_looked_at_again_at_the_second_start(build, tmp_path, caplog):
    first, second = as_folders(tmp_path / "first"), as_folders(tmp_path / "second")
    (first / "notes.md").write_text("x")
    with caplog.at_level("INFO", "experiments"):
        build(first)
        assert f"not read: '{first}/notes.md'" in caplog.text
        caplog.clear()
        build(second)  # the same texts elsewhere
        assert "not read" not in caplog.text
        (second / "bad" / "page.html").write_text("x")
        build(second)
    assert f"not read: '{second}/bad/page.html'" in caplog.text
    assert str(first) not in caplog.text
    (second / "empty").mkdir()
    with pytest.raises(ValueError, match=f"{second} holds no text in train/empty"):
        build(second)
    tables = tmp_path / "tables"
    tables.mkdir()
    as_csv(tables / "train.csv")
    build(tables)
    (tables / "notes.md").write_text("x")
    caplog.clear()
    with caplog.at_level("INFO", "experiments"):
        build(tables)
    assert "files that are not read: 'notes.md'" in caplog.text
    assert caplog.text.count("data.text_column=text") == 1


def named(text):
    """A file of this name and content."""

    def write(name, content):
        def make(tmp_path):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return path

        return make

    return write(*text)


def folders(change=lambda _: None, split=None):
    def make(tmp_path):
        folder = as_folders(tmp_path / "folder", ROWS, split)
        change(folder)
        return folder

    return make


def add(name, content="x"):
    def change(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    return change


def with_test(*labels):
    def change(folder):
        for label in labels:
            add(f"test/{label}/0.txt")(folder)

    return change


def two_tables(first, second, names=("text", "label")):
    def make(tmp_path):
        folder = tmp_path / "folder"
        folder.mkdir()
        as_csv(folder / first)
        as_csv(folder / second, names=names)
        return folder

    return make


LINES = "".join(f"a text {k},{'ab'[k % 2]}\n" for k in range(40))
WRONG = {
    "a path that is not there": (lambda p: p / "reviws.csv", {}, "there is no .*reviws.csv"),
    "a zip": (named(("archive.zip", b"PK")), {}, r"unzip .*archive.zip -d .*archive, then data.path="),
    "a tar": (named(("a.tar.gz", b"x")), {}, r"mkdir \S+/a && tar -xf \S+/a.tar.gz -C \S+/a, then data.path="),
    "a spreadsheet": (named(("a.xlsx", b"PK")), {}, "is a spreadsheet: save it as a.csv"),
    "a text": (named(("a.txt", "text")), {}, "is no table that is read"),
    "an empty file": (named(("a.csv", b"")), {}, "a.csv is empty"),
    "only the names": (named(("a.csv", "text,label\n")), {}, "holds no row below its line of names 'text, label'"),
    "no line of names": (named(("a.csv", LINES)), {}, "none with a usual name for texts: give data.text_column=NAME"),
    "an unusual label": (
        named(("a.csv", f"text,x1\n{LINES}")),
        {},
        "has the columns 'text', 'x1', and none with a usual name for labels: give data.label_column=NAME",
    ),
    "a column that is not there": (
        named(("a.csv", f"txt,label\n{LINES}")),
        {"text_column": "text"},
        "has the columns 'txt', 'label', and not 'text': did you mean data.text_column=txt",
    ),
    "the same column twice": (
        named(("a.csv", f"text,label\n{LINES}")),
        {"text_column": "label"},
        "data.text_column=label data.label_column=label name the same column",
    ),
    "two columns of a name": (named(("a.csv", "text,text,label\na,b,c\n")), {}, "has two columns 'text'"),
    "texts as labels": (
        named(("a.csv", "label,x\n" + "".join(f"text {k},a\n" for k in range(40)))),
        {"text_column": "x"},
        "'label' of .* has 40 different values in 40 rows, so it is no column of labels",
    ),
    "a comma without quotes": (
        named(("a.csv", f"text,label\n{LINES}well, no,a\n")),
        {},
        "line 42 of .*a.csv has 3 fields, the line of names has 2: a text that holds a ',' is written in",
    ),
    "a tab in a text": (
        named(("a.tsv", "text\tlabel\na\tb\nc\td\te\n")),
        {},
        "line 3 of .*a.tsv has 3 fields, the line of names has 2: a text that holds a tab",
    ),
    "a lone quote": (named(("a.csv", f'text,label\n{LINES}"never closed,a\n')), {}, r'line 42 of .* twice, ""'),
    "no label": (named(("a.csv", f"text,label\n{LINES}a text,\n")), {}, "line 42 of .* has no label in the column"),
    "one label": (named(("a.csv", "text,label\na,b\nc,b\nd,b\n")), {}, "all training texts have the label 'b'"),
    "no text at all": (named(("a.csv", "text,label\n,b\n.,a\n")), {}, "finds no word in the texts of"),
    "latin-1": (
        named(("a.csv", f"text,label\n{LINES}caf\xe9,a\n".encode("latin-1"))),
        {},
        "is not UTF-8 text: byte 484 is 0xe9; give data.encoding=latin-1, or the encoding it is in",
    ),
    "an encoding without bytes": (
        named(("a.csv", b"text,label-99999999\n")),
        {"encoding": "punycode"},
        "a.csv is not PUNYCODE text: .*; give data.encoding=latin-1, or",
    ),
    "NUL bytes": (named(("a.csv", f"text,label\n{LINES}a\0b,a\n")), {}, "is no text: it holds a NUL character"),
    "an unknown encoding": (named(("a.csv", LINES)), {"encoding": "latn"}, "there is no encoding 'latn'"),
    "no JSON": (named(("a.jsonl", '{"text": "a", "label": 1}\n{"text"\n')), {}, "line 2 of .*a.jsonl is no JSON"),
    "JSON of numbers": (named(("a.jsonl", "1\n2\n")), {}, r"line 1 of .* is no JSON object: write \{"),
    "a number as text": (named(("a.jsonl", '{"text": 1, "label": 1}')), {}, "line 1 of .* has '1' .* is no text"),
    "several labels": (named(("a.jsonl", '{"text": "a", "label": [1]}')), {}, "has '\\[1\\]' .* each text has one"),
    "no Parquet": (named(("a.parquet", b"PAR?")), {}, "is no Parquet file or a damaged one"),
    "no gzip": (named(("a.csv.gz", b"text,label")), {}, "is no gzip file or a damaged one"),
    "an empty folder": (lambda p: (p / "e").mkdir() or p / "e", {}, "holds nothing, but neither folders of texts"),
    "a folder of other files": (
        lambda p: named(("d/a.md", "x"))(p).parent,
        {},
        "holds 'a.md', but neither folders of texts .* nor a table",
    ),
    "one folder around": (
        lambda p: as_folders(p / "out" / "in").parent,
        {},
        "holds nothing but in: give data.path=.*out/in",
    ),
    "a folder that is no split": (
        folders(add("extra/0.txt"), "train"),
        {},
        "holds 'extra' beside train: move elsewhere what is no split",
    ),
    "a label of test alone": (
        folders(with_test("bad", "good", "so-so", "odd"), "train"),
        {},
        r"test holds 'odd', which train has not: data.labels=\[bad,good,so-so\]",
    ),
    "a label of train alone": (
        folders(with_test("bad", "good"), "train"),
        {},
        r"test has no folder 'so-so', which train has: data.labels=\[bad,good\] reads these labels alone",
    ),
    "no training texts": (folders(split="test"), {}, "holds test but no folder train"),
    "splits without labels": (
        lambda p: as_folders(p / "folder", [("a text", "train"), ("a text", "test")]),
        {},
        "train holds no folder of a label; the layout is",
    ),
    "two folders for valid": (
        folders(lambda f: (add("val/bad/0.txt")(f), add("dev/bad/0.txt")(f)), "train"),
        {},
        "holds two folders for valid: dev and val",
    ),
    "a folder without texts": (folders(add("empty/a.html")), {}, "holds no text in train/empty"),
    "a folder in a label": (folders(add("bad/more/0.txt")), {}, "holds the folder 'more': texts lie in the folder of"),
    "tables and folders": (folders(add("train.csv")), {}, "holds both tables .'train.csv'. and folders .'bad'"),
    "a link": (
        folders(lambda f: (f / "bad" / "z.txt").symlink_to("/etc/hostname")),
        {},
        r"z\.txt is no regular file: it is not read",
    ),
    "tables without a split": (
        two_tables("a.csv", "b.csv"),
        {},
        "a.csv is named for no split or for several: give one file, data.",
    ),
    "a table for two splits": (
        two_tables("train.csv", "train-test.csv"),
        {},
        "train-test.csv is named for no split or for several: give one file, data.",
    ),
    "two tables for train": (two_tables("train.csv", "train.tsv"), {}, "two tables for train: train.csv and train.tsv"),
    "only a test table": (two_tables("valid.csv", "test.csv"), {}, "holds valid.csv, test.csv|test.csv, valid.csv"),
    "Kaggle's test table": (
        two_tables("train.csv", "test.csv", ("id", "text")),
        {},
        "test.csv has the columns 'id', 'text', and not 'label' as the training table has: data.path=FILE",
    ),
    "labels that are not there": (
        folders(),
        {"labels": ["bad", "great"]},
        "data.labels names 'great', but the labels in .* are 'bad', 'good', 'so-so'",
    ),
    "labels that a table lacks": (
        lambda p: as_csv(p / "a.csv"),
        {"labels": ["bad", "great"]},
        "no training text has the label 'great'; there are 'bad'",
    ),
    "one label named": (folders(), {"labels": ["bad"]}, "labels must be at least 2 names, each once"),
    "too few texts": (
        lambda p: as_csv(p / "a.csv", ROWS[:6]),
        {"valid_fraction": 0.05, "test_fraction": 0.0},
        "valid_fraction=0.05 of 6 texts leaves none for validation: raise it, or give 0",
    ),
    "nothing left": (
        lambda p: as_csv(p / "a.csv", ROWS[:6]),
        {"valid_fraction": 0.5, "test_fraction": 0.45},
        "valid_fraction=0.5 and test_fraction=0.45 of 2 bad texts leaves none for training: lower it",
    ),
    "fractions above 1": (folders(), {"valid_fraction": 0.5, "test_fraction": 0.5}, "leaves no training text"),
    "a huge text": (named(("a.csv", f"text,label\n{'x' * 1_100_000},a\nb,b\n")), {}, "no text is that long"),
}


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_form_is_one_sentence_and_leaves_nothing_unfinished(build, tmp_path, form):
    make, options, part = WRONG[form]
    with pytest.raises((ValueError, OSError), match=part) as caught:
        build(make(tmp_path), **options)
    assert "\n" not in str(caught.value)
    places = tmp_path / "cache" / "labelled"
    assert (
        not [path for path in places.glob("*") if path.is_dir()] or "label" in form or "left" in form or "few" in form
    )


def test_parquet_without_pyarrow_names_the_line_that_installs_it(build, tmp_path, monkeypatch):
    table = as_parquet(tmp_path / "a.parquet")

    def missing(_):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(ValueError, match=r"needs the library pyarrow: .*python.* -m pip install pyarrow"):
        build(table)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            add("train/neutral/0.txt"),
            "'train/neutral', which data=imdb does not read; labels of your own are data=",
        ),
        (add("valid/neg/0.txt"), "holds 'valid', which data=imdb does not read; labels of your own are data="),
    ],
)
def test_imdb_with_other_folders_names_them_and_the_data_that_reads_them(reviews, tmp_path, change, part):
    change(reviews)
    with pytest.raises(ValueError, match=part):
        Imdb(**{**IMDB_OPTIONS, "path": str(reviews), "cache": str(tmp_path / "cache")})


@pytest.mark.parametrize(
    ("name", "part"),
    [("a.csv", "is a table and no archive of these reviews: data=labelled data.path="), ("a.zip", "unzip .*a.zip -d ")],
)
def test_imdb_of_another_file_names_the_line_that_works(tmp_path, name, part):
    (tmp_path / name).write_text("text,label\n")
    with pytest.raises(ValueError, match=part):
        Imdb(**{**IMDB_OPTIONS, "path": str(tmp_path / name), "cache": str(tmp_path / "cache")})


def test_a_large_random_table_comes_back_as_it_was_written(build, tmp_path):
    draw = random.Random(0)
    signs = 'ab,"\t\n;\r\\|영화é '
    rows = [("".join(draw.choice(signs) for _ in range(draw.randint(1, 30))), draw.choice("xyz")) for _ in range(500)]
    expected = sorted((" ".join(text.split()), label) for text, label in rows)
    for form in (as_csv(tmp_path / "a.csv", rows), as_jsonl(tmp_path / "a.jsonl", rows)):
        options = {"pattern": r"\S+", "lower_case": False, "valid_fraction": 0.0, "test_fraction": 0.0}
        assert sorted(texts(build(form, **options), "train")) == expected
