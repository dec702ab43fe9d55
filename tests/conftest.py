"""What the tests share: a command line in this process, a fresh MLflow store, and the real data."""

import copy
import itertools
import os
import random
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in the processes that tests start

# isort: split
import pytest
from filelock import FileLock

from experiments import cli
from experiments.tracking.memory import MemoryBackend, MemoryStore

from . import shortcuts

os.environ["HYDRA_FULL_ERROR"] = "0"
for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):  # the store of the user who runs the tests
    os.environ.pop(variable, None)


@pytest.fixture(autouse=True, scope="session")
def in_short():
    with pytest.MonkeyPatch.context() as patched:
        shortcuts.take_all(patched)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, one that computes and one that waits for processes in turn, so that no core is idle."""
    slow = [item for item in items if item.get_closest_marker("slow") or item.get_closest_marker("faults")]
    waiting = [item for item in slow if item.get_closest_marker("faults") or item.path.parent.name == "sweep"]
    computing = [item for item in slow if item not in waiting]
    computing.sort(key=lambda item: item.path.stem not in ("test_recipes", "test_pages"))  # they train for a minute
    in_turn = [item for pair in itertools.zip_longest(computing, waiting) for item in pair if item is not None]
    items[:] = in_turn + [item for item in items if item not in slow]


class Outcome(NamedTuple):
    code: int
    out: str
    error: str


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """What the processes of pytest-xdist share in this session of tests; use it under a lock."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def prepared(request, shared_folder, tmp_path, monkeypatch) -> Path:
    """The cache of prepared data, not that of the user; real data are prepared once for all tests."""
    folder = shared_folder / "prepared" if "real_data" in request.fixturenames else tmp_path / "cache"
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(folder))
    return folder


@pytest.fixture
def command(request, tmp_path, monkeypatch, capfd, prepared):  # noqa: ARG001 - for its effect
    """Run `experiments ...` in this process, in an empty folder; returns exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    MemoryStore.ended.clear()
    if request.node.get_closest_marker("all_files") is None:
        shortcuts.end_runs_in_brief(monkeypatch)

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["experiments", *arguments])
        cli.logging.getLogger("experiments").handlers.clear()  # its stream is the one of an earlier test
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def train(command):
    """Train with the store that keeps everything in memory; returns the finished run."""

    def run(*arguments: str) -> MemoryBackend:
        outcome = command(*arguments, "tracker=memory")
        assert outcome.code == 0, outcome.error
        return MemoryStore.ended[-1]

    return run


@pytest.fixture(scope="module")
def kept_runs(tmp_path_factory) -> tuple[Path, dict[tuple[str, ...], MemoryBackend]]:
    """The runs that `train_once` trained for the tests of a file, by their arguments, and a folder for their copies."""
    return tmp_path_factory.mktemp("kept"), {}


@pytest.fixture
def train_once(train, tmp_path, kept_runs):
    """Train as `train` does, or return a copy of the run that another test of the file trained with the same arguments.

    Its data has a relative path or none; the copy says that it was read in the folder of the test that trained.
    """
    place, runs = kept_runs

    def run(*arguments: str) -> MemoryBackend:
        if arguments not in runs:
            made = train(f"name=kept_{len(runs)}", *arguments)
            shutil.copytree(made.folder, place / made.name)
            runs[arguments] = made
            return made
        again = copy.copy(runs[arguments])
        again.folder = shutil.copytree(place / again.name, tmp_path / "runs" / again.name)
        MemoryStore.ended.append(again)
        return again

    return run


@pytest.fixture
def die(command, monkeypatch):
    """Train, and be interrupted just before the n-th update."""

    def run(at: int, *arguments: str) -> None:
        from experiments.training.tbptt import TruncatedBptt

        original, calls = TruncatedBptt.update, []

        def dying(*given, **named):
            calls.append(1)
            if len(calls) == at:
                raise KeyboardInterrupt
            return original(*given, **named)

        with monkeypatch.context() as patched:
            patched.setattr(TruncatedBptt, "update", dying)
            assert command(*arguments, "tracker=memory").code != 0
        assert len(calls) == at

    return run


@pytest.fixture(scope="session")
def empty_store(shared_folder) -> Path:
    """A fresh MLflow store, made once: making one takes seconds, copying it does not."""
    from experiments.tracking.mlflow_connection import create_store

    database = shared_folder / "empty_store" / "mlflow.db"
    database.parent.mkdir(exist_ok=True)
    with FileLock(shared_folder / "empty_store.lock"):
        if not database.exists():
            create_store(database)
    return database


@pytest.fixture
def store(tmp_path, empty_store) -> str:
    """The address of a store of this test's own, in the folder where `command` runs."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it are skipped where there is none."""
    root = os.environ.get("EXPERIMENTS_DATA")
    if not root:
        pytest.skip("EXPERIMENTS_DATA is not set: no real data here")
    return Path(root)


def values(run: MemoryBackend, key: str) -> list[float]:
    """All values of one metric, in order."""
    return [point.value for point in run.points if point.key == key]


PRAISE, BLAME = ("great", "fine", "moving"), ("dull", "poor", "silly")


@pytest.fixture
def reviews(tmp_path) -> Path:
    """An unpacked folder of short reviews in the layout of IMDB, 40 in each of its four folders."""
    draw = random.Random(0)
    for split in ("train", "test"):
        for label, words in (("neg", BLAME), ("pos", PRAISE)):
            folder = tmp_path / "aclImdb" / split / label
            folder.mkdir(parents=True)
            for k in range(40):
                text = [draw.choice((*words, "the", "film", "was", "it's")) for _ in range(draw.randint(2, 12))]
                (folder / f"{k}_{9 if label == 'pos' else 2}.txt").write_text(
                    f"The {words[k % 3]}<br />{' '.join(text)}"
                )
    (tmp_path / "aclImdb" / "train" / "unsup").mkdir()
    (tmp_path / "aclImdb" / "train" / "unsup" / "0_0.txt").write_text("unlabelled reviews are skipped")
    return tmp_path / "aclImdb"


@pytest.fixture
def browser(tmp_path):
    """A headless Chromium that talks to nobody else."""
    webdriver = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = ["headless", "no-sandbox", "disable-gpu", "window-size=1500,950", f"user-data-dir={tmp_path / 'profile'}"]
    for flag in [*flags, "disable-background-networking", "disable-component-update", "disable-sync"]:
        options.add_argument(f"--{flag}")
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chromium
    chromium.quit()
