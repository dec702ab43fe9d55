"""Text datasets in every unit."""

import pytest
import yaml

import experiments.data
from experiments.config.paths import HOME

UNITS = {"words": "Words", "characters": "Characters", "bytes": "Bytes", "subwords": "Subwords"}


@pytest.fixture(params=UNITS)
def unit(request):
    if request.param == "subwords":
        pytest.importorskip("tokenizers")
    return request.param


@pytest.fixture
def build(tmp_path):
    """A text dataset with the options of its YAML file but for those that are given."""

    def build(unit, path, **options):
        stated = yaml.safe_load((HOME / "conf" / "data" / f"{unit}.yaml").read_text())
        del stated["_target_"]
        own = {"path": str(path), "cache": str(tmp_path / "cache"), "valid_fraction": 0.1, "test_fraction": 0.1}
        return getattr(experiments.data, UNITS[unit])(**{**stated, **own, **options})

    return build
