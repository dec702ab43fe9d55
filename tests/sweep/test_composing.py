"""Overrides -> configs of jobs."""

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from experiments.cli import register_resolvers
from experiments.config.paths import HOME
from hydra_plugins.experiments_sweeper.composing import Composer


@pytest.fixture
def composer(tmp_path):
    """A Composer as the sweeper makes one, with fixed overrides; a folder `mine` can hold configs of one's own."""
    register_resolvers()

    def make(*fixed: str) -> Composer:
        loader = GlobalHydra.instance().config_loader()
        (tmp_path / "mine").mkdir(exist_ok=True)
        searched = [f"hydra.searchpath=[file://{HOME},file://{tmp_path}/mine]"]
        master = loader.load_configuration("config", [*searched, *fixed], RunMode.MULTIRUN)
        return Composer(loader, master, [*searched, *fixed], OverridesParser.create(config_loader=loader))

    with initialize_config_dir(str(HOME / "conf"), version_base="1.3"):
        yield make


@pytest.fixture
def mine(tmp_path):
    """A choice of one's own for the model."""
    folder = tmp_path / "mine" / "model"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("_target_: somewhere.Model\nsize: 3\n")
    return folder / "own.yaml"


@pytest.mark.parametrize(
    "chosen",
    [
        (),
        ("truncation=5", "optimizer.lr=0.5", "seed=3"),
        ("model=torch_gru", "model.hidden_size=9"),
        ("model.hidden_size=9", "model=torch_gru"),
        ("optimizer=sgd", "optimizer.momentum=0.5", "+model.extra=1"),
        ("++model.hidden_size=7", "clip_norm=null"),
        ("recipe=char_lstm", "truncation=5"),
        ("data=words", "data.path=a.txt", "schedule=step"),
        ("optimizer.betas=[0.5,0.6]", "data.text='a, b'"),
    ],
)
def test_a_job_has_the_config_that_hydra_would_give_it(composer, chosen):
    """Values are set into a copy of what was read; this must not be told from composing all at once."""
    fixed = ("epochs=2", "model=torch_rnn", "batch_size=3")
    ours = composer(*fixed)(chosen)
    loader = GlobalHydra.instance().config_loader()
    searched = f"hydra.searchpath=[file://{HOME}]"
    theirs = loader.load_configuration("config", [searched, *fixed, *chosen], RunMode.RUN)
    whole = OmegaConf.to_container(theirs, resolve=False)
    whole.pop("hydra")
    assert ours.config == OmegaConf.to_container(OmegaConf.create(whole), resolve=True)
    kinds = ("model", "optimizer", "data", "schedule", "recipe")
    assert [ours.choices[kind] for kind in kinds] == [theirs.hydra.runtime.choices[kind] for kind in kinds]
    assert ours.overrides[1:] == (*fixed, *chosen)


def test_a_file_edited_after_it_was_read_does_not_reach_later_jobs(composer, mine):
    compose = composer("model=own")
    assert compose(("seed=1",)).config["model"]["size"] == 3
    mine.write_text("_target_: somewhere.Model\nsize: 4\n")
    assert compose(("seed=2",)).config["model"]["size"] == 3
    assert composer("model=own")(("seed=2",)).config["model"]["size"] == 4


def test_composing_one_job_does_not_change_the_next(composer):
    compose = composer()
    before = compose(())
    compose(("model.hidden_size=3", "optimizer.betas=[0,0]", "+model.extra=1"))
    assert compose(()) == before


def test_the_command_of_a_job_names_the_users_config_dir(command, naughty, tmp_path):
    command("-m", *naughty, "epochs=1,2", "tracker=memory", "model.hidden_size=4", "truncation=35")
    commands = [p.read_text() for p in (tmp_path / "runs").glob("sweep-*/jobs/*.json")]
    assert len(commands) == 2
    assert all(f"experiments --config-dir {tmp_path}/mine model=naughty" in text for text in commands)
