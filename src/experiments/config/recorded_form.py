"""Configs recorded by earlier versions: they still load, and runs keep their identity.

An identity is computed from the form in which configs were first recorded. When a class or an option is renamed, its
former name is added here, so that the identities of recorded runs do not change.
"""

from collections.abc import Mapping
from typing import Any

from .keys import flatten
from .paths import cache_folder

FORMER_NAMES = {  # public name -> the name that stands in identities
    "experiments.models.TorchNetwork": "experiments.models.torch_network.TorchNetwork",
    "experiments.models.NumpyNetwork": "experiments.models.numpy_network.NumpyNetwork",
    "experiments.models.BagOfWords": "experiments.models.bag_of_words.BagOfWords",
    "experiments.models.Ngram": "experiments.models.ngram.Ngram",
    "experiments.models.ContextNetwork": "experiments.models.context_network.ContextNetwork",
    "experiments.tracking.MemoryStore": "experiments.memory_tracking.MemoryTracker",
    "experiments.tracking.MlflowStore": "experiments.mlflow_tracking.MlflowTracker",
    "experiments.data.Words": "experiments.data.words.Words",
    "experiments.data.PennTreebank": "experiments.data.ptb.PennTreebank",
    "experiments.data.String": "experiments.data.characters.Characters",  # without a path, see `todays_form`
    "experiments.data.Characters": "experiments.data.characters.Characters",
    "experiments.data.Imdb": "experiments.data.imdb.Imdb",
}
FORMER_NAMES |= {
    f"experiments.runners.{name}": f"experiments.runners.{name.lower()}.{name}"
    for name in ("Train", "Evaluate", "Sample", "Summary", "Compare", "Dashboard", "Doctor")
}
FORMER_NAMES |= {
    f"experiments.training.{name}": f"experiments.schedules.{name}"
    for name in ("Constant", "StepDecay", "Plateau", "Linear", "Cosine")
}
PUBLIC_NAMES = {former: public for public, former in FORMER_NAMES.items()} | {
    "experiments.tracking.MemoryTracker": "experiments.tracking.MemoryStore",
    "experiments.tracking.MlflowTracker": "experiments.tracking.MlflowStore",
}
# Root keys that were added later, each with the value that means what was before.
ADDED_KEYS: dict[str, Any] = {
    "averaging": None,
    "averaging_checks": 5,
    "averaging_decay": 0.999,
    "averaging_start": 0.0,
    "class_weights": None,
    "layer_rate_decay": 1.0,
    "loss_sum": False,
    "name": None,
    "note": None,
    "tags": {},
    "truncation_std": None,
    "published": None,
    "unfreeze_every": None,
}
CHARACTERS, STRING, WORDS = "experiments.data.Characters", "experiments.data.String", "experiments.data.Words"
OF_STRING = {"valid_fraction": 0.05, "test_fraction": 0.05}  # no effect, but part of the recorded form

# Options that were added later, each with the value that means what was done before.
READ_AS_BEFORE = {"encoding": "utf-8", "line_ends": "kept", "vocabulary_file": None}
COUNTED_AS_BEFORE = {
    "corpus_size": None,
    "held_out": True,
    "lower_case": False,
    "min_count": 1,
    "vocabulary_size": None,
}
ADDED: dict[str, dict[str, Any]] = {
    STRING: {"lower_case": False},
    WORDS: READ_AS_BEFORE,
    CHARACTERS: READ_AS_BEFORE | COUNTED_AS_BEFORE,
}
EMBEDDING_AS_BEFORE = {"embedding_from": None, "embedding_std": None, "embedding_frozen": False}
ADDED["experiments.models.ContextNetwork"] = EMBEDDING_AS_BEFORE
OUTPUT_AS_BEFORE = {"num_samples": 1000, "cutoffs": None, "tail_divisor": 4.0}  # no effect on output: softmax
REGULARIZED_AS_BEFORE = {"locked_dropout": False, "weight_dropout": 0.0}
REGULARIZED_AS_BEFORE |= {"activation_penalty": 0.0, "temporal_penalty": 0.0}
OTHERS_AS_BEFORE: dict[str, Any] = {"input_bias": 0.0, "parameters": None, "layers_from": None}
ADDED |= {
    f"experiments.models.{name}": EMBEDDING_AS_BEFORE | OUTPUT_AS_BEFORE | REGULARIZED_AS_BEFORE | OTHERS_AS_BEFORE
    for name in ("TorchNetwork", "NumpyNetwork")
}

TRAIN = "experiments.runners.Train"
ADDED_TO_TRAIN: dict[str, Any] = {"print_every": None, "curve_x": "epochs", "curve_scale": "auto"}
ADDED_TO_TRAIN |= {"gradients_interval": None, "gradients_lags": 50, "keep": "all"}

ADDED[TRAIN] = {"max_seconds": None, "max_targets": None}

# Options that do not change what a run computes are no part of its identity. Data enters by its fingerprint, a
# checkpoint by its run, the vectors of an embedding and layers of another network by their digest.
NOT_IDENTITY: tuple[str, ...] = ("device", "threads", "tracker", "checkpoint", "resume", "sweep", "loss_sum")
NOT_IDENTITY += ("name", "note", "tags", "published")
NOT_IDENTITY += ("model.embedding_from", "model.layers_from", "data.path", "data.cache", "data.url", "data.timeout")
NOT_IDENTITY += ("data.encoding", "data.line_ends", "data.vocabulary_file", "data.text_column", "data.label_column")
NOT_IDENTITY += ("runner.log_interval", "runner.checkpoint_interval", "runner.checkpoint_targets_interval")
NOT_IDENTITY += ("runner.print_every", "runner.curve_x", "runner.curve_scale")
NOT_IDENTITY += ("runner.keep", "runner.gradients_interval", "runner.gradients_lags")


def todays_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config, perhaps recorded by an earlier version, in today's form."""
    today = ADDED_KEYS | {key: _renamed(value, PUBLIC_NAMES) for key, value in config.items()}
    data = today.get("data")
    if isinstance(data, dict) and data.get("_target_") == CHARACTERS:
        if data.get("path") is None and "text" in data:
            left_out = ("path", *OF_STRING)
            today["data"] = {**{k: v for k, v in data.items() if k not in left_out}, "_target_": STRING}
        else:
            data.pop("text", None)
            data.setdefault("cache", cache_folder())
    for section in ("data", "model", "runner"):
        options = today.get(section)
        if isinstance(options, dict) and options.get("_target_") in ADDED:
            today[section] = ADDED[options["_target_"]] | options
    runner = today.get("runner")
    if isinstance(runner, dict) and runner.get("_target_") == TRAIN:
        today["runner"] = ADDED_TO_TRAIN | runner
    return today


def recorded_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config in the form from which identities are computed."""
    today = todays_form(config)
    recorded = {"windows_per_update": 1, **{key: _renamed(value, FORMER_NAMES) for key, value in today.items()}}
    recorded = {k: v for k, v in recorded.items() if k not in ADDED_KEYS or v != ADDED_KEYS[k]}
    target = today["data"].get("_target_")
    if target == STRING:
        recorded["data"] |= OF_STRING
    elif target == CHARACTERS:
        recorded["data"]["text"] = None
        if recorded["data"].get("unknown") == "auto":  # whether there is one is seen in the data's fingerprint
            recorded["data"]["unknown"] = None
    for section in {"data", "model", "runner"} & today.keys():
        before = ADDED.get(today[section].get("_target_"), {}).items()
        recorded[section] = {k: v for k, v in recorded[section].items() if (k, v) not in before}
    return recorded


def _renamed(section: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(section, Mapping) or "_target_" not in section:
        return section
    return {**section, "_target_": names.get(section["_target_"], section["_target_"])}


def identity_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that decide what is computed, as dotted keys, in the recorded form."""
    return {
        key: value
        for key, value in flatten(recorded_form(config)).items()
        if not any(f"{key}.".startswith(f"{out}.") for out in NOT_IDENTITY)
    }
