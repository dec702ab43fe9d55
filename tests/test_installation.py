"""conf/ and sweeps/ are found from a checkout, an editable install and a wheel, from any working directory."""

import os
import subprocess
import sys
import zipfile

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
    arguments += ["data.corpus_size=null", "batch_size=2", "eval_batch_size=1", "tracker=memory", "threads=1"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "[2/2]  optimizer.lr=1 seed=0" in done.stdout


@pytest.mark.slow
def test_a_wheel_brings_its_configs(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(HOME)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    script = "import experiments.cli as c, sys; assert 'site' in c.__file__, c.__file__; c.main()"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for arguments in (["sweeps=truncation", "--cfg", "job"], ["runner=summary", "recipe=onehot_characters"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
