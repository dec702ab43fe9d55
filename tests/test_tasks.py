"""Which numbers describe a task, wherever they are shown."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from experiments.comparison.measures import criterion_of
from experiments.data.labelled import LabelledSequences, Sequences
from experiments.interfaces import Vocabulary
from experiments.interfaces.task import LABELS, NUMBERS, SYMBOLS, task_of
from experiments.sweep.parent import best_metrics
from experiments.sweep.screen import best_value
from experiments.tracking.memory import MemoryStore
from experiments.tracking.record import RunRecord
from experiments.training.summary_line import summary_line

from .conftest import values

METRICS = {"loss": 0.5, "perplexity": 1.65, "bits_per_symbol": 0.72, "accuracy": 0.75}
RECORDED = Path(__file__).parent / "recorded"
OF_IMDB = {"data._target_": "experiments.data.imdb.Imdb"}
TINY = ("model.hidden_size=4", "threads=1", "epochs=2", "tracker=memory")


@pytest.mark.parametrize(
    ("task", "line", "criterion"),
    [
        (SYMBOLS, "loss 0.5 perplexity 1.65 accuracy 75.00%", "perplexity"),
        (LABELS, "loss 0.5 accuracy 75.00%", "accuracy"),
        (NUMBERS, "loss 0.5", "loss"),
    ],
)
def test_a_line_shows_what_describes_the_task(task, line, criterion):
    assert summary_line(METRICS, task) == line
    assert task.criterion(METRICS) == criterion


def test_a_diverging_perplexity_takes_no_line_of_digits():
    assert summary_line({"loss": 393.0, "perplexity": 4.7e170}, SYMBOLS) == "loss 393 perplexity 4.7e+170"


def a_record(task: str | None, metrics=METRICS, **parameters: str) -> RunRecord:
    series = {f"valid/{key}": {10: value, 20: 2 * value} for key, value in metrics.items()}
    tags = {"outcome": "completed"} | ({} if task is None else {"dataset.task": task})
    return RunRecord("r", "r", parameters=parameters, tags=tags, metrics=series)


@pytest.mark.parametrize(
    ("record", "shown", "metric"),
    [
        (a_record("symbols"), "valid perplexity 1.65", "perplexity"),
        (a_record("labels"), "valid loss 0.5 accuracy 75.00%", "accuracy"),
        (a_record("numbers", {"loss": 0.5}), "valid loss 0.5", "loss"),
        (a_record(None), "valid perplexity 1.65", "perplexity"),  # recorded before runs had the tag
        (
            a_record(None, **{"data._target_": "experiments.data.imdb.Imdb"}),
            "valid loss 0.5 accuracy 75.00%",
            "accuracy",
        ),
    ],
)
def test_a_sweep_shows_and_compares_by_what_describes_the_task(record, shown, metric):
    assert best_value(record) == shown
    assert criterion_of([record]).metric == metric
    best = best_metrics([record], [])
    assert best == {f"best/{key}": METRICS[key] for key in {"loss", metric}}


def test_runs_of_different_tasks_are_compared_by_their_loss():
    assert criterion_of([a_record("symbols"), a_record("labels")]).metric == "loss"


def test_runs_with_labels_of_before_are_known_as_such():
    records = [RunRecord.of(journal.parent) for journal in (RECORDED / "labels").glob("*-imdb-*/journal.jsonl")]
    assert len(records) > 1
    for record in records:
        assert record.task is LABELS
        assert "perplexity" not in best_value(record)
        assert "test/perplexity" in record.metrics


def test_labels_are_shown_as_perplexity_nowhere(command, reviews):
    chosen = ("data=imdb", f"data.path={reviews}", "data.vocabulary_size=20", "batch_size=16", *TINY)
    trained = command(*chosen)
    run = MemoryStore.ended[-1]
    scored = command(*chosen, "runner=evaluate", f"checkpoint={run.name}")
    swept = command(*chosen, "-m", "seed=0,1")
    parent = next(run for run in MemoryStore.ended if run.tags.get("runner") == "sweep")
    compared = command("runner=compare", "runner.to=csv", "tracker=memory")
    for outcome in (trained, scored, swept, compared):
        assert outcome.code == 0, outcome.error
        assert not re.search("perplexity|bits_per_symbol", outcome.out)
        assert "accuracy" in outcome.out
    assert {point.key for point in parent.points} == {"sweep/ended", "sweep/failed", "best/loss", "best/accuracy"}
    report = (parent.folder / "comparison.html").read_text()
    assert "perplexity" not in re.sub('base64,[^"]*', "", report)
    assert run.tags["dataset.task"] == "labels"
    assert values(run, "test/perplexity")[0] == pytest.approx(math.exp(values(run, "test/loss")[0]))  # as ever


def test_a_label_without_a_name_is_a_label():
    sequences = Sequences(np.zeros(4, np.int32), np.array([0, 2, 4]), np.array([0, 1], np.int8))
    dataset = LabelledSequences(Vocabulary(["a"], separator=""), {"train": sequences}, ("x", "y"), seed=0)
    assert task_of(dataset) is LABELS


@pytest.mark.parametrize(
    ("chosen", "data"),
    [
        ((), "34 types; train 50 tokens"),
        (
            ("data=recall", "data.num_train=40", "data.num_valid=20", "data.num_test=20"),
            "8 types, 4 classes; train 40 sequences, valid 20 sequences, test 20 sequences",
        ),
        (
            ("data=adding", "data.num_train=40", "data.num_valid=20", "data.num_test=20"),
            "vectors of 2 numbers, targets are numbers; train 40 sequences, valid 20 sequences, test 20 sequences",
        ),
    ],
)
def test_the_first_lines_say_what_is_read_and_what_is_trained(command, chosen, data):
    first = command(*TINY, *chosen, "precision=float64").out.splitlines()
    run = MemoryStore.ended[-1]
    assert first[1] == f"data: {data}"
    number = int(run.tags["num_parameters"])
    assert first[2] == f"model: torch_lstm, {number:,} parameters; cpu, float64, 1 thread"


def test_a_model_that_counts_says_so(command):
    assert "model: ngram, not trained by gradients; cpu, float32," in command("model=ngram", "tracker=memory").out


def test_the_loss_summed_over_time_is_shown_and_recorded_where_it_is_asked_for(train, command):
    plain, summed = (
        train(*TINY),
        train(*TINY, "loss_sum=true", "runner.log_interval=1", "truncation=10", "batch_size=1"),
    )
    assert not values(plain, "train/loss_sum")
    windows = 5  # 49 targets in windows of 10 steps, one column each
    for loss, loss_sum in zip(values(summed, "train/loss"), values(summed, "train/loss_sum"), strict=True):
        assert loss_sum == pytest.approx(loss * 49 / windows)
    per_step = values(summed, "interval/loss")
    steps = [10, 10, 10, 10, 9] * 2  # of each window
    assert values(summed, "interval/loss_sum") == pytest.approx([n * loss for n, loss in zip(steps, per_step)])
    printed = command(*TINY, "loss_sum=true", "truncation=null", "batch_size=7").out
    loss, total = map(float, re.search(r"epoch 2/2  train loss (\S+) loss_sum (\S+) ", printed).groups())
    assert total == pytest.approx(7 * loss, rel=1e-3)  # 7 columns of 7 steps
    assert re.search(r"best +loss \S+ loss_sum \S+ ", printed)


def test_what_is_only_shown_is_no_part_of_a_runs_identity(train):
    shown = ("loss_sum=true", "runner.print_every=7", "runner.curve_x=targets", "runner.curve_scale=log")
    plain, other = train(*TINY), train(*TINY, *shown)
    assert plain.tags["identity"] == other.tags["identity"]
    assert values(plain, "train/loss") == values(other, "train/loss")
