"""An experiment: five choices bound to their constructors, and what a runner builds from them."""

import contextlib
import dataclasses
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from .checkpoints.initial_embedding import InitialEmbedding, with_initial_embedding
from .checkpoints.initial_weights import InitialWeights, with_initial_weights
from .checkpoints.resume import nearest_unfinished, newest_unfinished, stored_run
from .config.binding import Bound, bind, bind_settings
from .config.composition import Composition
from .config.errors import ConfigError
from .config.recorded_form import todays_form
from .config.settings import SECTIONS, Settings
from .interfaces.data import DATA_KINDS, Dataset
from .interfaces.job import JobContext
from .interfaces.model import Model, check_model
from .tracking.description import RunDescription
from .tracking.folder import JOURNAL
from .tracking.interruption import Stop, interruptible
from .tracking.naming import name_of_run
from .tracking.record import RunRecord
from .tracking.run import Run
from .tracking.source_code import SourceCode
from .tracking.store import Store
from .training.device import Device, choose_device, num_threads, set_up_process
from .training.dry_run import check_compatible, dry_run

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
    settings: Settings
    device: Device
    initial_weights: InitialWeights | None
    initial_embedding: InitialEmbedding | None
    resumes: Path | None  # the folder of the run that resume= names
    job: JobContext | None  # what a job of a sweep knows of its sweep
    store: Store
    model: Bound[Model]
    data: Bound[Dataset]
    optimizer: Bound[torch.optim.Optimizer]
    schedule: Bound[Any]
    runner: Bound[Any]

    @classmethod
    def of(cls, composition: Composition, job: JobContext | None = None) -> "Experiment":
        """Check a composition as far as possible without reading data, and bind it. ConfigError if it is wrong.

        With `resume=` the config is that of the stored run; with `checkpoint=` a part of it is that of the checkpoint's
        run. Typed options have precedence over both.
        """
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
        composition, embedding = with_initial_embedding(composition, lambda: store or store_of(composition), weights)
        settings, device, sections = bind_all(composition.config, composition.typed_texts)
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
            settings=settings,
            device=device,
            initial_weights=weights,
            initial_embedding=embedding,
            resumes=None if resumed is None else resumed.folder,
            job=job,
            store=tracker.build() if store is None else store,
            **sections,
        )

    def run(self) -> float | None:
        """Call the runner; returns the loss that it reached, if it has one."""
        set_up_process(self.settings, self.model.target)
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
        """The model for this vocabulary on its device, with the weights or vectors that it is to begin with."""
        torch.manual_seed(self.settings.seed)
        sizes = {name: getattr(dataset, name) for name in SIZES}
        others = {name: getattr(dataset, name) for name in OF_DATA if self.model.takes(name)}
        model = self.model.build(others, **sizes)
        check_compatible(model, dataset, self.settings)
        model = self.device.place(model)
        if self.initial_weights is not None:
            self.initial_weights.load_into(model, dataset)
        elif self.initial_embedding is not None:
            self.initial_embedding.load_into(model, dataset)
        return model

    def build_optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = self.optimizer.build(params=model.parameters())
        return optimizer

    def run_to_resume(self, fingerprint: str) -> Path | None:
        """The folder of the run that this command resumes. ConfigError if that run read other data."""
        if self.job is not None:  # its name is a hash of what it computes
            folder = self.store.folder / self.job.run
            return folder if (folder / JOURNAL).exists() else None
        if self.settings.resume == "auto":
            newest = newest_unfinished(self.store.folder, self.description.identity(fingerprint))
            if newest is None and (note := nearest_unfinished(self.store.folder, self.config)):
                log.info("%s", note)
            return newest
        if self.resumes is not None:
            self.description.refuse_other_data_or_code(RunRecord.of(self.resumes), fingerprint)
        return self.resumes

    @functools.cached_property
    def description(self) -> RunDescription:
        """What its runs are recorded as."""
        targets = {section: getattr(self, section).target for section in SECTIONS if section != "tracker"}
        found = {section: SourceCode.of(target) for section, target in targets.items()}
        own = {section: code for section, code in found.items() if code is not None}
        weights = None if self.initial_weights is None else self.initial_weights.run_id
        vectors = None if self.initial_embedding is None else self.initial_embedding.digest
        return RunDescription(self.config, self.choices, self.command, own, weights, vectors)

    @contextlib.contextmanager
    def open_run(
        self, fingerprint: str, resumed: Path | None = None, facts: Mapping[str, str] | None = None, **tags: str
    ) -> Iterator[tuple[Run, Stop]]:
        """Record a run of this experiment in a folder of its own, or resume the one in the folder `resumed`.

        `facts` about its data become parameters and tags.
        Until the run has ended, a signal only sets the Stop, so that no run stays RUNNING.
        """
        facts = dict(facts or {})
        where = {"threads": str(num_threads()), "device": str(self.device.torch_device)}
        where |= {} if self.job is None else self.job.tags(self.settings.seed)
        tags |= facts | where | self.description.tags(fingerprint)
        is_new = resumed is None and self.job is None
        run = Run(self.store, self._run_name() if resumed is None else resumed.name, tags, is_new)
        signals = interruptible() if self.job is None else interruptible(self.job.stop_signal)
        closing = self.store.close_dead_runs if self.job is None else lambda _: None  # a sweep closes its own runs
        with signals as stop, run, in_background(closing, run.name):
            if self.device.torch_device.type == "cuda" and not self.settings.deterministic:
                log.info("sums on a GPU may differ in their last bits from run to run; deterministic=true repeats them")
            run.log_parameters(self.description.parameters() | facts)
            if resumed is None:
                run.log_dataset(self._data_name(), fingerprint, facts)
            for file, text in self.description.texts():
                run.log_text(file, text)
            yield run, stop
        stop.check()  # for a signal that arrived while the run was being closed

    def _data_name(self) -> str:
        """The choice of the data, with the file that it is read from."""
        path = self.data.options.get("path")
        return f"{self.choices['data']} {Path(path).name}" if isinstance(path, str) else self.choices["data"]

    def _run_name(self) -> str:
        if self.job is not None:
            return self.job.run
        typed = {key.lstrip("+"): text for key, _, text in (override.partition("=") for override in self.overrides)}
        return self.settings.name or name_of_run(self.choices, typed)


@contextlib.contextmanager
def in_background(work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Do work that may have to wait for a store while the block runs; then wait at most 10 seconds for it to end."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=10.0)


def store_of(composition: Composition) -> Store:
    """The store that a composition chooses."""
    store: Store = bind(composition.config, "tracker", typed=composition.typed_texts).build()
    return store


def late_arguments(config: Mapping[str, Any], section: str) -> list[str]:
    """What `build` adds to a section; not what a dataset of the user's own has as an option."""
    own = config[section] if section == "data" and isinstance(config[section], Mapping) else ()
    return [name for name in LATE.get(section, ()) if name not in own]


def bind_all(config: Mapping[str, Any], typed: Mapping[str, str]) -> tuple[Settings, Device, dict[str, Bound[Any]]]:
    """Root keys, device and sections, checked one by one and together; the tracker last, as mlflow takes seconds."""
    settings = bind_settings(config, typed)
    sections = {key: bind(config, key, late_arguments(config, key), typed) for key in SECTIONS if key != "tracker"}
    path = sections["data"].options.get("path")
    if isinstance(path, str):
        path = os.path.abspath(os.path.expanduser(path))  # a checkpoint may be used in another folder
        sections["data"].options["path"] = path
    check_model(sections["model"].target, config["model"]["_target_"])
    device = choose_device(settings, sections["model"].target)
    dry_run(sections, settings)
    return settings, device, sections | {"tracker": bind(config, "tracker", typed=typed)}
