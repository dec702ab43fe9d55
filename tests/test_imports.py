"""Who may import whom, read from the import statements."""

import ast
from pathlib import Path

import pytest

import experiments

ROOT = Path(experiments.__file__).parent
FILES = {str(path.relative_to(ROOT).with_suffix("")): path for path in ROOT.rglob("*.py")}
ALLOWED = {"hydra": {"cli", "config"}, "omegaconf": {"cli", "config"}, "mlflow": {"mlflow_store", "mlflow_tracking"}}


def imports(path: Path) -> set[str]:
    """Every imported module; those of the package as experiments.X.Y."""
    package = ["experiments", *path.relative_to(ROOT).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def uses(name: str, module: str) -> bool:
    return any(found == module or found.startswith(f"{module}.") for found in imports(FILES[name]))


@pytest.mark.parametrize("library", ALLOWED)
def test_config_libraries_and_mlflow_stay_in_their_files(library):
    assert {name for name in FILES if uses(name, library)} <= ALLOWED[library]


def test_the_numpy_maths_knows_only_numpy():
    for name in ("models/cells", "models/bptt"):
        outside = {found.partition(".")[0] for found in imports(FILES[name])} - {"experiments", "typing"}
        assert outside == {"numpy"}, name


def test_data_knows_no_torch():
    assert not [name for name in FILES if name.startswith("data/") and uses(name, "torch")]


@pytest.mark.parametrize("kind", ["models", "data", "tracking", "mlflow_tracking"])
def test_models_data_and_tracking_do_not_know_each_other(kind):
    others = {"models", "data", "tracking", "runners", "experiment", "cli"} - {kind}
    others -= {"tracking"} if kind == "mlflow_tracking" else set()
    for name in FILES:
        if name == kind or name.startswith(f"{kind}/"):
            assert not [other for other in others if uses(name, f"experiments.{other}")], name


def test_runners_do_not_know_models_or_data():
    for name in FILES:
        if name.startswith("runners/"):
            assert not [kind for kind in ("models", "data", "experiment") if uses(name, f"experiments.{kind}")], name


def test_the_comparison_knows_only_what_runs_have_recorded():
    others = {"config", "experiment", "tracking", "mlflow_store", "mlflow_tracking", "models", "data", "runners", "cli"}
    for name in FILES:
        if name.startswith("compare/"):
            outside = [other for other in others if uses(name, f"experiments.{other}")]
            assert not outside + [library for library in ("torch", "hydra") if uses(name, library)], name


def test_recording_needs_no_tables_and_no_figures():
    outside = {found.partition(".")[0] for found in imports(FILES["recorded"])}
    assert not outside & {"pandas", "matplotlib", "scipy", "optuna"}
