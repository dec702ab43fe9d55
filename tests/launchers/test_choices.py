"""The files of conf/hydra/launcher: each composes; a mistake, or an extra that is missing, is a sentence."""

import pytest
from hydra.core.config_store import ConfigStore

from experiments.config.paths import HOME
from hydra_plugins.experiments_sweeper import launchers

CHOICES = sorted(path.stem for path in (HOME / "conf" / "hydra" / "launcher").glob("*.yaml"))
CLUSTERS = [choice for choice in CHOICES if choice != "joblib"]
MISTAKES = {
    "hydra/launcher=rai": "there is no hydra/launcher rai; did you mean ray?",
    "hydra.launcher.n_job=3": "there is no key hydra.launcher.n_job; did you mean hydra.launcher.n_jobs?",
    "hydra.launcher.n_jobs=x": "hydra.launcher.n_jobs: Value 'x' of type 'str' could not be converted to Integer",
    "+hydra.launcher.prefetch=1": "there is no key hydra.launcher.prefetch; did you mean hydra.launcher.prefer?",
    "hydra.sweeper.trails=3": "there is no key hydra.sweeper.trails; did you mean hydra.sweeper.trials?",
}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_launcher_composes(command, choice, recwarn):
    outcome = command("--cfg", "hydra", "--package", "hydra.launcher", f"hydra/launcher={choice}")
    assert outcome.code == 0, outcome.error
    assert "Launcher" in outcome.out
    assert not [warning for warning in recwarn if "ConfigStore" in str(warning.message)]


@pytest.mark.parametrize("choice", CLUSTERS)
def test_a_launcher_that_is_not_installed_says_what_to_install(command, choice, monkeypatch, tmp_path):
    monkeypatch.setattr(launchers, "SCHEMAS", {})
    monkeypatch.delitem(ConfigStore.instance().repo["hydra"]["launcher"], f"{choice}.yaml", raising=False)
    code, _, error = command("-m", f"hydra/launcher={choice}", "truncation=1,5")
    extra = launchers.EXTRAS[choice]
    assert (code, error) == (
        1,
        f"experiments: hydra/launcher={choice} needs: pip install 'recurrent-experiments[{extra}]'\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_launchers_options_is_one_sentence(command, mistake, tmp_path):
    code, _, error = command("-m", "hydra/launcher=joblib", mistake, "truncation=1,5")
    assert (code, error) == (1, f"experiments: {MISTAKES[mistake]}\n")
    assert list(tmp_path.iterdir()) == []


def test_help_names_the_launchers(command):
    assert "Several jobs side by side on this machine" in command("--help").out
