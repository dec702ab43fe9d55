"""What the process of the tests does once, or in small, though each of its hundreds of runs would do it anew.

Processes that tests start take none of these shortcuts, but for that of the disturbed requests, which runs hundreds of
commands, too; they hold what is said of a command as a user types it.
"""

import dataclasses
import functools
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.defaults_list import Overrides
from hydra._internal.hydra import Hydra

from experiments.config.paths import HOME
from experiments.tracking import source_code

EMPTY_PNG = b"\x89PNG\r\n\x1a\n"


def take_all(patched: pytest.MonkeyPatch) -> None:
    """Those below that change nothing a test could look at."""
    compose_once(patched)
    read_files_once(patched)
    ask_git_once(patched)
    leave_writing_to_the_system(patched)


def compose_once(patched: pytest.MonkeyPatch) -> None:
    """Hydra composes everything a first time only to see whether a YAML file asks for a sweep: few of ours do."""
    original = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        chosen = ("sweeps=", "recipe=", "hydra.mode=", "--config-dir", "-cd")
        may_be_sweep = any(text.startswith(chosen) for text in [*overrides, *sys.argv])
        return original(self, config_name, overrides) if may_be_sweep else None

    patched.setattr(Hydra, "get_mode", mode)


def read_files_once(patched: pytest.MonkeyPatch) -> None:
    """A file of conf/ is read once, and what a command's choices of files hold together is composed once."""
    ours = {"hydra.conf", str(HOME), str(HOME / "conf")}
    kept: dict[tuple[Any, ...], bytes] = {}
    load, defaults_of = ConfigRepository.load_config, config_loader_impl.create_defaults_list
    compose = ConfigLoaderImpl._compose_config_from_defaults_list

    def keep(repo: IConfigRepository, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        paths = tuple(source.path for source in repo.get_sources() if source.path)
        if not ours.issuperset(paths):
            return make()
        if (paths, key) not in kept:
            kept[paths, key] = pickle.dumps(make())
        return pickle.loads(kept[paths, key])  # its own, as Hydra goes on to change it

    def load_once(self: ConfigRepository, config_path: str) -> Any:
        return keep(self, ("file", config_path), lambda: load(self, config_path))

    def defaults_once(repo: IConfigRepository, config_name: str | None, overrides_list: list, **options: bool) -> Any:
        values = Overrides(repo, overrides_list).config_overrides
        choices = [override for override in overrides_list if override not in values]
        key = ("choices", config_name, *(override.input_line for override in choices), *options.items())
        found = keep(repo, key, lambda: defaults_of(repo, config_name, choices, **options))
        return dataclasses.replace(found, config_overrides=values)

    def compose_files_once(self: ConfigLoaderImpl, defaults: list, repo: IConfigRepository) -> Any:
        return keep(repo, ("config", *map(repr, defaults)), lambda: compose(self, defaults, repo))

    patched.setattr(ConfigRepository, "load_config", load_once)
    patched.setattr(config_loader_impl, "create_defaults_list", defaults_once)
    patched.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", compose_files_once)


def ask_git_once(patched: pytest.MonkeyPatch) -> None:
    """Git is asked once about the folder of this code, which stays as it is while the tests run."""
    original = source_code._git
    about_home = functools.cache(functools.partial(original, HOME))

    def git(folder: Path, *arguments: str) -> str | None:
        return about_home(*arguments) if folder == HOME else original(folder, *arguments)

    patched.setattr(source_code, "_git", git)


def leave_writing_to_the_system(patched: pytest.MonkeyPatch) -> None:
    """No file of a test's own process must outlive the machine's power."""
    patched.setattr(os, "fsync", lambda _: None)


def end_runs_in_brief(patched: pytest.MonkeyPatch) -> None:
    """Pictures are empty files, those of a finished run are not even drawn, and its sampled texts have ten symbols."""
    from experiments.comparison import paired_report, report
    from experiments.config import figure
    from experiments.training import artifacts, classification

    original = figure.encoded
    for module in (figure, report, paired_report):
        patched.setattr(module, "encoded", lambda made, form: EMPTY_PNG if form == "png" else original(made, form))
    patched.setattr(artifacts, "draw_learning_curve", lambda _points, path, *_: path.write_bytes(EMPTY_PNG))
    patched.setattr(classification, "draw_confusion_matrix", lambda _c, _n, path, *_: path.write_bytes(EMPTY_PNG))
    patched.setattr(artifacts, "sample_texts", functools.partial(artifacts.sample_texts, length=10))
