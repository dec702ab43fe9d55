"""conf/ and sweeps/ are found from a checkout, an editable install and a wheel, from any working directory."""

import os
import subprocess
import sys
import zipfile

import pytest

from experiments.paths import HOME


def test_home_holds_the_configs():
    assert (HOME / "conf" / "config.yaml").is_file()
    assert (HOME / "sweeps").is_dir()


def test_a_sweep_is_found_from_any_folder(tmp_path):
    arguments = ["sweeps=truncation", "truncation=2,3", "epochs=2", "tracker=memory", "threads=1"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 2/2") == 2


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
