"""Which run a command continues, and whether it may."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..config.errors import ConfigError, first_line
from ..tracking.folder import DELIVERED, JOURNAL, facts, read_delivered

MAX_CONFIG = 1 << 20  # characters
ENDED_FOR_GOOD = ("completed", "diverged", "pruned")


def newest_unfinished(folder: Path, identity: str) -> Path | None:
    """The folder of the newest run of this identity that did not come to its end; None if there is none."""
    found = []
    for journal in folder.glob(f"*/{JOURNAL}"):
        with contextlib.suppress(OSError):  # a neighbour that cannot be read is not ours
            known = facts(journal)
            if known.get("identity") == identity and known.get("outcome") not in ENDED_FOR_GOOD:
                found.append((known["started"], journal.parent))
    return max(found, default=(0, None))[1]


def find_run(folder: Path, which: str) -> Path:
    """The folder of a run, by its name or by its id in the store. ConfigError if it is not here."""
    named = [folder / which] if Path(which).name == which else []
    folders = (path.parent for path in folder.glob(f"*/{DELIVERED}"))
    for run in [*named, *(run for run in folders if read_delivered(run).get("store_id") == which)]:
        if (run / JOURNAL).is_file():
            return run
    raise ConfigError(f"resume={which}: no run of this name or id is in {folder}; tracker.folder=FOLDER names another")


def stored_config(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Config and choices with which a run began. ConfigError if they were not written down."""
    path, known = run / "config.yaml", facts(run / JOURNAL)
    if known.get("runner") != "train":
        raise ConfigError(f"resume: the run {run.name} is no training, so there is nothing to go on with")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CONFIG + 1)
        if path.is_symlink() or len(text) > MAX_CONFIG:
            raise ValueError("it is a link or far too long")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):  # a few can stand for gigabytes
            raise ValueError("it holds aliases")
        config = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"resume: {path} cannot be read: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"resume: {path} is no config")
    return config, {key.removeprefix("choice."): known[key] for key in known if key.startswith("choice.")}


def with_typed(stored: Mapping[str, Any], composed: Mapping[str, Any], typed: set[str]) -> dict[str, Any]:
    """The stored config with the options that were typed; where a choice was typed, the composed config as it is."""
    typed = {key for key in typed if key.partition(".")[0] != "tracker"}  # which may change
    if any("." not in key and isinstance(composed.get(key), Mapping) for key in typed) or "recipe" in typed:
        return dict(composed)
    config = dict(stored)
    for key in typed:
        section, _, option = key.partition(".")
        if option:
            config[section] = {**config[section], option: composed[section].get(option)}
        elif key in composed:
            config[key] = composed[key]
    return config


def refuse_changes(began: Mapping[str, Any], now: Mapping[str, Any], run: str) -> None:
    """ConfigError that names the options, flat, in which a run would go on differently; more epochs are no change."""
    differing = [key for key in {**began, **now} if began.get(key) != now.get(key)]
    scheduled = began.get("schedule.epochs")
    if differing == ["epochs"] and now["epochs"] > began["epochs"]:
        if scheduled is None:
            return
        raise ConfigError(f"the run {run} cannot have more epochs: its schedule ends after schedule.epochs={scheduled}")
    if differing:
        changes = ", ".join(f"{key} ({began.get(key)}, now {now.get(key)})" for key in differing)
        raise ConfigError(f"the run {run} cannot go on with another config: {changes}")
