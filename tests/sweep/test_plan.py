"""The jobs of a sweep before they start: their names, their checks, and the commands that repeat them."""

import shlex

import pytest

from experiments.sweep.plan import slug
from experiments.tracking.memory import MemoryStore

from .conftest import TINY, numbers


@pytest.fixture
def planned(command, monkeypatch):
    """Plan a sweep and start none of its jobs: its name, and the plans of its jobs by name."""
    found = []

    class Planned:
        def __init__(self, _options, folder, *_):
            self.name = folder.name

        def run(self, search) -> None:
            found.append((self.name, {job.name: job.plan for job in search.propose(None)}))

    monkeypatch.setattr("experiments.sweep.sweep.Scheduler", Planned)

    def plan(*arguments: str) -> tuple[str, dict[str, dict]]:
        outcome = command("-m", *TINY, "tracker=memory", *arguments)
        assert outcome.code == 0, outcome.error
        return found[-1]

    return plan


def test_the_same_job_has_the_same_name_in_any_order(planned):
    sweep, jobs = planned("truncation=7,35", "seed=0,1")
    again = planned("truncation=35,7", "seed=range(1,-1,-1)")
    assert (sweep, jobs.keys()) == (again[0], again[1].keys())
    assert {slug(f"truncation={t} seed={s}".split()) for t in (7, 35) for s in (0, 1)} == {
        name.rpartition("-")[0] for name in jobs
    }


def test_another_seed_option_or_data_is_another_job_and_what_changes_no_result_is_not(planned, text, tmp_path):
    def names(*arguments: str) -> set[str]:
        return {name.rpartition("-")[2] for name in planned("truncation=7,35", *text, *arguments)[1]}

    first = names()
    assert names() == first
    assert names("threads=2", "tracker.interval=1", "runner.checkpoint_interval=5", "device=cpu") == first
    for change in ("model.hidden_size=9", "optimizer.lr=0.5", "seed=1", "epochs=4", "model=torch_gru"):
        assert not names(change) & first, change
    (tmp_path / "text.txt").write_text((tmp_path / "text.txt").read_text()[::-1])
    assert not names() & first


def test_more_values_and_seeds_are_the_same_sweep_and_another_question_is_another(planned, text, tmp_path):
    base = ("truncation=7,35", "seed=0,1", *text)
    name, jobs = planned(*base)
    for more in (("truncation=7,35,5",), ("seed=0,1,2",), ("threads=2",), ("hydra.sweeper.budget=1000",)):
        extended, others = planned(*base, *more)
        assert (extended, others.keys() >= jobs.keys()) == (name, True), more
    others = [
        planned(*base, "model.hidden_size=9")[0],
        planned(*base, "clip_norm=1")[0],
        planned(*base, "hydra.sweeper.name=again")[0],
        planned(*base, "epochs=2,3")[0],
    ]
    (tmp_path / "other.txt").write_text("another text " * 50)
    others += [planned(*base, "data.path=other.txt")[0]]
    assert len({name, *others}) == 6
    assert planned(*base)[0] == name


def test_a_job_is_the_same_wherever_its_seed_stands_and_if_it_is_not_given_at_all(planned):
    name, jobs = planned("truncation=7,35")
    for seeds in (("seed=0,1",), ("hydra.sweeper.replicates=2",)):
        again, more = planned("truncation=7,35", *seeds)
        assert (again, more.keys() > jobs.keys()) == (name, True)
        assert planned(*seeds, "truncation=7,35")[1].keys() == more.keys()


def test_another_store_has_a_sweep_of_its_own(sweep, command, store, tmp_path):
    assert store
    swept = sweep("truncation=35,36", "epochs=1")
    stored = command("-m", *TINY, "truncation=35,36", "epochs=1", "tracker=mlflow")
    assert stored.code == 0, stored.error
    names = {path.name for path in (tmp_path / "runs").glob("sweep-*")}
    assert swept.folder.name in names
    assert len(names) == 2


def test_a_mistake_in_the_last_combination_is_reported_before_anything_is_written(command, tmp_path):
    for axis, part in (
        (["truncation=1,5,0"], "truncation=0: truncation must be at least 1, got 0"),
        (["model=torch_rnn,torch_gru,nothing"], "there is no model nothing"),
        (["optimizer.lr=0.1,0.2,-1"], "optimizer.lr=-1: optimizer: Invalid learning rate: -1"),
        (["model.hidden_size=4,8", "truncation=5,x"], "model.hidden_size=4 truncation=x: truncation must be"),
        (["data=characters", "data.path=here.txt,nowhere.txt"], "data.path=here.txt: data:"),
        (["hydra.sweeper.search=random", "truncation=5,x"], "truncation=x: truncation must be"),
        (["hydra.sweeper.search=random", "optimizer.lr=interval(-1,1)"], "Invalid learning rate"),
    ):
        outcome = command("-m", *TINY, *axis, "tracker=memory")
        assert (outcome.code, outcome.out, outcome.error.count("\n")) == (1, "", 1), outcome
        assert part in outcome.error
        assert list(tmp_path.iterdir()) == []


def test_the_command_of_a_job_repeats_it_as_a_single_run(sweep, command, naughty, text):
    swept = sweep(*naughty, *text, "optimizer=sgd,adam", "seed=3,4", "epochs=2", "model.output_dropout=0.2")
    for name, run in [*swept.jobs.items()][1:3]:
        program, *arguments = shlex.split(run.tags["command"])
        assert (program, arguments[0]) == ("experiments", "--config-dir")
        assert command(*arguments).code == 0
        alone = MemoryStore.ended[-1]
        assert "sweep" not in alone.tags
        assert alone.tags["identity"] == run.tags["identity"]
        assert numbers(alone.folder) == numbers(swept.folder.parent / run.name), name


def test_the_command_of_a_job_of_a_file_of_sweeps_is_a_single_run_too(command, tmp_path):
    folder = tmp_path / "mine" / "sweeps"
    folder.mkdir(parents=True)
    file = "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {truncation: '7,35', seed: 'range(2)'}}}\n"
    (folder / "own.yaml").write_text(file + "clip_norm: 0.5\n")
    outcome = command("--config-dir", "mine", "sweeps=own", *TINY[:3], "epochs=2", "threads=1", "tracker=memory")
    assert outcome.code == 0, outcome.error
    jobs = [run for run in MemoryStore.ended if run.tags["runner"] == "train"]
    assert {run.tags["sweep.point"] for run in jobs} == {"truncation=7", "truncation=35"}
    assert len(jobs) == 4
    for run in jobs[1:3]:
        assert "hydra.mode=RUN" in run.tags["command"]
        assert command(*shlex.split(run.tags["command"])[1:]).code == 0
        alone = MemoryStore.ended[-1]
        assert "sweep" not in alone.tags
        assert (alone.parameters["clip_norm"], alone.parameters["choice.sweeps"]) == ("0.5", "own")
        assert numbers(alone.folder) == numbers(run.folder)


def test_a_file_of_sweeps_can_be_given_more_axes_and_other_values(sweep, tmp_path):
    folder = tmp_path / "mine" / "sweeps"
    folder.mkdir(parents=True)
    file = "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {truncation: '7,35'}}}\n"
    (folder / "own.yaml").write_text(file)
    own = ("--config-dir", str(tmp_path / "mine"), "sweeps=own")
    swept = sweep(*own, "truncation=35,36", "model.hidden_size=4,5", "epochs=1")
    points = {f"truncation={t} model.hidden_size={h} seed=0" for t in (35, 36) for h in (4, 5)}
    assert set(swept.jobs) == points
    assert swept.parent.name.startswith("sweep-own-")
