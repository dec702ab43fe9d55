"""What a command imports, and in which thread: nobody waits for a library that is not needed yet."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Runs commands in one process and prints for each which of WATCHED it looks for, by thread; of a training up to its
# first update.
OBSERVE = """
import importlib.abc, json, sys, threading

WATCHED = ("torch", "torch._dynamo", "torch._inductor", "sympy", "mlflow", "sqlalchemy", "pandas", "scipy", "sklearn",
           "matplotlib", "optuna", "joblib", "requests", "tokenizers")
found, is_over = [], False

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in WATCHED and not is_over:
            found[-1].setdefault(threading.current_thread().name, []).append(name)

def note_first_update():
    from experiments.training.tbptt import TruncatedBptt
    update = TruncatedBptt.update

    def noting(*arguments, **options):
        global is_over
        is_over = True
        return update(*arguments, **options)

    TruncatedBptt.update = noting

sys.meta_path.insert(0, Watch())
for command in json.loads(sys.argv[1]):
    found.append({})
    from experiments import cli
    if command[0].startswith("epochs="):
        note_first_update()
    sys.argv, is_over = ["experiments", *command], False
    try:
        cli.main()
    except SystemExit:
        pass
print("\\n" + json.dumps(found))
"""


def imports(folder: Path, *commands: tuple[str, ...]) -> list[dict[str, list[str]]]:
    """What each command imported that those before it had not, by thread."""
    arguments = [sys.executable, "-c", OBSERVE, json.dumps(commands)]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, empty_store) -> tuple[Path, list[dict[str, list[str]]]]:
    """A folder in which the main job was trained, and what that imported up to its first update."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder, imports(folder, ("epochs=1", "name=main"))


def test_at_its_first_update_a_training_has_waited_for_torch_alone(trained):
    folder, (found,) = trained
    assert found.pop("MainThread") == ["torch"]
    assert not [name for names in found.values() for name in names if name.startswith("torch")]
    delivered = json.loads((folder / "runs" / "main" / "delivered.json").read_text())
    assert len(delivered["store_id"]) == 32  # MLflow was imported while it trained, and has the run
    assert delivered["offset"] == (folder / "runs" / "main" / "journal.jsonl").stat().st_size


def test_what_reads_a_checkpoint_or_explains_itself_imports_no_mlflow(trained):
    checkpoint = f"checkpoint={trained[0]}/runs/main/best.pt"
    instant = [("--help",), ("--help", "lr"), ("--version",), ("--cfg", "job")]
    instant += [("batch_size=0",), ("truncation=0",), ("model=torch_lst",), ("model=lstm",), ("learning_rate=3",)]
    instant += [("lstm",), ("--lr=3",), ("data=book.txt",), ("epochs", "=", "3")]
    quick = [
        ("runner=summary", "runner.inputs=10"),
        ("runner=sample", checkpoint, "runner.length=3"),
        ("runner=score", checkpoint, "runner.text=ab"),
        ("tracker.experiment=",),
        ("tracker.uri=ftp://host",),
    ]
    found = imports(trained[0], *instant, *quick)
    assert found[: len(instant)] == [{}] * len(instant)
    assert found[len(instant) :] == [{"MainThread": ["torch"]}, {}, {}, {}, {}]
