"""What the tests share: a command line in this process, a fresh MLflow store, and the real data."""

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in the processes that tests start

# isort: split
import pytest
from hydra._internal.hydra import Hydra

from experiments import cli
from experiments.tracking.memory import MemoryBackend, MemoryStore

os.environ["HYDRA_FULL_ERROR"] = "0"
for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):  # the store of the user who runs the tests
    os.environ.pop(variable, None)


@pytest.fixture(autouse=True, scope="session")
def composed_once():
    """Hydra composes everything a first time only to see whether a YAML file asks for a sweep: few of ours do."""
    original = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        chosen = ("sweeps=", "recipe=", "hydra.mode=", "--config-dir", "-cd")
        may_be_sweep = any(text.startswith(chosen) for text in [*overrides, *sys.argv])
        return original(self, config_name, overrides) if may_be_sweep else None

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Hydra, "get_mode", mode)
        yield


class Outcome(NamedTuple):
    code: int
    out: str
    error: str


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run `experiments ...` in this process, in an empty folder; returns exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(tmp_path / "cache"))  # not that of the user who runs the tests
    MemoryStore.ended.clear()

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
def empty_store(tmp_path_factory) -> Path:
    """A fresh MLflow store, made once: making one takes seconds, copying it does not."""
    from experiments.tracking.mlflow_connection import create_store

    database = tmp_path_factory.mktemp("store") / "mlflow.db"
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
    if root is None:
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
