"""Labels from the command line: training, evaluation, report, baselines, and what is refused."""

import csv
import math
import random

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference
from sklearn.utils.class_weight import compute_class_weight

from experiments.training.class_weights import balanced
from experiments.training.classification import classification_metrics
from experiments.training.pictures import draw_confusion_matrix

from ..conftest import values
from ..shortcuts import EMPTY_PNG

SMALL = ("data=imdb", "data.vocabulary_size=20", "epochs=2", "batch_size=16", "optimizer.lr=0.05")


@pytest.fixture
def imdb(reviews):
    """The options that choose the small reviews."""
    return (*SMALL, f"data.path={reviews}")


RECURRENT = ("model.hidden_size=8", "model.output=logistic")


@pytest.mark.parametrize(
    "model",
    [
        ("numpy_rnn", *RECURRENT, "truncation=3", "model.embedding_size=null"),
        ("numpy_lstm", *RECURRENT, "model.bidirectional=true", "model.num_layers=2", "model.dropout=0.1"),
        ("torch_gru", *RECURRENT, "model.pooling=mean_max", "truncation=3", "model.word_dropout=0.1"),
        ("torch_lstm", *RECURRENT, "model.bidirectional=true", "model.pooling=max", "model.channel_dropout=0.1"),
        ("cbow",),
        ("feedforward", "truncation=3"),
        ("bag_of_words", "model.max_ngram=2"),
    ],
)
def test_every_kind_of_model_learns_labels_and_is_reported(train, imdb, model):
    run = train(*imdb, f"model={model[0]}", *model[1:])
    assert values(run, "test/accuracy")[0] > 0.8
    assert values(run, "test/perplexity")[0] == pytest.approx(math.exp(values(run, "test/loss")[0]))
    assert {p.key for p in run.points} >= {f"test/{key}" for key in ("precision", "recall", "f1", "auc")}
    assert (run.folder / "confusion_matrix_test.png").exists()


def test_a_model_without_gradients_sees_the_training_split_once(train, imdb, tmp_path):
    run = train(*imdb, "model=bag_of_words", "epochs=7")
    assert {p.step for p in run.points} == {72}
    assert {p.key.partition("/")[0] for p in run.points} == {"valid", "test", "best"}
    unjudged = train(*imdb, "model=bag_of_words", "data.valid_fraction=0")
    assert values(unjudged, "train/accuracy")[0] > 0.8  # then training decides
    (tmp_path / "text.txt").write_text("a b c\n" * 200)
    words = train("data=words", f"data.path={tmp_path}/text.txt", "model=ngram", "batch_size=4")
    assert values(words, "test/accuracy") == [1.0]


def test_the_step_is_the_number_of_reviews_seen(train, imdb):
    run = train(*imdb, "model.hidden_size=4")
    assert [p.step for p in run.points if p.key == "valid/loss"] == [72, 144]
    assert values(run, "train/loss")[1] < values(run, "train/loss")[0]


def test_a_validation_does_not_depend_on_its_batch_and_is_called_exact(train, imdb, command):
    form = ("model.hidden_size=4", "precision=float64", "batch_size=1", "epochs=1")
    one, many = (values(train(*imdb, *form, f"eval_batch_size={size}"), "valid/loss") for size in (1, 5))
    assert one == pytest.approx(many, abs=1e-12)
    outcome = command(*imdb, "model.hidden_size=4", "tracker=memory")
    assert "approximate" not in outcome.out
    assert "exact" in outcome.out


def test_evaluation_repeats_the_test_of_the_run(train, imdb, command):
    for model in ("model=torch_lstm", "model=bag_of_words", "model=ngram"):
        run = train(*imdb, model)
        outcome = command("runner=evaluate", f"checkpoint={run.name}", "tracker=memory")
        assert outcome.code == 0, outcome.error
        for key in ("loss", "accuracy", "f1", "auc"):
            assert f"{key} {values(run, f'test/{key}')[0]:.8g}" in outcome.out, model


def test_a_checkpoint_moves_between_numpy_and_torch(train, imdb, command):
    form = ("model.hidden_size=8", "model.bidirectional=true", "model.pooling=mean_max", "precision=float64")
    run = train(*imdb, "model=numpy_lstm", *form)
    target = "model._target_=experiments.models.torch.network.TorchNetwork"
    outcome = command("runner=evaluate", f"checkpoint={run.name}", target, "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert f"loss {values(run, 'test/loss')[0]:.8g}" in outcome.out


def test_the_test_split_decides_nothing(train, imdb, reviews):
    before = train(*imdb, "model.hidden_size=4")
    for file in (reviews / "test" / "pos").iterdir():
        file.write_text("dull")
    after = train(*imdb, "model.hidden_size=4")
    for key in ("train/loss", "valid/loss"):
        assert values(before, key) == values(after, key)
    assert values(before, "test/loss") != values(after, "test/loss")


def test_classification_metrics_are_those_of_scikit_learn():
    draw = np.random.default_rng(0)
    for classes in (2, 3):
        labels = draw.integers(classes, size=200)
        p = draw.dirichlet(np.ones(classes), size=200)
        found = classification_metrics(labels, np.log(p))
        predicted = p.argmax(axis=1)
        average = "binary" if classes == 2 else "macro"
        assert found["f1"] == pytest.approx(reference.f1_score(labels, predicted, average=average))
        assert found["precision"] == pytest.approx(reference.precision_score(labels, predicted, average=average))
        assert found["recall"] == pytest.approx(reference.recall_score(labels, predicted, average=average))
        score = p[:, 1] if classes == 2 else p
        assert found["auc"] == pytest.approx(reference.roc_auc_score(labels, score, multi_class="ovr"))
    absent = classification_metrics(np.array([0, 0, 1, 1]), np.log(np.eye(3)[[0, 1, 1, 1]] + 0.1))
    assert absent["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)  # the third class neither occurs nor is predicted
    assert "auc" not in classification_metrics(np.ones(3, int), np.log(np.full((3, 2), 0.5)))


@pytest.fixture
def three(tmp_path):
    """A table of reviews with three classes of 120, 40 and 20 texts: class, then its word among others."""
    draw = random.Random(0)
    rows = []
    for label, word, number in (("bad", "dull", 120), ("good", "great", 40), ("so, so", "fair", 20)):
        for _ in range(number):
            words = [draw.choice(("the", "film", "was", "it")) for _ in range(draw.randint(2, 9))]
            words[draw.randrange(len(words))] = word if draw.random() < 0.9 else "odd"
            rows.append((" ".join(words), label))
    with (tmp_path / "three.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment"), *rows])
    return ("data=labelled", f"data.path={tmp_path}/three.csv", "model.hidden_size=8", "optimizer.lr=0.02")


@pytest.mark.all_files
def test_the_end_of_a_run_says_accuracy_macro_f1_and_that_of_the_majority(train, three, command):
    run = train(*three, "epochs=4")
    table = pd.read_csv(run.folder / "classes_test.csv", index_col="label")
    matrix = pd.read_csv(run.folder / "confusion_matrix_test.csv", index_col="true")
    assert list(matrix.index) == list(matrix.columns) == list(table.index) == ["bad", "good", "so, so"]
    assert table.support.tolist() == matrix.sum(axis=1).tolist() == [12, 4, 2]
    assert table.predicted.tolist() == matrix.sum(axis=0).tolist()
    truth = [k for k, row in enumerate(matrix.to_numpy()) for n in row for _ in range(n)]
    predicted = [k for row in matrix.to_numpy() for k, n in enumerate(row) for _ in range(n)]
    expected = reference.precision_recall_fscore_support(truth, predicted, labels=[0, 1, 2], zero_division=0)
    for name, values_of_classes in zip(("precision", "recall", "f1", "support"), expected):
        assert table[name].tolist() == pytest.approx(list(values_of_classes), abs=1e-15)
    assert values(run, "test/macro_f1") == pytest.approx([table.f1.mean()])
    assert values(run, "test/majority_accuracy") == pytest.approx([12 / 18])
    assert values(run, "test/accuracy") == pytest.approx([reference.accuracy_score(truth, predicted)])
    assert {"classes_test.csv", "confusion_matrix_test.csv"} <= set(run.files)
    assert len((run.folder / "confusion_matrix_test.png").read_bytes()) > len(EMPTY_PNG)
    out = command(*three, "epochs=1", "tracker=memory").out
    last = next(line for line in out.splitlines() if line.startswith("test "))
    assert "macro_f1 0." in last
    assert "majority_accuracy 66.67%" in last


WORDS = ("dull", "poor", "fair", "fine", "great")


def reviews_of(number_of_classes, number=30):
    """Short reviews, the text as the Kaggle table of IMDB has it, and their classes."""
    draw = random.Random(0)
    for k in range(number):
        for label, word in enumerate(WORDS[:number_of_classes]):
            rest = " ".join(draw.choice(("the", "film", "was")) for _ in range(draw.randint(1, 6)))
            yield f'"A" {word} film, they say.<br /><br />{rest}, {k}', f"{label + 1} stars"


def as_tsv(folder):
    lines = [f"{text}\t{label}\n" for text, label in reviews_of(3)]
    (folder / "short.tsv").write_text("text\tlabel\n" + "".join(lines))
    return folder / "short.tsv"


def as_kaggle_csv(folder):
    with (folder / "IMDB Dataset.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment"), *reviews_of(2)])
    return folder / "IMDB Dataset.csv"


def as_folders(folder):
    for k, (text, label) in enumerate(reviews_of(5)):
        place = folder / "five" / ("train" if k % 3 else "test") / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{k}.txt").write_text(text)
    return folder / "five"


@pytest.mark.parametrize(("form", "classes"), [(as_tsv, 3), (as_kaggle_csv, 2), (as_folders, 5)])
def test_data_of_ones_own_trains_and_reports(train, command, tmp_path, form, classes):
    path = form(tmp_path)
    data = ("data=labelled", f"data.path={path}", "data.min_count=1", "optimizer.lr=0.03", "model.hidden_size=16")
    run = train(*data, "model=numpy_gru", "model.pooling=max", "batch_size=8", "epochs=6")
    assert values(run, "test/accuracy")[0] > 0.9
    assert values(run, "test/majority_accuracy") == pytest.approx([1 / classes])
    table = pd.read_csv(run.folder / "classes_test.csv")
    assert table.label.tolist() == [f"{k + 1} stars" for k in range(classes)]
    again = command("runner=evaluate", f"checkpoint={run.name}", "tracker=memory")
    assert f"macro_f1 {values(run, 'test/macro_f1')[0]:.8g}" in again.out


def test_classes_of_any_number_and_script_are_drawn(tmp_path, recwarn):
    for names in (["부정", "긍정"], ["a label as long as a sentence that nobody reads"] * 3, ["x"] * 200):
        draw_confusion_matrix(np.eye(len(names)), names, tmp_path / "matrix.png", "title")
        width, height = matplotlib.image.imread(tmp_path / "matrix.png").shape[:2]
        assert max(width, height) < 4000
    assert not recwarn.list


def test_class_weights_change_training_alone(train, three):
    form = (*three, "model=numpy_gru", "precision=float64", "optimizer=sgd", "optimizer.lr=1e-9", "epochs=1")
    plain, weighted = train(*form), train(*form, "class_weights=balanced")
    for key in ("valid/loss", "test/loss", "test/accuracy", "train/perplexity"):
        assert values(weighted, key) == pytest.approx(values(plain, key), abs=1e-6), key
    assert values(weighted, "train/loss") != pytest.approx(values(plain, "train/loss"), abs=1e-4)
    assert weighted.parameters["class_weights"] == "balanced"
    assert weighted.tags["identity"] != plain.tags["identity"]


@pytest.mark.parametrize("model", ["torch_gru", "cbow", "bag_of_words"])
def test_class_weights_find_rare_classes(train, three, model):
    form = (*three, f"model={model}", "epochs=3", "optimizer.lr=0.005")
    form = [option for option in form if model.endswith("gru") or not option.startswith("model.hidden_size")]
    plain, weighted = train(*form), train(*form, "class_weights=balanced")
    assert values(weighted, "valid/loss") != values(plain, "valid/loss")
    assert recall_of_the_rarest(weighted) >= recall_of_the_rarest(plain)


def recall_of_the_rarest(run) -> float:
    return float(pd.read_csv(run.folder / "classes_test.csv", index_col="label").recall["so, so"])


def test_the_weights_are_those_of_scikit_learn():
    counts = np.array([120, 40, 0, 20])
    labels = np.repeat(np.arange(4), counts)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    assert balanced(counts)[[0, 1, 3]].tolist() == pytest.approx(expected.tolist())
    assert (balanced(counts) * counts).sum() == pytest.approx(len(labels))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("class_weights=balanced",), "class_weights=balanced is for labels: choose data=imdb or data=labelled"),
        (
            ("data=imdb", "data.path=/nowhere", "class_weights=balanced", "model.loss=squared_error"),
            "needs model.loss=cross_entropy, got squared_error",
        ),
        (("data=imdb", "data.path=/nowhere", "class_weights=balanced", "model=ngram"), "Ngram takes no class weights"),
        (("class_weights=balancd",), "class_weights must be one of balanced or null, got 'balancd'; did you mean"),
        (("model.bidirectional=true",), "so it is no language model: choose data=imdb"),
        (("model=torch_gru", "model.pooling=mean"), "so it is no language model"),
        (("model=bag_of_words",), "so it is no language model"),
        (
            ("data=imdb", "data.path=/nowhere", "model.bidirectional=true", "truncation=10"),
            "cannot be carried from window to window: give truncation=null, got 10",
        ),
        (("model.output=logistic",), "logistic is for two classes, but the data has 34"),
    ],
)
def test_impossible_combinations_are_refused_before_there_is_a_run(command, tmp_path, arguments, part):
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
    assert not (tmp_path / "runs").exists()


def test_a_classifier_has_no_text_to_sample(train, imdb, command):
    run = train(*imdb, "model.hidden_size=4")
    outcome = command("runner=sample", f"checkpoint={run.name}", "tracker=memory")
    assert "this data has labels (neg, pos): use runner=evaluate" in outcome.error


TEN = ("data=string", "data.alphabet='0123456789'", "data.text='23456789'", "model.embedding_size=null")


@pytest.mark.parametrize(
    ("options", "parameters"),  # what Keras counts for 10 inputs
    [
        (("model=torch_rnn", "model.hidden_size=3", "model.bias=single"), [42]),  # SimpleRNN(3)
        (("model=numpy_rnn", "model.hidden_size=3", "model.bias=single", "model.num_layers=2"), [42, 21]),
        (("model=torch_lstm", "model.hidden_size=4", "model.bias=single"), [240]),  # LSTM(4)
        (("model=torch_gru", "model.hidden_size=4", "model.bias=double"), [192]),  # GRU(4), reset_after=True
    ],
)
def test_layers_have_as_many_parameters_as_in_keras(command, options, parameters):
    assert numbers(command("runner=summary", *TEN, *options).out) == parameters


@pytest.mark.parametrize(
    ("options", "parameters"),  # Embedding(20, 10), then Bidirectional layers
    [
        (("model=torch_rnn", "model.hidden_size=3", "model.bias=single"), [2 * 42, 2 * (3 * 6 + 9 + 3)]),
        (("model=torch_lstm", "model.hidden_size=4", "model.bias=single"), [480, 2 * 4 * (4 * 8 + 16 + 4)]),
        (("model=numpy_gru", "model.hidden_size=4", "model.bias=double"), [384, 2 * 3 * (4 * 8 + 16 + 8)]),
    ],
)
def test_bidirectional_stacks_have_as_many_parameters_as_in_keras(command, imdb, options, parameters):
    stack = ("model.num_layers=2", "model.bidirectional=true", "model.embedding_size=10")
    assert numbers(command("runner=summary", *imdb, *options, *stack).out) == parameters


def numbers(table: str) -> list[int]:
    """The parameters of the recurrent layers."""
    return [int(line.split()[-1].replace(",", "")) for line in table.splitlines() if line.startswith("layers.")]
