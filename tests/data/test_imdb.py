"""IMDB: layout, tokens, vocabulary, splits, lengths, batches, cache, and what is refused."""

import io
import itertools
import lzma
import multiprocessing
import re
import tarfile

import numpy as np
import pytest

from experiments.data.files.label_folders import LabelFolders
from experiments.data.imdb import Imdb
from experiments.data.labelled import batches
from experiments.interfaces.data import IGNORE, PADDING

OPTIONS = {
    "url": "",
    "timeout": 1.0,
    "pattern": r"\w+(?:'\w+)*|[!?]",
    "lower_case": True,
    "vocabulary_size": None,
    "skip_top": 0,
    "unknown": "keep",
    "max_length": None,
    "cut": "start",
    "valid_fraction": 0.1,
    "split_seed": 0,
    "seed": 0,
}


@pytest.fixture
def imdb(reviews, tmp_path):
    def build(**options):
        return Imdb(**{**OPTIONS, "path": str(reviews), "cache": str(tmp_path / "cache"), **options})

    return build


def texts(data, split) -> list[str]:
    """The reviews of a split as the network reads them, in order."""
    symbols, starts, _ = data.sequences[split]
    return [data.vocabulary.decode(symbols[a:b]) for a, b in itertools.pairwise(starts)]


def pack(folder, archive, *, mode="w:gz", change=lambda member: member):
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, "aclImdb", filter=change)
    return archive


def overwrite(reviews, text: str):
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for file in (reviews / split / label).iterdir():
                file.write_text(text)


def test_splits_are_stratified_and_unlabelled_reviews_are_skipped(imdb):
    data = imdb()
    sizes = {split: len(s.labels) for split, s in data.sequences.items()}
    assert sizes == {"train": 72, "valid": 8, "test": 80}
    assert all(s.labels.mean() == 0.5 for s in data.sequences.values())
    assert "unlabelled" not in data.vocabulary.symbols
    assert data.num_outputs == 2
    for split in data.splits:
        praised = [any(word in text for word in ("great", "fine", "moving")) for text in texts(data, split)]
        assert praised == data.sequences[split].labels.astype(bool).tolist()


def test_the_validation_split_depends_on_its_own_seed_alone(imdb):
    valid = texts(imdb(), "valid")
    assert texts(imdb(seed=5), "valid") == valid
    assert texts(imdb(split_seed=5), "valid") != valid
    assert imdb(valid_fraction=0.0).splits == ("train", "test")


def test_tokens_handle_line_breaks_case_and_punctuation(imdb, reviews):
    overwrite(reviews, "It's GREAT!<br /><br>Don't-miss; 10/10 <br/>caf\u00e9?")
    assert texts(imdb(), "test")[0] == "it's great ! don't miss 10 10 caf\u00e9 ?"
    assert texts(imdb(lower_case=False), "test")[0].startswith("It's GREAT")
    assert texts(imdb(pattern="[a-z]+"), "test")[0] == "it s great don t miss caf"


def test_the_vocabulary_is_that_of_the_training_reviews_most_frequent_first(imdb, reviews):
    (reviews / "test" / "pos" / "0_9.txt").write_text("zebra the the")
    data = imdb()
    assert "zebra" not in data.vocabulary.symbols
    assert texts(data, "test")[40] == "<unk> the the"
    counts = [sum(text.split().count(word) for text in texts(data, "train")) for word in data.vocabulary.symbols[1:]]
    assert counts == sorted(counts, reverse=True)
    assert imdb(vocabulary_size=4).vocabulary.symbols == data.vocabulary.symbols[:4]
    assert imdb(vocabulary_size=4, skip_top=2).vocabulary.symbols == ("<unk>", *data.vocabulary.symbols[3:6])


def test_words_outside_the_vocabulary_are_kept_or_vanish_before_a_review_is_cut(imdb, reviews):
    overwrite(reviews, "a a a a b b c d a a a")
    assert texts(imdb(vocabulary_size=3), "test")[0] == "a a a a b b <unk> <unk> a a a"
    dropped = imdb(vocabulary_size=2, unknown="drop")
    assert dropped.vocabulary.symbols == ("a", "b")
    assert texts(dropped, "test")[0] == "a a a a b b a a a"
    assert texts(imdb(vocabulary_size=2, unknown="drop", max_length=5), "test")[0] == "b b a a a"
    assert texts(imdb(vocabulary_size=2, unknown="drop", max_length=5, cut="end"), "test")[0] == "a a a a b"


def test_a_review_that_loses_all_its_words_still_has_its_label(imdb, reviews):
    (reviews / "test" / "pos" / "0_9.txt").write_text("zebra")
    data = imdb(unknown="drop")
    windows = data.windows("test", 80, 3)
    assert len(windows) == 2
    empty = [column for column in range(80) if (windows[1].inputs[:, column] == PADDING).all()]
    assert len(empty) == 1
    assert windows[1].targets[-1, empty[0]] == 1


@pytest.mark.parametrize("truncation", [None, 4, 1])
def test_windows_hold_every_review_once_padded_on_the_left_and_labelled_at_the_end(imdb, truncation):
    data = imdb()
    whole, columns = {}, None
    for window in data.windows("train", 10, truncation, 3):
        columns = window.inputs if window.starts else np.concatenate([columns, window.inputs])
        assert (window.targets[:-1] == IGNORE).all()
        if not window.count:
            assert window.starts
            assert (window.targets == IGNORE).all()
            continue
        assert truncation is None or len(window.inputs) <= truncation
        assert window.count == window.inputs.shape[1]
        for column, label in zip(columns.T, window.targets[-1]):
            first = int((column >= 0).argmax())
            assert (column[first:] >= 0).all()
            text = data.vocabulary.decode(column[first:])
            whole.setdefault(text, []).append(int(label))
    expected = {}
    for text, label in zip(texts(data, "train"), data.sequences["train"].labels):
        expected.setdefault(text, []).append(int(label))
    assert {t: sorted(v) for t, v in whole.items()} == {t: sorted(v) for t, v in expected.items()}


def test_batches_are_shuffled_reproducibly_and_of_similar_length():
    lengths = np.random.default_rng(0).integers(1, 400, size=5000)
    one, same, other = (batches(lengths, 32, np.random.default_rng([0, epoch])) for epoch in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one, same))
    assert any((a != b).any() for a, b in zip(one, other) if len(a) == len(b))
    assert sorted(np.concatenate(one)) == list(range(5000))
    padded = sum(len(batch) * lengths[batch].max() for batch in one)
    assert padded < 1.1 * lengths.sum()
    firsts = [lengths[batch].mean() for batch in one]
    assert abs(np.corrcoef(firsts, range(len(firsts)))[0, 1]) < 0.3  # not from short to long


def test_an_archive_and_its_folder_and_a_folder_around_them_are_the_same_data(imdb, reviews, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    archive = pack(reviews, tmp_path / "elsewhere" / "aclImdb_v1.tar.gz")
    prints = {imdb(path=str(path)).fingerprint for path in (reviews, reviews.parent, archive, archive.parent)}
    assert len(prints) == 1
    plain = pack(reviews, tmp_path / "plain.tar", mode="w")
    assert imdb(path=str(plain)).fingerprint in prints
    (reviews / "train" / "pos" / "0_9.txt").write_text("changed")
    assert imdb().fingerprint not in prints


def test_the_second_start_reads_the_cache(imdb, monkeypatch):
    first = imdb().fingerprint
    monkeypatch.setattr(LabelFolders, "texts", lambda _: pytest.fail("tokenised again"))
    assert imdb().fingerprint == first
    assert imdb(vocabulary_size=3, max_length=2).num_inputs == 3


def _build(path, cache, started, queue):
    started.wait()
    queue.put(Imdb(**{**OPTIONS, "path": path, "cache": cache}).fingerprint)


def test_two_processes_that_build_the_cache_at_once_get_the_same(reviews, tmp_path):
    context = multiprocessing.get_context("fork")
    started, queue = context.Event(), context.Queue()
    arguments = (str(reviews), str(tmp_path / "cache"), started, queue)
    processes = [context.Process(target=_build, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    started.set()
    prints = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(prints) == 1
    assert len([p for p in (tmp_path / "cache" / "labelled").iterdir() if p.is_dir()]) == 1


def _edited(name, content=None, **attributes):
    """A member added to a good archive."""

    def add(reviews, archive):
        pack(reviews, archive, mode="w")
        with tarfile.open(archive, "a") as tar:
            member = tarfile.TarInfo(name)
            data = b"" if content is None else content
            member.size = len(data)
            for key, value in attributes.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))

    return add


def _truncated(reviews, archive):
    content = pack(reviews, archive).read_bytes()
    archive.write_bytes(content[: len(content) // 2])


def _without(folder):
    def leave_out(reviews, archive):
        pack(reviews, archive, change=lambda member: None if folder in member.name else member)

    return leave_out


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (_truncated, "is no archive or a damaged one"),
        (_edited("copy/aclImdb/test/neg/0_2.txt", b"dull"), "holds test/neg/0_2.txt twice"),
        (_edited("x", type=tarfile.LNKTYPE, linkname="aclImdb/test/neg/0_2.txt"), "holds 'x', which is a link"),
        (_edited("x", type=tarfile.FIFOTYPE), "holds 'x', which is a link or a device"),
        (lambda _, archive: archive.write_bytes(lzma.compress(b"x" * 9999)[:40]), "is no archive or a damaged one"),
        (lambda _, archive: archive.write_bytes(b"no archive" * 99), "is no archive or a damaged one"),
        (_edited("../evil.txt", b"x"), "holds '../evil.txt', which points out of the archive"),
        (_edited("/etc/evil.txt", b"x"), "holds '/etc/evil.txt', which points out of the archive"),
        (
            _edited("aclImdb/train/pos/99_9.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            "holds 'aclImdb/train/pos/99_9.txt', which is a link",
        ),
        (_edited("aclImdb/test/neg/9_1.txt", b"caf\xe9"), "test/neg/9_1.txt in .* is not UTF-8 text: byte 3 is 0xe9"),
        (_edited("aclImdb/test/neg/9_1.txt", b"a\0b"), "test/neg/9_1.txt in .* is no text: it holds a NUL character"),
        (_edited("aclImdb/test/neutral/9_1.txt", b"so so"), "holds test/neutral, which data=imdb does not read"),
        (_edited("aclImdb/valid/neg/9_1.txt", b"dull"), "holds valid/neg, which data=imdb does not read"),
        (_edited("aclImdb/test/neg/9_1.txt", b"x" * 2_000_000), "2,000,000 bytes: no review is that long"),
        (_without("test/neg"), "holds no text in test/neg"),
    ],
)
def test_a_broken_archive_is_one_sentence_and_leaves_no_cache(imdb, reviews, tmp_path, spoil, part):
    archive = tmp_path / "broken.tar.gz"
    spoil(reviews, archive)
    with pytest.raises(ValueError, match=part) as caught:
        imdb(path=str(archive))
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "cache" / "labelled").iterdir() if path.is_dir()]


def test_a_broken_folder_is_one_sentence(imdb, reviews, tmp_path):
    link = reviews / "train" / "pos" / "99_9.txt"
    link.symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match=r"99_9\.txt is no regular file"):
        imdb()
    link.unlink()
    (reviews / "train" / "neg").rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*train/neg"):
        imdb()
    with pytest.raises(FileNotFoundError, match=r"there is no .*nowhere"):
        imdb(path=str(tmp_path / "nowhere"))
    (tmp_path / "hollow").mkdir()
    with pytest.raises(FileNotFoundError, match=r"should hold an archive or .* but there is neither"):
        imdb(path=str(tmp_path / "hollow"))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"vocabulary_size": 1}, "vocabulary_size must be at least 2, got 1"),
        ({"vocabulary_size": 0, "unknown": "drop"}, "vocabulary_size must be at least 1, got 0"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"skip_top": -1}, "skip_top must be at least 0, got -1"),
        ({"skip_top": 999}, "skip_top=999 leaves no word"),
        ({"pattern": "("}, "is no regular expression"),
        ({"pattern": r"\w*"}, "finds words without a letter"),
        ({"pattern": "zzz"}, "finds no word in the texts"),
        ({"valid_fraction": 0.99}, "none for training"),
        ({"valid_fraction": 0.001}, "none for validation"),
        ({"pattern": "(a)|b"}, "no groups that capture"),
        ({"valid_fraction": 1.0}, "valid_fraction must be from 0 to below 1"),
    ],
)
def test_impossible_options_are_refused(imdb, options, part):
    with pytest.raises(ValueError, match=re.escape(part)):
        imdb(**options)


def test_one_long_word_takes_no_more_memory_than_itself(imdb, reviews):
    (reviews / "train" / "pos" / "0_9.txt").write_text("x" * 900_000)
    data = imdb(pattern=r"\S+", valid_fraction=0.05)
    assert data.num_inputs < 1000


def test_a_damaged_cache_is_one_sentence(imdb, tmp_path):
    imdb()
    (entry,) = (path for path in (tmp_path / "cache" / "labelled").iterdir() if path.is_dir())
    for name, content in (("symbols.int32", b"\0" * 8), ("starts.int64", b"\0" * 8), ("texts.json", b"[]")):
        kept = (entry / name).read_bytes()
        (entry / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"the cache entry .* is damaged .*: delete that folder"):
            imdb()
        (entry / name).write_bytes(kept)


def test_the_real_reviews_are_all_there(real_data, prepared):
    options = {**OPTIONS, "path": str(real_data / "imdb"), "cache": str(prepared), "vocabulary_size": 20000}
    data = Imdb(**options)
    assert {split: len(s.labels) for split, s in data.sequences.items()} == {
        "train": 22500,
        "valid": 2500,
        "test": 25000,
    }
    assert data.vocabulary.symbols[:6] == ("<unk>", "the", "and", "a", "of", "to")
    assert data.num_inputs == 20000
