"""Gradients by lag measured during training: nothing else changes, and no point is lost or there twice."""

from pathlib import Path

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.tracking.journal import read_journal
from experiments.training import tbptt
from experiments.understanding import gradient_course

from .test_resume import exact, stopped, text  # noqa: F401 - fixtures

MEASURED = ("runner.gradients_interval=11", "runner.gradients_lags=6")
DROPOUT = ("model.output_dropout=0.3", "epochs=2")


@pytest.fixture
def no_pictures(monkeypatch):
    """Pictures take most of a short training; one test draws them."""
    monkeypatch.setattr(gradient_course, "draw_norms", lambda *_: None)
    monkeypatch.setattr(gradient_course, "save_figure", lambda _, picture: picture.touch())


def points(folder, kind: str) -> dict[tuple[str, int], float]:
    found = [p for p in read_journal(folder / "journal.jsonl") if p.key.startswith(f"{kind}/")]
    values = {(p.key, p.step): p.value for p in found if not p.key.endswith("per_second")}
    assert len(values) == len([p for p in found if not p.key.endswith("per_second")])
    return values


@pytest.mark.parametrize("model", ["numpy_lstm", "torch_gru"])
def test_measuring_changes_no_bit_of_a_training_nor_its_identity(train, text, model):  # noqa: F811
    plain = train(*text, f"model={model}", *DROPOUT)
    measured = train(*text, f"model={model}", *DROPOUT, *MEASURED)
    for kind in ("train", "valid", "test", "interval"):
        assert points(measured.folder, kind) == points(plain.folder, kind)
    one, other = (checkpoint.load(run.folder / "best.pt")["model"] for run in (plain, measured))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert measured.tags["identity"] == plain.tags["identity"]
    assert points(plain.folder, "gradients") == {}
    steps = {step for _, step in points(measured.folder, "gradients")}
    epochs = sorted({step for _, step in points(measured.folder, "train")})
    assert {0, *epochs} < steps
    assert len(steps) == 5  # before training, and every half of two epochs of 22 updates
    names = {path.name for path in measured.folder.glob("gradient_norms*")}
    assert names == {f"gradient_norms_{updates}.png" for updates in range(0, 45, 11)}


@pytest.mark.usefixtures("no_pictures")
def test_its_numbers_are_those_of_the_gradients_runner(command, train, text):  # noqa: F811
    """After the last epoch, which is the best here: the same windows, steps and weights."""
    run = train(*text, "epochs=2", "precision=float64", "eval_batch_size=1", *MEASURED)
    last = max(step for _, step in points(run.folder, "gradients"))
    assert checkpoint.load(run.folder / "best.pt")["best"]["targets"] == last
    options = ("runner.lags=6", "runner.passages=1", "runner.steps=5", "runner.truncations=[3]", "runner.initial=false")
    outcome = command("runner=gradients", f"checkpoint={run.folder}", *options, "tracker=memory")
    assert outcome.code == 0, outcome.error
    folder = outcome.out.strip().splitlines()[-1].rpartition("/")[0]
    rows = [line.split(",") for line in Path(folder, "gradient_norms.csv").read_text().splitlines()[1:]]
    norms = {(part, int(lag)): float(norm) for _, _, part, lag, norm, _, _ in rows}
    found = points(run.folder, "gradients")
    for part in ("h", "c", "all"):
        assert found[f"gradients/{part}/lag_1", last] == pytest.approx(norms[part, 1], rel=1e-12)
        ratio = norms[part, 5] / norms[part, 1]
        assert found[f"gradients/{part}/lag_5_relative", last] == pytest.approx(ratio, rel=1e-12)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("owner", "method", "at"), [("course", "measure_lag_norms", 2), ("updates", "update", 40)])
def test_a_run_stopped_anywhere_has_every_measurement_once(train, text, stopped, owner, method, at):  # noqa: F811
    owners = {"course": gradient_course, "updates": tbptt.TruncatedBptt}
    undisturbed = train(*text, *DROPOUT, *MEASURED)
    folder = stopped(owners[owner], method, at, *DROPOUT, *MEASURED)
    again = train(*text, *DROPOUT, *MEASURED, "resume=auto")
    assert again.folder == folder
    assert exact(folder)[0] == exact(undisturbed.folder)[0]
    assert points(folder, "gradients") == points(undisturbed.folder, "gradients")


@pytest.mark.usefixtures("no_pictures")
def test_a_stopped_run_can_be_measured_from_then_on(train, stopped):  # noqa: F811
    folder = stopped(tbptt.TruncatedBptt, "update", 3)
    train(f"resume={folder.name}", *MEASURED)
    steps = {step for _, step in points(folder, "gradients")}
    assert len(steps) == 6
    assert 0 not in steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model=ngram",), "ngram has no hidden state through which a gradient travels: give model=torch_lstm"),
        (("runner.gradients_interval=0",), "gradients_interval must be at least 1, got 0"),
        (("runner.gradients_lags=1",), "gradients_lags must be at least 2, got 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_there_is_a_run(command, arguments, message):
    outcome = command("runner.gradients_interval=1", *arguments, "tracker=memory")
    assert outcome.code != 0
    assert message in outcome.error
