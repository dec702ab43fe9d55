"""What the tests of sweeps share: a sweep in this process, what its journals say, and a model that can misbehave."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.comparison import figures
from experiments.config.paths import HOME
from experiments.tracking.journal import read_journal
from experiments.tracking.record import RunRecord
from experiments.tracking.records import sweep_in
from experiments.training import tbptt

TINY = ("model=torch_rnn", "model.hidden_size=8", "model.embedding_size=4", "truncation=7", "epochs=3", "threads=1")
TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps. " * 12
SPLITS = (
    "data=characters",
    "data.path=text.txt",
    "data.valid_fraction=0.1",
    "data.test_fraction=0.1",
    "batch_size=4",
    "epochs=3",
)

NAUGHTY = '''
import os
import signal
from pathlib import Path

from experiments.models.torch.network import TorchNetwork


class Naughty(TorchNetwork):
    """A file deed_H says what the network of H units does, at which of its training steps, and how many times."""

    steps = 0

    def score(self, inputs, targets, state):
        self.steps += self.training
        file = Path(f"deed_{self.hidden_size}")
        if self.training and file.exists():
            deed, at, times = file.read_text().split()
            if self.steps == int(at) and int(times):
                file.write_text(f"{deed} {at} {int(times) - 1}")
                if deed == "raise":
                    raise RuntimeError("naughty")
                os.kill(os.getpid(), getattr(signal, deed))
        return super().score(inputs, targets, state)

    forward = score
'''


class Swept(NamedTuple):
    """What a command printed, and the sweep as the run folders tell it."""

    code: int
    out: str
    error: str
    parent: RunRecord
    jobs: dict[str, RunRecord]  # by point and seed: "truncation=5 seed=1"
    folder: Path  # of the parent run


@pytest.fixture
def no_pictures(monkeypatch):
    """Figures have tests of their own and take most of a small sweep's time."""
    monkeypatch.setattr(figures, "draw", lambda *_: {})


@pytest.fixture
def sweep(command, tmp_path, no_pictures):  # noqa: ARG001 - for its effect
    """Run `experiments -m ...` with tiny jobs and no store; the latest sweep in the folder `runs`."""

    def run(*arguments: str) -> Swept:
        own = arguments[:2] if arguments[0] == "--config-dir" else ()  # options stand before overrides
        outcome = command("-m", *own, *TINY, *arguments[len(own) :], "tracker=memory")
        try:
            parent, runs = sweep_in(tmp_path / "runs", None)
        except ValueError as error:
            raise AssertionError(f"no sweep was begun: {outcome}") from error
        return Swept(*outcome, parent, {label(run): run for run in runs}, tmp_path / "runs" / parent.name)

    return run


@pytest.fixture
def text(tmp_path):
    """The options of a small text with all three splits."""
    (tmp_path / "text.txt").write_text(TEXT)
    return SPLITS


@pytest.fixture
def naughty(tmp_path, monkeypatch):
    """The options that choose a model of the user's own which misbehaves as `deed` says."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_naughty(tmp_path)
    yield ("--config-dir", str(tmp_path / "mine"), "model=naughty")
    sys.modules.pop("naughty", None)


def write_naughty(folder: Path) -> None:
    (folder / "naughty.py").write_text(NAUGHTY)
    (folder / "mine" / "model").mkdir(parents=True)
    ours = (HOME / "conf" / "model" / "torch_rnn.yaml").read_text()
    theirs = ours.replace("experiments.models.TorchNetwork", "naughty.Naughty")
    assert theirs != ours
    (folder / "mine" / "model" / "naughty.yaml").write_text(theirs)


def misbehave(folder: Path, hidden_size: int, deed: str, at: int, times: int) -> None:
    (folder / f"deed_{hidden_size}").write_text(f"{deed} {at} {times}")


@pytest.fixture
def at_update(monkeypatch):
    """Call something at the n-th update that this process makes from now on."""
    original = tbptt.TruncatedBptt.update

    def arrange(number: int, deed) -> None:
        calls = []

        def update(self, *arguments, **options):
            calls.append(1)
            if len(calls) == number:
                deed()
            return original(self, *arguments, **options)

        monkeypatch.setattr(tbptt.TruncatedBptt, "update", update)

    return arrange


@pytest.fixture
def signal_at_update(at_update):
    """Send this process a signal at its n-th update."""
    return lambda number, which: at_update(number, lambda: os.kill(os.getpid(), which))


def label(run: RunRecord) -> str:
    return f"{run.tags['sweep.point']} seed={run.tags['sweep.replicate']}".strip()


def numbers(folder: Path) -> dict[tuple[str, int], float]:
    """Every value of a run that must be the same to the last bit."""
    points = read_journal(folder / "journal.jsonl")
    found = {(p.key, p.step): p.value for p in points if not p.key.endswith("per_second")}
    assert len({(p.key, p.step) for p in points}) == len(points), "a point is there twice"
    return found


def all_numbers(swept: Swept) -> dict[str, dict[tuple[str, int], float]]:
    """The numbers of all jobs."""
    return {job: numbers(folder_of(swept, job)) for job in swept.jobs}


def folder_of(swept: Swept, job: str) -> Path:
    return swept.folder.parent / swept.jobs[job].name


def journals(swept: Swept) -> dict[str, bytes]:
    """The journals of all jobs."""
    return {job: (folder_of(swept, job) / "journal.jsonl").read_bytes() for job in swept.jobs}


def outcomes(swept: Swept) -> dict[str, tuple[str, str]]:
    """MLflow's status and our outcome of every job."""
    return {job: (run.status, run.outcome) for job, run in swept.jobs.items()}


def reread(swept: Swept, job: str) -> RunRecord:
    return RunRecord.of(folder_of(swept, job))
