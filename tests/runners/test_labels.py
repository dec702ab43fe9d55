"""Labels from the command line: training, evaluation, report, baselines, and what is refused."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from experiments.training.classification import classification_metrics

from ..conftest import values

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
    assert (run.folder / "confusion_matrix_test.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_without_gradients_sees_the_training_split_once(train, imdb, tmp_path):
    run = train(*imdb, "model=bag_of_words", "epochs=7")
    assert {p.step for p in run.points} == {72}
    assert {p.key.partition("/")[0] for p in run.points} == {"valid", "test"}
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
    form = ("model.hidden_size=4", "precision=float64", "batch_size=1")
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
    assert "auc" not in classification_metrics(np.ones(3, int), np.log(np.full((3, 2), 0.5)))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
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
