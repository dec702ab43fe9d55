"""An experiment: five choices bound to their constructors, and what a runner builds from them."""

import dataclasses
import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .checkpoints.allowed_targets import check_targets
from .checkpoints.initial_embedding import InitialEmbedding, with_initial_embedding
from .checkpoints.initial_layers import InitialLayers, with_initial_layers
from .checkpoints.initial_weights import InitialWeights, with_initial_weights
from .checkpoints.resume import stored_run
from .config.binding import Bound, bind, bind_settings
from .config.composition import Composition, without_options_of_another_runner
from .config.errors import ConfigError
from .config.launch import Launch, launch
from .config.parameter_budget import leave_size_to_budget
from .config.recorded_form import todays_form
from .config.settings import SECTIONS, Settings
from .interfaces.data import DATA_KINDS, Dataset
from .interfaces.job import JobContext
from .interfaces.model import Model, check_model
from .tracking.description import RunDescription
from .tracking.source_code import SourceCode
from .tracking.store import Store
from .training.device import Device
from .training.device_choice import check_several, choose_device, warn_if_slow
from .training.dry_run import check_compatible, dry_run
from .training.eager_optimizer import without_compiler
from .training.layerwise import parameters_of
from .training.process_setup import make_current, set_up_process
from .training.processes import Processes

log = logging.getLogger("experiments")

SIZES = ("num_inputs", "num_outputs")
OF_DATA = ("sentence_end", "symbol_counts", *DATA_KINDS)  # what a model may want to know besides
LATE = {"model": (*SIZES, *OF_DATA), "optimizer": ("params",), "data": ("vocabulary", "classes")}  # what `build` adds


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Bound, unbuilt sections: a runner builds what it needs."""

    config: dict[str, Any]  # plain and resolved
    choices: dict[str, str]  # model: torch_lstm, data: ptb, ...
    command: str  # what repeats this run
    overrides: tuple[str, ...]  # KEY=VALUE as typed
    folders: tuple[Path, ...]  # of the YAML files, which may name classes of the user's own
    settings: Settings
    device: Device
    initial_weights: InitialWeights | None
    initial_embedding: InitialEmbedding | None
    initial_layers: InitialLayers | None
    resumes: Path | None  # the folder of the run that resume= names
    job: JobContext | None  # what a job of a sweep knows of its sweep
    store: Store
    model: Bound[Model]
    data: Bound[Dataset]
    optimizer: Bound[torch.optim.Optimizer]
    schedule: Bound[Any]
    runner: Bound[Any]
    processes: Processes  # that train together
    recorded: list[Path] = dataclasses.field(default_factory=list, init=False)  # folders of the runs that it opened
    solved: dict[str, Any] = dataclasses.field(default_factory=dict, init=False)  # options that its model chose itself

    @classmethod
    def of(cls, composition: Composition, job: JobContext | None = None) -> "Experiment":
        """Check a composition as far as possible without reading data, and bind it. ConfigError if it is wrong.

        With `resume=` the config is that of the stored run; with `checkpoint=` a part of it is that of the checkpoint's
        run. Typed options have precedence over both.
        """
        composition = without_options_of_another_runner(composition)
        composition = dataclasses.replace(composition, config=todays_form(composition.config))
        bind_settings(composition.config, composition.typed_texts)
        resumed = stored_run(composition)
        if resumed is not None:
            composition = resumed.merged_into(composition)
            bind_settings(composition.config, composition.typed_texts)
        weights = store = None
        if composition.config["checkpoint"] is not None:
            store = store_of(composition)
            composition, weights = with_initial_weights(composition, store, is_resumed=resumed is not None)
        kept = (lambda: store or store_of(composition)), weights
        composition, embedding = with_initial_embedding(composition, *kept)
        composition, layers = with_initial_layers(composition, *kept)
        place = launch() if job is None else Launch()
        settings, device, sections = bind_all(composition.config, composition.typed_texts, place)
        config = dataclasses.asdict(settings) | {name: section.config() for name, section in sections.items()}
        if resumed is not None:
            resumed.refuse_changes(config)
        chosen = sorted(composition.choices.items())
        tracker = sections.pop("tracker")
        return cls(
            config=config,
            choices={kind: choice for kind, choice in chosen if "/" not in kind and choice},
            command=composition.command,
            overrides=composition.overrides,
            folders=composition.folders,
            settings=settings,
            device=device,
            initial_weights=weights,
            initial_embedding=embedding,
            initial_layers=layers,
            resumes=None if resumed is None else resumed.folder,
            job=job,
            store=tracker.build() if store is None else store,
            processes=processes_of(place),
            **sections,
        )

    def run(self) -> float | None:
        """Call the runner; returns the loss that it reached, if it has one."""
        set_up_process(self.settings, self.model.target, self.processes.launch)
        make_current(self.device.torch_device)
        with self.processes:
            score: float | None = self.runner.build().run(self)
        return score

    def build_dataset(self) -> Dataset:
        """Read the data, through the checkpoint's vocabulary if it holds one. ConfigError if it cannot be used."""
        stored = None if self.initial_weights is None else self.initial_weights.dataset
        is_read_through_it = stored is not None and self.data.takes("vocabulary")
        offered = {} if stored is None else {"vocabulary": stored.vocabulary, "classes": stored.labels or None}
        dataset = self.data.build(offered)
        if not isinstance(dataset, Dataset):
            name = type(dataset).__name__
            raise ConfigError(
                f"data: {name} must derive from experiments.interfaces.Dataset: write class {name}(Dataset)"
            )
        if is_read_through_it and self.initial_weights is not None:
            log.info("data read through the vocabulary of %s", self.initial_weights.source)
        return dataset

    def trained_dataset(self) -> Dataset:
        """What the checkpoint holds of its data, without splits; one of an earlier version has to read the data."""
        stored = None if self.initial_weights is None else self.initial_weights.dataset
        return self.build_dataset() if stored is None else stored

    def build_model(self, dataset: Dataset) -> Model:
        """The model for this vocabulary on its device, with the weights, vectors or layers that it is to begin with."""
        torch.manual_seed(self.settings.seed)
        sizes = {name: getattr(dataset, name) for name in SIZES}
        others = {name: getattr(dataset, name) for name in OF_DATA if self.model.takes(name)}
        model = self.model.build(others, **sizes)
        self.solved.update({f"model.{option}": value for option, value in model.solved_options.items()})
        check_compatible(model, dataset, self.settings)
        if model.needs_symbol_counts:
            counts = dataset.symbol_counts
            model.count_symbols(torch.ones(dataset.num_outputs) if counts is None else torch.as_tensor(counts))
        model = self.device.place(model)
        if self.initial_weights is not None:
            self.initial_weights.load_into(model, dataset)
        elif self.initial_embedding is not None:
            self.initial_embedding.load_into(model, dataset)
        elif self.initial_layers is not None:
            self.initial_layers.load_into(model, dataset)
        return model

    def with_weights(self, weights: InitialWeights) -> "Experiment":
        """This experiment with the model and weights of another checkpoint. ConfigError if its class may not be run."""
        config = todays_form(weights.content["config"])
        check_targets(config, self.folders, weights.source)
        model = bind(config, "model", late_arguments(config, "model"))
        choices = self.choices | {"model": weights.content["choices"].get("model", model.target.__name__)}
        return dataclasses.replace(self, initial_weights=weights, model=model, choices=choices)

    def build_optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a model's parameters, in groups where its layers learn at different rates."""
        groups = parameters_of(model, self.settings.layer_rate_decay, self.optimizer.options)
        return without_compiler(lambda: self.optimizer.build(params=groups))

    @functools.cached_property
    def description(self) -> RunDescription:
        """What its runs are recorded as."""
        targets = {section: getattr(self, section).target for section in SECTIONS if section != "tracker"}
        found = {section: SourceCode.of(target) for section, target in targets.items()}
        own = {section: code for section, code in found.items() if code is not None}
        weights = None if self.initial_weights is None else self.initial_weights.run_id
        vectors = None if self.initial_embedding is None else self.initial_embedding.digest
        layers = None if self.initial_layers is None else self.initial_layers.digest
        return RunDescription(self.config, self.choices, self.command, own, weights, vectors, layers)


def processes_of(place: Launch) -> Processes:
    """What trains: this process alone, or with others."""
    if place.size == 1:
        return Processes()
    from .training.process_group import ProcessGroup  # imports torch.distributed, which takes time

    return ProcessGroup(place)


def store_of(composition: Composition) -> Store:
    """The store that a composition chooses."""
    store: Store = bind(composition.config, "tracker", typed=composition.typed_texts).build()
    return store


def late_arguments(config: Mapping[str, Any], section: str) -> list[str]:
    """What `build` adds to a section; not what a dataset of the user's own has as an option."""
    own = config[section] if section == "data" and isinstance(config[section], Mapping) else ()
    return [name for name in LATE.get(section, ()) if name not in own]


def bind_all(
    config: Mapping[str, Any], typed: Mapping[str, str], place: Launch
) -> tuple[Settings, Device, dict[str, Bound[Any]]]:
    """Root keys, device and sections, checked one by one and together."""
    settings = bind_settings(config, typed)
    sections = {key: bind(config, key, late_arguments(config, key), typed) for key in SECTIONS if key != "tracker"}
    leave_size_to_budget(sections["model"], typed)
    path = sections["data"].options.get("path")
    if isinstance(path, str):
        path = os.path.abspath(os.path.expanduser(path))  # a checkpoint may be used in another folder
        sections["data"].options["path"] = path
    check_model(sections["model"].target, config["model"]["_target_"])
    check_several(place, settings, sections["model"].target, sections["runner"].target)
    device = choose_device(settings, sections["model"].target, place)
    warn_if_slow(device)
    dry_run(sections, settings)
    return settings, device, sections | {"tracker": bind(config, "tracker", typed=typed)}
