"""The option `resume=`: finding the run to resume, and refusing changes to its config."""

import contextlib
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..config.composition import Composition, merge
from ..config.errors import ConfigError, first_line
from ..config.keys import in_yaml
from ..config.recorded_form import identity_options, todays_form
from ..tracking.folder import DELIVERED, JOURNAL, read_delivered
from ..tracking.record import RunRecord
from .allowed_targets import check_targets

MAX_CONFIG = 1 << 20  # characters
MAX_CHANGES = 3  # options that are named of a run that is not resumed


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """The run that `resume=` names, with the config and choices it began with."""

    folder: Path
    config: dict[str, Any]
    choices: dict[str, str]

    def merged_into(self, composition: Composition) -> Composition:
        """The composition with the run's config, in which typed options win.

        A typed choice, such as model=NAME, keeps the composed config; `refuse_changes` then names the differences.
        """
        composed, typed = composition.config, composition.typed
        if composed.get("name") not in (None, self.config.get("name"), self.folder.name):
            why = f"leave name={composed['name']} out, or leave resume= out to begin a run of this name"
            raise ConfigError(f"the run {self.folder.name} keeps its name when it is resumed: {why}")
        own = [key for key in self.config if key not in ("tracker", "resume", "sweep")]  # a former key of jobs
        is_choice = any(isinstance(composed.get(key), Mapping) for key in typed if key not in ("tracker", "tags"))
        if not is_choice and "recipe" not in typed:
            composed = merge(self.config, composed, typed, own)
        return dataclasses.replace(composition, config=composed, choices=self.choices)

    def refuse_changes(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigError with the options that differ from the run's own; more epochs are allowed."""
        began, now, differing = self._compared(config)
        scheduled = began.get("schedule.epochs")
        if differing == ["epochs"] and now["epochs"] > began["epochs"]:
            if scheduled is None:
                return
            why = f"its schedule ends after schedule.epochs={scheduled}"
            raise ConfigError(f"the run {self.folder.name} cannot have more epochs: {why}")
        if differing:
            changes = ", ".join(f"{key} ({began.get(key)}, now {now.get(key)})" for key in differing)
            raise ConfigError(f"the run {self.folder.name} cannot be resumed with another config: {changes}")

    def changes(self, config: Mapping[str, Any]) -> list[str]:
        """The options in which a config differs from the run's own, like `epochs (10, now 20)`."""
        began, now, differing = self._compared(config)
        return [f"{key} ({in_yaml(began.get(key))}, now {in_yaml(now.get(key))})" for key in differing]

    def _compared(self, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """What the run began with, what the config has, and the keys that differ."""
        began, now = (
            identity_options(options)
            | {"checkpoint": options.get("checkpoint")}
            | {f"model.{name}": options["model"].get(name) for name in ("embedding_from", "layers_from")}
            for options in (self.config, config)
        )
        return began, now, [key for key in {**began, **now} if began.get(key) != now.get(key)]


def stored_run(composition: Composition) -> StoredRun | None:
    """The run that `resume=` names; None without it or with "auto".

    Raises ConfigError if the run cannot be found, or its config names a class that is not allowed.
    """
    which = composition.config.get("resume")
    if which in (None, "auto"):
        return None
    folder = find_run(Path(composition.config["tracker"]["folder"]).absolute(), which)
    config, choices = stored_config(folder)
    check_targets(config, composition.folders, folder.name)
    return StoredRun(folder, todays_form(config), choices)


def newest_of(identity: str, unfinished: Sequence[RunRecord]) -> Path | None:
    """The folder of the newest of the unfinished runs that has this identity; None if there is none."""
    same = [run for run in unfinished if run.tags.get("identity") == identity]
    return same[-1].folder if same else None


def nearest_to(config: Mapping[str, Any], unfinished: Sequence[RunRecord]) -> str | None:
    """One line about the unfinished training run whose options are nearest to this config; None if there is none."""
    found = []
    for record in unfinished:
        if record.tags.get("runner") != "train" or "sweep" in record.tags:
            continue
        with contextlib.suppress(ConfigError):  # its config cannot be read
            stored, choices = stored_config(record.folder, record)
            found.append((StoredRun(record.folder, todays_form(stored), choices).changes(config), record.name))
    if not found:
        return None
    changes, name = min(reversed(found), key=lambda pair: len(pair[0]))  # the newest of equally near ones
    shown = ", ".join(changes[:MAX_CHANGES]) or "its data or code"
    more = f" and {len(changes) - MAX_CHANGES} more" if len(changes) > MAX_CHANGES else ""
    return f"a new run begins: the nearest unfinished one, {name}, differs in {shown}{more}; resume={name} resumes it"


def find_run(folder: Path, which: str) -> Path:
    """The folder of a run, by its name or by its id in the store. Raises ConfigError if it is not in `folder`."""
    named = [folder / which] if Path(which).name == which else []
    folders = (path.parent for path in folder.glob(f"*/{DELIVERED}"))
    for run in itertools.chain(named, (run for run in folders if read_delivered(run).store_id == which)):
        if (run / JOURNAL).is_file():
            return run
    raise ConfigError(f"resume={which}: no run of this name or id is in {folder}; tracker.folder=FOLDER names another")


def stored_config(run: Path, record: RunRecord | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The config and choices a run began with; `record` is what is recorded of it, where that is known already.

    Raises ConfigError if they cannot be read, or it is no training run.
    """
    path, tags = run / "config.yaml", (record or RunRecord.of(run)).tags
    if tags.get("runner") != "train":
        raise ConfigError(f"resume: the run {run.name} is not a training run, so it cannot be resumed")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CONFIG + 1)
        if path.is_symlink() or len(text) > MAX_CONFIG:
            raise ValueError(f"it is a link or has more than {MAX_CONFIG} characters")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):  # a few can expand to gigabytes
            raise ValueError("it holds aliases")
        config = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"resume: {path} cannot be read: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"resume: {path} is not a config")
    return config, {key.removeprefix("choice."): tags[key] for key in tags if key.startswith("choice.")}
