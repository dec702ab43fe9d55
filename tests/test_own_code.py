"""Runs of code of one's own: another version of it is another run, and what is recorded says which one it was."""

import subprocess
import sys

import pytest

from experiments.tracking import source_code
from experiments.tracking.provenance import code_diff, different_code
from experiments.tracking.records import records_in
from experiments.tracking.source_code import SourceCode, git_state

from .test_extending import FILES, mine  # noqa: F401 - a fixture

MODEL = FILES["bigram.py"]

RUN = ("model=bigram", "data=alternating", "optimizer.lr=0.5", "epochs=2")


@pytest.fixture
def edit(tmp_path, mine):  # noqa: F811, ARG001 - the folder exists then
    """Write a file of the user's code; the next command imports it again."""

    def write(text: str, name: str = "bigram") -> None:
        (tmp_path / f"{name}.py").write_text(text)
        for module in ("bigram", "alternating", "tables"):
            sys.modules.pop(module, None)

    yield write
    sys.modules.pop("tables", None)


def test_an_edited_model_is_another_run(train, mine, edit):  # noqa: F811
    first, again = train(*mine, *RUN), train(*mine, *RUN)
    assert first.tags["identity"] == again.tags["identity"]
    edit(MODEL.replace("scale * torch.randn", "2 * scale * torch.randn"))
    other = train(*mine, *RUN)
    assert other.tags["identity"] != first.tags["identity"]
    assert other.parameters["code.model"] != first.parameters["code.model"]
    assert other.parameters["code.data"] == first.parameters["code.data"]


def test_what_a_model_imports_beside_it_counts_and_what_it_does_not_import_does_not(train, mine, edit):  # noqa: F811
    edit("def table(scale, *sizes):\n    import torch\n    return scale * torch.randn(*sizes)\n", "tables")
    edit(
        MODEL.replace("import torch\n", "import torch\nfrom tables import table\n", 1).replace(
            "scale * torch.randn(", "table(scale, "
        )
    )
    first = train(*mine, *RUN)
    edit("notes = 'not imported'\n", "notes")
    assert train(*mine, *RUN).tags["identity"] == first.tags["identity"]
    edit("def table(scale, *sizes):\n    import torch\n    return -scale * torch.randn(*sizes)\n", "tables")
    assert train(*mine, *RUN).tags["identity"] != first.tags["identity"]


def test_code_of_this_package_and_of_installed_ones_has_no_digest():
    import torch

    from experiments.models import TorchNetwork

    assert SourceCode.of(TorchNetwork) is None
    assert SourceCode.of(torch.optim.SGD) is None
    assert SourceCode.of(dict) is None


def test_a_sweep_with_edited_code_trains_again_and_tells_old_results_from_new_ones(command, mine, edit, tmp_path):  # noqa: F811
    sweep = (*mine, "-m", *RUN, "seed=0,1", "tracker=memory")
    assert command(*sweep).code == 0
    edit(MODEL.replace("scale * torch.randn", "9 * scale * torch.randn"))
    outcome = command(*sweep)
    assert outcome.code == 0, outcome.error
    runs = [record for record in records_in(tmp_path / "runs") if record.tags["runner"] == "train"]
    assert len(runs) == 4
    table = next((tmp_path / "runs").glob("sweep-*/comparison.csv")).read_text().splitlines()
    assert table[0].startswith("code.model,runs")
    assert [line.split(",")[1] for line in table[1:]] == ["2", "2"]


def test_a_run_is_not_resumed_with_other_code(command, train, mine, edit):  # noqa: F811
    run = train(*mine, *RUN)
    edit(MODEL.replace("scale * torch.randn", "-scale * torch.randn"))
    outcome = command(*mine, f"resume={run.folder.name}", "epochs=3", "tracker=memory")
    assert outcome.code == 1
    assert "as the code of its model (bigram.py) was changed: checkpoint=" in outcome.error


def test_the_repository_of_ones_own_code_is_recorded_with_what_was_not_committed(train, mine, edit, tmp_path):  # noqa: F811
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "*.py", "mine"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / ".gitignore").write_text("runs\n*.pyc\n__pycache__\ncache\n")
    subprocess.run([*git, "add", ".gitignore"], check=True)
    subprocess.run([*git, "commit", "-qm", "two"], check=True)
    clean = train(*mine, *RUN)
    assert clean.tags["code.model.git_commit"] != commit
    assert clean.tags["code.model.git_dirty"] == "false"
    edit(MODEL.replace("scale * torch.randn", "3 * scale * torch.randn"))
    dirty = train(*mine, *RUN)
    assert dirty.tags["code.model.git_dirty"] == "true"
    assert "+        self.table = torch.nn.Parameter(3 * scale" in (dirty.folder / "code.patch").read_text()


@pytest.fixture
def repository(tmp_path):
    """A git repository with one commit, and two folders that are not in git."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    for name in ("models", "layers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text("first")
    return tmp_path


def test_two_versions_of_a_file_that_is_not_in_git_are_told_apart(repository):
    before = git_state(repository / "models")
    assert before == git_state(repository / "layers")
    (repository / "layers" / "layers.py").write_text("second")
    after = git_state(repository / "models")
    assert before["git_dirty"] == after["git_dirty"] == "true"
    assert before["git_diff"] != after["git_diff"]


def test_the_changes_of_a_repository_are_written_once(repository, monkeypatch):
    monkeypatch.setattr("experiments.tracking.provenance.IS_CHECKOUT", False)
    diff = code_diff([repository / "models", repository / "layers"])
    assert [line.split()[5] for line in diff.splitlines()] == ["layers/layers.py", "models/models.py"]


def test_a_git_that_does_not_answer_in_time_leaves_unknown_whether_there_are_changes(repository, monkeypatch):
    git = source_code._git
    monkeypatch.setattr(source_code, "_git", lambda folder, *words: None if "status" in words else git(folder, *words))
    assert git_state(repository)["git_dirty"] == "unknown"


def test_runs_of_different_commits_or_changes_are_said_to_be_so():
    same = [{"git_commit": "a" * 40, "git_dirty": "false"}] * 2
    changed = {"git_commit": "a" * 40, "git_dirty": "true", "git_diff": "12ab"}
    assert different_code(same) is None
    assert different_code([*same, {}]) is None
    expected = f"these runs were made by different code: commit {'a' * 12}, {'a' * 12} with the changes 12ab"
    assert different_code([*same, changed]) == expected
