"""Who may import whom, and that nothing goes in circles; `python -m tests.structure` prints the whole."""

import pytest

from .structure import ROOT, circles, mermaid, observe_update, read_structure, room

STRUCTURE = read_structure()
UNDER = {"config", "interfaces"}
PARTS = {"data", "models", "training", "checkpoints", "tracking"}
RUNNERS = {
    "recording", "experiment", "comparison", "scoring", "understanding", "training", "checkpoints", "tracking", *UNDER
}  # fmt: skip
MAY_IMPORT = {
    "__main__": {"cli"},
    "hydra_plugins": {"cli", "config", "sweep"},
    "api": {"cli", "runners", *RUNNERS} - {"checkpoints"},
    "cli": {"experiment", "tracking", *UNDER},
    "sweep": {"experiment", "comparison", "training", "checkpoints", "tracking", *UNDER},
    "runners": RUNNERS,
    "recording": {"experiment", "checkpoints", "tracking", "training", *UNDER},
    "experiment": {*PARTS, *UNDER},
    "comparison": {"tracking", *UNDER},
    "scoring": {"data", "training", *UNDER},
    "understanding": {"models", "training", *UNDER},
    "training": {"checkpoints", "tracking", *UNDER},
    "checkpoints": {"tracking", *UNDER},
    "tracking": UNDER,
    "data": UNDER,
    "models": UNDER,
    "interfaces": UNDER,
    "config": UNDER,
    "experiments": {"config"},
}
LIBRARIES = {  # where alone they may be imported
    "hydra": ("experiments.cli", "experiments.config.", "hydra_plugins."),
    "omegaconf": ("experiments.cli", "experiments.config.", "hydra_plugins."),
    "mlflow": ("experiments.tracking.mlflow",),
}


@pytest.mark.parametrize("name", sorted(STRUCTURE.rooms))
def test_a_room_imports_only_rooms_below_it(name):
    assert STRUCTURE.rooms[name] <= MAY_IMPORT[name]


def test_no_file_and_no_room_imports_itself_by_way_of_others():
    assert circles(STRUCTURE.files) == []
    assert circles(STRUCTURE.rooms) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_config_libraries_and_mlflow_stay_in_their_rooms(library):
    users = {name for name in STRUCTURE.paths if library in STRUCTURE.libraries(name)}
    assert not [name for name in users if not name.startswith(LIBRARIES[library])]


def test_data_and_the_numpy_maths_import_no_torch_not_even_through_other_files():
    maths = [name for name in STRUCTURE.paths if name.startswith("experiments.models.numpy.")]
    for bridge in ("network", "graph_node", "tensors"):  # where the maths becomes a torch module
        maths.remove(f"experiments.models.numpy.{bridge}")
    data = [name for name in STRUCTURE.paths if room(name) == "data"]
    assert not {*maths, *data} & STRUCTURE.reaching("torch")


def test_the_numpy_maths_imports_nothing_but_numpy():
    for name in ("experiments.models.numpy.cells", "experiments.models.numpy.layers"):
        assert STRUCTURE.libraries(name) <= {"numpy", "typing", "collections"}, name


def test_the_comparison_needs_no_torch_and_no_hydra():
    comparison = {name for name in STRUCTURE.paths if room(name) == "comparison"}
    assert not comparison & (STRUCTURE.reaching("torch") | STRUCTURE.reaching("hydra"))


def test_recording_needs_no_tables_and_no_figures():
    recording = {name for name in STRUCTURE.paths if room(name) == "tracking"}
    for library in ("pandas", "matplotlib", "scipy", "optuna"):
        assert not recording & STRUCTURE.reaching(library), library


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_one_update_can_be_followed_in_under_1500_lines(kind):
    update = observe_update(STRUCTURE, ROOT, kind).update
    assert {"experiments.training.tbptt", "experiments.training.gradients"} <= update
    assert STRUCTURE.num_lines(update) < 1500, sorted(update)


def test_the_graph_in_the_architecture_page_is_current():
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert mermaid(STRUCTURE.rooms) in page, "paste the output of python -m tests.structure --mermaid"
