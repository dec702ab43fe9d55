"""Nearest symbols, analogies and principal axes, against the same thing written plainly, and the runner."""

import csv
import gzip
import math

import numpy as np
import pytest

from experiments.checkpoints import checkpoint
from experiments.interfaces.vocabulary import shown
from experiments.tracking.memory import MemoryStore
from experiments.understanding.map_figure import WIDTH, best_place, draw_map, width
from experiments.understanding.neighbours import SymbolVectors, principal_axes

DRAW = np.random.default_rng(0)
TABLE = SymbolVectors([*"abcdefgh"], DRAW.normal(size=(8, 5)))


def cosine(one, other) -> float:
    products = (sum(x * y for x, y in zip(*pair)) for pair in ((one, other), (one, one), (other, other)))
    dot, *squares = products
    return dot / math.sqrt(squares[0] * squares[1])


def test_the_nearest_have_the_largest_cosines():
    found = TABLE.nearest(2, 10)
    expected = {name: cosine(TABLE.vectors[2], TABLE.vectors[k]) for k, name in enumerate("abcdefgh") if k != 2}
    assert [each.symbol for each in found] == sorted(expected, key=expected.get, reverse=True)
    assert dict(found) == pytest.approx(expected, abs=1e-12)


def test_an_analogy_adds_directions_and_leaves_its_words_out():
    a, b, c = (TABLE.vectors[k] / np.linalg.norm(TABLE.vectors[k]) for k in (0, 1, 2))
    expected = {name: cosine(b - a + c, TABLE.vectors[k]) for k, name in enumerate("abcdefgh") if k > 2}
    found = TABLE.analogy(0, 1, 2, 2)
    assert [each.symbol for each in found] == sorted(expected, key=expected.get, reverse=True)[:2]
    assert found[0].cosine == pytest.approx(max(expected.values()), abs=1e-12)


def test_a_vector_of_zeros_is_near_to_nothing():
    table = SymbolVectors(["a", "b", "zero"], np.array([[1.0, 0], [1, 1], [0, 0]]))
    assert [each.cosine for each in table.nearest(2, 2)] == [0.0, 0.0]
    assert table.nearest(0, 2)[1] == ("zero", 0.0)


def test_principal_axes_are_the_eigenvectors_of_the_covariance():
    vectors = DRAW.normal(size=(30, 6)) * [5, 3, 1, 1, 1, 1]
    places, explained = principal_axes(vectors)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(axis=0)) @ axes[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-10)
    np.testing.assert_allclose(explained, values[[-1, -2]] / values.sum(), atol=1e-12)
    assert (places[np.abs(places).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones((4, 3)), np.array([[1.0], [2.0]])])
def test_fewer_than_two_axes_are_zeros(vectors):
    places, explained = principal_axes(vectors)
    assert places.shape == (len(vectors), 2)
    assert np.isfinite(places).all()
    assert explained.sum() == pytest.approx(0.0 if np.ptp(vectors) == 0 else 1.0)


def test_a_map_has_each_symbol_once_and_a_label_beside_each_point():
    found = TABLE.map([0, 3], 3)
    near = [[each.symbol for each in TABLE.nearest(k, 3)] for k in (0, 3)]
    assert found.symbols[:2] == ["a", "d"]
    assert set(found.symbols) == {"a", "d", *near[0], *near[1]}
    assert all(asked == "a" for symbol, asked in zip(found.symbols, found.asked) if symbol in near[0] and symbol != "d")
    figure = draw_map(found, "title")
    assert sorted(text.get_text() for text in figure.axes[0].texts) == sorted(found.symbols)


def test_a_label_goes_where_it_covers_nothing():
    taken = np.array([[0.0, 0, 2, 2], [30, 0, 30, 5]])  # the point itself, and a label to its right
    middle = best_place(np.zeros(2), np.array([20.0, 5]), 4.0, taken)
    assert middle.tolist() == [-24.0, 0.0]
    assert [shown(symbol) for symbol in ("$", " ", "\n", "한")] == ["$", "␣", "↵", "한"]
    assert width("한국") == 2.0 > width("hi") == 2 * WIDTH


TEXT = "the quick brown fox jumps over the lazy dog and the $ dog sleeps\n" * 60
WORDS = ("data=words", "data.path=text.txt", "data.test_fraction=0", "batch_size=4", "epochs=1", "threads=1")
NETWORKS = {
    "skipgram": ("model=skipgram", "model.embedding_size=8"),
    "cbow": ("model=cbow", "model.embedding_size=8"),
    "lstm": ("model=numpy_lstm", "model.embedding_size=8", "model.hidden_size=6"),
    "one-hot": ("model=torch_rnn", "model.embedding_size=null", "model.hidden_size=6"),
}


@pytest.fixture
def trained(train_once, tmp_path):
    def run(*options):
        (tmp_path / "text.txt").write_text(TEXT)
        made = train_once(*WORDS, *options)
        (tmp_path / "text.txt").unlink()  # the runner reads no data
        return made

    return run


def table_of(path) -> list[dict[str, str]]:
    with path.open() as file:
        return [*csv.DictReader(file)]


@pytest.mark.all_files
@pytest.mark.parametrize("name", NETWORKS)
def test_the_runner_stores_what_the_weights_say(command, trained, name):
    run = trained(*NETWORKS[name])
    options = ("runner.word=fox $", "runner.analogy=the dog quick", "runner.number=4")
    outcome = command("runner=neighbors", f"checkpoint={run.folder}", *options, "tracker=memory")
    assert outcome.code == 0, outcome.error
    content = checkpoint.load(run.folder / "best.pt")
    symbols, weights = content["dataset"]["vocabulary"]["symbols"], content["model"]
    key = {"cbow": "embedding.weight", "one-hot": "layers.0.W_ih"}.get(name, "embedding.W")
    vectors = weights[key].double().numpy()
    vectors = vectors.T if name == "one-hot" else vectors
    table = SymbolVectors(symbols, vectors)
    folder = MemoryStore.ended[-1].folder
    rows = [row for row in table_of(folder / "neighbors.csv") if row["word"] == "fox"]
    expected = table.nearest(symbols.index("fox"), 4)
    assert [row["neighbour"] for row in rows] == [each.symbol for each in expected]
    assert [float(row["cosine"]) for row in rows] == pytest.approx([each.cosine for each in expected], abs=1e-12)
    answers = table.analogy(*map(symbols.index, ("the", "dog", "quick")), 4)
    assert [row["answer"] for row in table_of(folder / "analogies.csv")] == [each.symbol for each in answers]
    assert f"{expected[0].symbol} {expected[0].cosine:.2f}" in outcome.out
    assert "of the variance" in outcome.out
    assert {row["asked"] for row in table_of(folder / "map.csv")} == {"fox", "$"}
    assert (folder / "map.png").stat().st_size > 1000
    assert MemoryStore.ended[-1].tags["evaluated"] == run.run_id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing is asked for"),
        (("runner.word=fxo",), "did you mean 'fox'?"),
        (("runner.word=[fox,foxx]",), "'foxx' at position 1 of runner.word is not in the vocabulary"),
        (("runner.analogy=the fox",), "must be three words a b c for each question"),
        (("runner.word=fox", "runner.output=a.txt"), "give runner.to=word2vec"),
        (("runner.word=fox", "runner.number=0"), "number must be at least 1"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(command, trained, options, message):
    run = trained(*NETWORKS["skipgram"])
    before = len(MemoryStore.ended)
    outcome = command("runner=neighbors", f"checkpoint={run.folder}", *options, "tracker=memory")
    assert outcome.code == 1
    assert message in outcome.error
    assert len(MemoryStore.ended) == before


def test_a_model_without_vectors_and_one_without_weights_are_refused(command, trained):
    run = trained("model=ngram")
    options = ("runner=neighbors", "runner.word=fox", "tracker=memory")
    assert "ngram has no vectors of symbols" in command(*options, f"checkpoint={run.folder}").error
    assert "needs weights" in command(*options).error


@pytest.mark.parametrize("form", ["word2vec", "glove"])
def test_vectors_as_text_hold_every_digit(command, trained, tmp_path, form):
    run = trained(*NETWORKS["skipgram"])
    options = (f"runner.to={form}", "runner.output=made/vectors.txt.gz")
    outcome = command("runner=neighbors", f"checkpoint={run.folder}", *options, "tracker=memory")
    assert outcome.code == 0, outcome.error
    content = checkpoint.load(run.folder / "best.pt")
    symbols, vectors = content["dataset"]["vocabulary"]["symbols"], content["model"]["embedding.W"].numpy()
    with gzip.open(tmp_path / "made" / "vectors.txt.gz", "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    if form == "word2vec":
        assert lines.pop(0) == f"{len(symbols)} 8"
    assert [line.split()[0] for line in lines] == symbols
    np.testing.assert_array_equal(np.array([line.split()[1:] for line in lines], np.float32), vectors)


def test_characters_that_are_white_space_are_left_out_of_a_file(command, train, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    options = ("data=characters", *WORDS[1:], "model=skipgram", "model.embedding_size=4")
    run = train(*options)
    outcome = command("runner=neighbors", f"checkpoint={run.folder}", "runner.to=glove", "tracker=memory")
    assert "2 of" in outcome.out
    assert {len(line.split(" ")) for line in (tmp_path / "vectors.txt").read_text().splitlines()} == {5}
