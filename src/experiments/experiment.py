"""An experiment: five choices bound to their constructors, and what a runner builds from them."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .checkpoints import resume
from .checkpoints.allowed_targets import check_stored
from .checkpoints.initial_weights import Origin, find_origin
from .config.binding import Bound, bind, bind_settings
from .config.composition import to_yaml
from .config.dry_run import check_reading, rehearse
from .config.errors import ConfigError
from .config.former_names import FORMER_NAMES
from .config.keys import flatten
from .config.settings import Settings
from .sweep.job_context import Member
from .tracking import provenance
from .tracking.folder import JOURNAL, facts, left_open
from .tracking.interruption import Stop, interruptible
from .tracking.run import SILENT, Tracker
from .training.device import Device, choose_device, num_threads, set_up_process

log = logging.getLogger("experiments")

# What does not change what a run computes is left out of its identity; so is every option named ..._interval.
# The data counts by its fingerprint, a checkpoint by its run.
NOT_IDENTITY = ("device", "threads", "tracker", "checkpoint", "resume", "sweep")
NOT_IDENTITY += ("data.path", "data.cache", "data.url", "data.timeout")
SECTIONS = ("model", "data", "optimizer", "schedule", "runner")
LATE = {"model": ("num_inputs", "num_outputs", "sentence_end"), "optimizer": ("params",), "tracker": ("name", "tags")}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Bound, unbuilt sections: a runner builds what it needs."""

    config: dict[str, Any]  # plain and resolved
    choices: dict[str, str]  # model: torch_lstm, data: ptb, ...
    command: str  # what repeats this run
    overrides: tuple[str, ...]  # KEY=VALUE as typed
    settings: Settings
    device: Device
    model: Bound
    data: Bound
    optimizer: Bound
    schedule: Bound
    runner: Bound
    tracker: Bound
    origin: Origin | None
    continues: Path | None  # the folder of the run that resume= names
    member: Member | None  # what a job of a sweep knows of it

    @classmethod
    def of(
        cls,
        config: Mapping[str, Any],
        choices: Mapping[str, str],
        command: str,
        overrides: Sequence[str],
        folders: Sequence[Path],
    ) -> "Experiment":
        """Check a plain config as far as one can without reading data. ConfigError says what is wrong.

        `folders` are those that configs were composed from: they say what a stored config may name.
        """
        settings, origin, continues, began = bind_settings(config), None, None, None
        typed = {override.lstrip("+").partition("=")[0] for override in overrides}
        if settings.resume not in (None, "auto"):
            tracker, which = config["tracker"], settings.resume
            continues = resume.find_run(Path(tracker["folder"]).absolute(), which)
            began, choices = resume.stored_config(continues)
            check_stored(began, folders, continues.name)
            config = resume.with_typed(began, config, typed) | {"tracker": tracker, "resume": which, "sweep": None}
            settings = bind_settings(config)
        if settings.checkpoint is not None:
            origin = find_origin(settings.checkpoint, bind(config, "tracker", LATE["tracker"]))
            check_stored(origin.content["config"], folders, origin.source)
            if continues is None:  # else its config has all that was brought
                config, choices = origin.brings(config, choices, typed)
            command = command.replace("checkpoint=latest", f"checkpoint={origin.run_id}")  # what is latest changes
            is_path = os.path.exists(settings.checkpoint)
            config["checkpoint"] = os.path.abspath(settings.checkpoint) if is_path else origin.run_id
            settings = bind_settings(config)
        bound = {section: bind(config, section, LATE.get(section, ())) for section in SECTIONS}
        if isinstance(path := bound["data"].options.get("path"), str):
            bound["data"].options["path"] = os.path.abspath(path)  # a checkpoint may be used in another folder
        where = choose_device(settings, bound["model"].target)
        rehearse(bound, settings)
        bound["tracker"] = bind(config, "tracker", LATE["tracker"])  # last, as importing mlflow takes seconds
        config = dataclasses.asdict(settings) | {section: b.config() for section, b in bound.items()}
        if continues is not None:
            start = {"checkpoint": began.get("checkpoint")}, {"checkpoint": config["checkpoint"]}
            resume.refuse_changes(lasting(began) | start[0], lasting(config) | start[1], continues.name)
        chosen = {kind: choices[kind] for kind in sorted(choices) if "/" not in kind and choices[kind]}
        member = None if settings.sweep is None else Member(**settings.sweep)
        known = {"origin": origin, "continues": continues, "member": member}
        return cls(config, chosen, command, tuple(overrides), settings, where, **bound, **known)

    def run(self) -> float | None:
        """Hand the experiment to its runner; the number a sweep minimises, if it makes one."""
        set_up_process(self.settings, self.model.target)
        return self.runner.build().run(self)

    def build_dataset(self):
        """Read the data. ConfigError if it cannot be used."""
        return self.data.build()

    def build_model(self, dataset) -> torch.nn.Module:
        """The model for this vocabulary on its device, with the checkpoint's weights if there is one."""
        torch.manual_seed(self.settings.seed)
        known = {"num_inputs": dataset.num_inputs, "num_outputs": dataset.num_outputs}
        model = self.model.build(**known, sentence_end=getattr(dataset, "sentence_end", None))
        check_reading(model, dataset, self.settings)
        model = self.device.place(model)
        if self.origin is not None:
            self.origin.load_into(model, dataset)
        return model

    def build_optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        return self.optimizer.build(params=model.parameters())

    def run_to_continue(self, fingerprint: str) -> Path | None:
        """The folder of the run that this command goes on with. ConfigError if that read other data."""
        folder = Path(self.tracker.options["folder"]).absolute()
        if self.member is not None:  # its name says what it computes
            return folder / self.member.run if (folder / self.member.run / JOURNAL).exists() else None
        if self.settings.resume == "auto":
            return resume.newest_unfinished(folder, self.identity(fingerprint))
        if self.continues is not None and facts(self.continues / JOURNAL)["dataset_fingerprint"] != fingerprint:
            raise ConfigError(f"the run {self.continues.name} cannot go on with other data than it began with")
        return self.continues

    @contextlib.contextmanager
    def open_run(self, fingerprint: str, continues: Path | None = None, **tags: str) -> Iterator[tuple[Tracker, Stop]]:
        """Record a run of this experiment in a folder of its name, or go on with the one in the folder `continues`.

        From its beginning to its end a signal is only noted in the Stop, so that no run is left as RUNNING.
        """
        name = self._new_name() if continues is None else continues.name
        tags |= {} if self.origin is None else {"started_from": self.origin.run_id}
        tags |= {"identity": self.identity(fingerprint), "command": self.command, "dataset_fingerprint": fingerprint}
        tags |= {"threads": str(num_threads()), "device": str(self.device.torch_device)}
        tags |= {} if self.member is None else self.member.tags(self.settings.seed)
        tags |= {f"choice.{kind}": choice for kind, choice in self.choices.items()} | provenance.facts()
        tags["mlflow.note.content"] = f"Repeat with\n```\n{self.command}\n```"
        tracker = self.tracker.build(name=name, tags=tags)
        asked = self.member.is_stopped if self.member else lambda: False
        alone = self.settle_others if self.member is None else lambda _: None  # a sweep looks after its own
        with interruptible(asked) as stop, tracker, in_background(alone, tracker.folder):
            if self.device.torch_device.type == "cuda" and not self.settings.deterministic:
                log.info("sums on a GPU may differ in their last bits from run to run; deterministic=true repeats them")
            tracker.log_config(self.parameters())
            tracker.log_text("config.yaml", to_yaml(self.config))
            yield tracker, stop
        stop.check()  # one that came while the run was closed ends no run, but what would come after it

    def _new_name(self) -> str:
        if self.member is not None:
            return self.member.run
        now = datetime.datetime.now().strftime("%m%d-%H%M%S")
        return f"{self.choices['model']}-{self.choices['data']}-{now}-{secrets.token_hex(2)}"

    def settle_others(self, own: Path) -> None:
        """Close the runs in the same folder, and in the same store, whose process died without a word."""
        for path in left_open(own.parent):
            with contextlib.suppress(ValueError, OSError):  # its process is alive, or it is in no state to be closed
                if path != own and (done := self.tracker.build(name=path.name, tags={}).settle()):
                    log.info("%s  %s; resume=%s goes on with it", path.name, done, path.name)
        with contextlib.suppress(ValueError, OSError):  # the store is away
            for run_id in self.tracker.target.close_silent(SILENT, **self.tracker.options):
                log.info("run %s  silent for more than %g s: closed as KILLED", run_id, SILENT)

    def identity(self, fingerprint: str) -> str:
        """16 hexadecimal digits over the data and all options that decide what is computed, whatever the machine."""
        what = lasting(self.config)
        what |= {"data": fingerprint, "start": None if self.origin is None else self.origin.run_id}
        return hashlib.blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=8).hexdigest()

    def parameters(self) -> dict[str, Any]:
        """The config as flattened dotted keys plus the group choices, as a store shows them."""
        options = {key: value for key, value in self.config.items() if key != "sweep"}
        return {f"choice.{kind}": choice for kind, choice in self.choices.items()} | flatten(options)


@contextlib.contextmanager
def in_background(work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """While the block runs, do this work, which may wait for a store; at the end it is waited for a little."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    yield
    thread.join(timeout=10.0)


def lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options, flat, that decide what is computed."""
    return {
        key: FORMER_NAMES.get(value, value) if key.endswith("._target_") else value
        for key, value in flatten(config).items()
        if not key.endswith("_interval") and not any(f"{key}.".startswith(f"{out}.") for out in NOT_IDENTITY)
    }
