"""conf/ and sweeps/ are found from a checkout, an editable install and a wheel, from any working directory."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from experiments.config.paths import HOME


def test_home_holds_the_configs():
    assert (HOME / "conf" / "config.yaml").is_file()
    assert (HOME / "sweeps").is_dir()


def test_a_sweep_is_found_from_any_folder(tmp_path):
    (tmp_path / "ptb").mkdir()
    for split in ("train", "valid", "test"):
        (tmp_path / "ptb" / f"ptb.{split}.txt").write_text("the slow green river and a boat upon it \n" * 30)
    arguments = ["sweeps=learning_rate", "data.path=ptb", f"data.cache={tmp_path}", "optimizer.lr=0.5,1", "epochs=2"]
    arguments += [
        "data.corpus_size=null",
        "batch_size=2",
        "eval_batch_size=1",
        "tracker=memory",
        "threads=1",
        "hydra.sweeper.replicates=1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "[2/2]  optimizer.lr=1" in done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> Path:
    """The folder of a source distribution and a wheel, as the build backend makes them."""
    folder, backend = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("backend")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(backend), "hatchling"]
    subprocess.run(pip, check=True, capture_output=True)
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=HOME, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(backend)})
    return folder


def files_below(*folders: str) -> set[str]:
    """Every file of these folders of the checkout, relative to it."""
    found = (path for folder in folders for path in (HOME / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(HOME)) for path in found if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_a_wheel_holds_code_templates_types_and_configs(distributions):
    (wheel,) = distributions.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name.removeprefix("src/") for name in files_below("src")}
    assert "experiments/py.typed" in code
    assert code <= names
    assert {f"experiments/{name}" for name in files_below("conf", "sweeps")} <= names


@pytest.mark.slow
def test_a_source_distribution_holds_what_the_tests_need(distributions):
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert files_below("src", "conf", "sweeps", "tests", "benchmarks", "docs", ".ci") <= names
    assert {"README.md", "LICENSE", "Makefile", "pyproject.toml", "constraints.txt"} <= names


@pytest.mark.slow
def test_a_wheel_brings_its_configs(distributions, tmp_path):
    (wheel,) = distributions.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    script = "import experiments.cli as c, sys; assert 'site' in c.__file__, c.__file__; c.main()"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for arguments in (["sweeps=truncation", "--cfg", "job"], ["runner=summary", "recipe=onehot_characters"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
