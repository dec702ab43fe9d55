"""A section is checked against its constructor's signature."""

from typing import Literal

import pytest

from experiments.config.binding import bind, bind_settings
from experiments.config.errors import ConfigError, unknown
from experiments.config.recorded_form import ADDED_KEYS

SETTINGS = ADDED_KEYS | {
    "truncation": 5,
    "windows_per_update": 1,
    "steps_per_update": None,
    "reduction": "mean",
    "clip_norm": None,
    "batch_size": 2,
    "eval_batch_size": 1,
    "eval_warm_up": 0,
    "epochs": 1,
    "patience": None,
    "seed": 0,
    "device": "cpu",
    "precision": "float32",
    "threads": None,
    "deterministic": False,
    "checkpoint": None,
    "resume": None,
}
CHOSEN = {kind: {"_target_": "x.Y"} for kind in ("model", "data", "optimizer", "schedule", "runner", "tracker")}


class Thing:
    def __init__(
        self, late, *, size: int, rate: float, kind: Literal["one", "two"], name: str | None, pair: tuple[float, float]
    ):
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        self.size = size


def section(**changes):
    options = {"_target_": f"{__name__}.Thing", "size": 3, "rate": 1, "kind": "one", "name": None, "pair": [1, 2.5]}
    return {"thing": {**options, **changes}}


def test_a_good_section_is_bound_and_built_later_and_an_integer_is_a_float():
    assert bind(section(), "thing", ["late"]).build(late=1).size == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sise": 3}, "there is no key thing.sise; did you mean thing.size?"),
        ({"late": 3}, "there is no key thing.late"),
        ({"size": "big"}, "thing.size must be a whole number, got 'big'"),
        ({"size": True}, "thing.size must be a whole number, got True"),
        ({"size": 2.0}, "thing.size must be a whole number, got 2.0"),
        ({"size": "???"}, "thing.size is missing: give thing.size=VALUE"),
        ({"rate": float("nan")}, "thing.rate must be a finite number, got nan"),
        ({"rate": None}, "thing.rate must be a number, got null"),
        ({"kind": "tow"}, "thing.kind must be one of one, two, got 'tow'; did you mean two?"),
        ({"name": 3}, "thing.name must be text or null, got 3"),
        ({"pair": [1]}, "thing.pair must be a list of 2 values, each a number, got [1]"),
        ({"pair": 1}, "thing.pair must be a list of 2 values, each a number, got 1"),
        ({"_target_": "nowhere.Thing"}, "thing._target_='nowhere.Thing' cannot be imported"),
        ({"_target_": "experiments.config.settings.SECTIONS"}, "is no class or function"),
    ],
)
def test_a_bad_section_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(ConfigError) as caught:
        bind(section(**change), "thing", ["late"])
    assert str(caught.value).startswith(sentence) or sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_option_is_named():
    config = section()
    del config["thing"]["rate"]
    with pytest.raises(ConfigError, match=r"thing.rate is missing"):
        bind(config, "thing", ["late"])


def test_an_error_of_the_constructor_names_the_section():
    with pytest.raises(ConfigError, match="thing: size must be at least 1, got -3"):
        bind(section(size=-3), "thing", ["late"]).build(late=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"truncation": 0}, "truncation must be at least 1, got 0"),
        ({"truncation": "x"}, "truncation must be a whole number or null, got 'x'"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
        ({"seed": -1}, "seed must be from 0"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"epohs": 3}, "there is no key epohs; did you mean epochs?"),
        ({"model": None}, "no model is chosen"),
    ],
)
def test_a_bad_root_key_is_refused_in_one_sentence(change, sentence):
    assert bind_settings({**SETTINGS, **CHOSEN}).batch_size == 2
    with pytest.raises(ConfigError) as caught:
        bind_settings({**SETTINGS, **CHOSEN, **change})
    assert str(caught.value).startswith(sentence)


def test_a_key_of_a_section_typed_at_the_root_is_found_there():
    assert unknown("key", "lr", ["epochs", "optimizer.lr"]) == "there is no key lr; did you mean optimizer.lr?"


def test_what_a_recipe_says_of_its_training_is_left_out_with_another_runner(command):
    ours = ("recipe=ptb_10min", "data=string")
    assert command(*ours, "tracker=memory", "runner.max_seconds=0.1").code == 0
    assert "total" in command(*ours, "runner=summary").out
    refused = command(*ours, "runner=summary", "runner.max_seconds=5")
    assert "runner.max_seconds is no option of the chosen runner but of train" in refused.error
