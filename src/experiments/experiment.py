"""An experiment: five choices bound to their constructors, and what a runner builds from them."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from . import compute, provenance
from .compute import Compute
from .config import Bound, Settings, bind, bind_settings, to_yaml
from .errors import first_line
from .runners import checkpoint
from .signature import ConfigError
from .tracking import Tracker

# What does not change what a run computes is left out of its identity; so is every option named ..._interval.
NOT_IDENTITY = ("device", "threads", "tracker")
FROM_CHECKPOINT = ("model", "data", "precision")  # taken from the stored config unless typed
LATE = {"model": ("num_inputs", "num_outputs"), "optimizer": ("params",), "tracker": ("name", "tags")}


@dataclasses.dataclass(frozen=True)
class Origin:
    """The checkpoint that an experiment starts from."""

    source: str  # a file, or a run of the tracker's store
    run_id: str
    content: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Bound, unbuilt sections: a runner builds what it needs."""

    config: dict[str, Any]  # plain and resolved
    choices: dict[str, str]  # model: torch_lstm, data: ptb, ...
    command: str  # what repeats this run
    settings: Settings
    compute: Compute
    model: Bound
    data: Bound
    optimizer: Bound
    schedule: Bound
    runner: Bound
    tracker: Bound
    origin: Origin | None

    @classmethod
    def of(cls, config: dict[str, Any], choices: Mapping[str, str], command: str, typed: list[str]) -> "Experiment":
        """Check a plain config as far as one can without reading data. ConfigError says what is wrong.

        `typed` are the keys given on the command line: they win over what a checkpoint brings.
        """
        settings = bind_settings(config)
        origin = None
        if settings.checkpoint is not None:
            origin = _find(settings.checkpoint, bind(config, "tracker", LATE["tracker"]))
            config, choices = _adopt(config, choices, origin.content, typed)
            settings = bind_settings(config)
        sections = ("model", "data", "optimizer", "schedule", "runner")
        bound = {section: bind(config, section, LATE.get(section, ())) for section in sections}
        where = compute.choose(settings, bound["model"].target)
        choices = {kind: choices[kind] for kind in sorted(choices) if "/" not in kind and choices[kind]}
        rehearse(bound)
        tracker = bind(config, "tracker", LATE["tracker"])  # last, as importing mlflow takes seconds
        return cls(config, choices, command, settings, where, **bound, tracker=tracker, origin=origin)

    def run(self) -> float | None:
        """Hand the experiment to its runner; the number a sweep minimises, if it makes one."""
        compute.begin(self.settings)
        return self.runner.build().run(self)

    def build_dataset(self):
        """Read the data. ConfigError if it cannot be used."""
        return self.data.build()

    def build_model(self, dataset) -> torch.nn.Module:
        """The model for this vocabulary on its device, with the checkpoint's weights if there is one."""
        torch.manual_seed(self.settings.seed)
        model = self.model.build(num_inputs=dataset.num_inputs, num_outputs=dataset.num_outputs)
        model = self.compute.place(model)
        if self.origin is not None:
            checkpoint.load_weights(model, self.origin.content["model"], self.origin.source)
        return model

    def build_optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        return self.optimizer.build(params=model.parameters())

    @contextlib.contextmanager
    def open_run(self, fingerprint: str, **tags: str) -> Iterator[Tracker]:
        """Record a run of this experiment: a tracker that knows its config; its name is also that of its folder."""
        now = datetime.datetime.now().strftime("%m%d-%H%M%S")
        name = f"{self.choices['model']}-{self.choices['data']}-{now}-{secrets.token_hex(2)}"
        tags |= {"identity": self.identity, "command": self.command, "dataset_fingerprint": fingerprint}
        tags |= {"threads": str(torch.get_num_threads()), "device": str(self.compute.device)}
        tags |= {f"choice.{kind}": choice for kind, choice in self.choices.items()} | provenance.facts()
        tags["mlflow.note.content"] = f"Repeat with\n```\n{self.command}\n```"
        with self.tracker.build(name=name, tags=tags) as tracker:
            tracker.log_config(self.parameters())
            (tracker.folder / "config.yaml").write_text(to_yaml(self.config), encoding="utf-8")
            tracker.log_file(tracker.folder / "config.yaml")
            yield tracker

    @property
    def identity(self) -> str:
        """16 hexadecimal digits that two runs share if and only if they compute the same."""
        config = flatten({key: value for key, value in self.config.items() if key not in NOT_IDENTITY})
        lasting = {key: value for key, value in config.items() if not key.endswith("_interval")}
        return hashlib.blake2b(json.dumps(lasting, sort_keys=True).encode(), digest_size=8).hexdigest()

    def parameters(self) -> dict[str, Any]:
        """The config as flattened dotted keys plus the group choices, as a store shows them."""
        return {f"choice.{kind}": choice for kind, choice in self.choices.items()} | flatten(self.config)


def rehearse(bound: Mapping[str, Bound]) -> None:
    """Build model, optimizer and schedule without memory, to hear their refusals before data is read."""
    try:
        with torch.device("meta"):
            model = bound["model"].build(num_inputs=2, num_outputs=2)
    except NotImplementedError:
        return  # a model that cannot live on the meta device is checked when it is built
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"model: {first_line(error)}") from error
    bound["optimizer"].build(params=model.parameters())
    bound["schedule"].build()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings -> one level of dotted keys."""
    flat = {}
    for key, value in config.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def _find(which: str, tracker: Bound) -> Origin:
    """A file, the name of a run's folder, a run id or "latest" -> the checkpoint. ConfigError if there is none."""
    try:
        for path in (Path(which), Path(which) / "best.pt", Path(tracker.options["folder"]) / which / "best.pt"):
            if path.is_file():
                content = checkpoint.load(path)
                return Origin(str(path), content["run_id"], content)
        if Path(which).suffix or len(Path(which).parts) > 1:
            raise ValueError(f"there is no file {which}")
        with tempfile.TemporaryDirectory() as folder:
            path, run_id = tracker.target.find_checkpoint(which, Path(folder), **tracker.options)
            return Origin(f"run {run_id}", run_id, checkpoint.load(path))
    except ValueError as error:
        raise ConfigError(f"checkpoint: {error}") from error


def _adopt(config: Mapping[str, Any], choices: Mapping[str, str], content: Mapping[str, Any], typed: list[str]):
    """Config and choices with model, data and precision from a checkpoint; what was typed stays."""
    config, choices = dict(config), dict(choices)
    for key in FROM_CHECKPOINT:
        if key not in typed:
            stored = content["config"][key]
            again = {path.partition(".")[2] for path in typed if path.startswith(f"{key}.")}
            config[key] = {**stored, **{k: config[key][k] for k in again}} if again else stored
            choices |= {key: content["choices"][key]} if key in content["choices"] else {}
    return config, choices
