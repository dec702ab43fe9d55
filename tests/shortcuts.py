"""What the process of the tests does once, or in small, though each of its hundreds of runs would do it anew.

Processes that tests start take none of these shortcuts; they hold what is said of a command as a user types it.
"""

import copy
import functools
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.hydra import Hydra

from experiments.config.paths import HOME
from experiments.tracking import source_code

EMPTY_PNG = b"\x89PNG\r\n\x1a\n"


def compose_once(patched: pytest.MonkeyPatch) -> None:
    """Hydra composes everything a first time only to see whether a YAML file asks for a sweep: few of ours do."""
    original = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        chosen = ("sweeps=", "recipe=", "hydra.mode=", "--config-dir", "-cd")
        may_be_sweep = any(text.startswith(chosen) for text in [*overrides, *sys.argv])
        return original(self, config_name, overrides) if may_be_sweep else None

    patched.setattr(Hydra, "get_mode", mode)


def parse_once(patched: pytest.MonkeyPatch) -> None:
    """The same YAML is parsed once; what cannot be parsed is read as ever, for the file's name in the message."""
    original, parsed = yaml.load, {}

    def load(stream: Any, Loader: Any) -> Any:
        if Loader.__name__ != "OmegaConfLoader" or not hasattr(stream, "seek"):
            return original(stream, Loader)
        text = stream.read()
        if text not in parsed:
            stream.seek(0)
            parsed[text] = original(stream, Loader)
        return copy.deepcopy(parsed[text])

    patched.setattr(yaml, "load", load)


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
    """Pictures of a finished run are empty files, and its sampled texts have ten symbols."""
    from experiments.training import artifacts, classification

    patched.setattr(artifacts, "draw_learning_curve", lambda _points, path, *_: path.write_bytes(EMPTY_PNG))
    patched.setattr(classification, "draw_confusion_matrix", lambda _c, _n, path, *_: path.write_bytes(EMPTY_PNG))
    patched.setattr(artifacts, "sample_texts", functools.partial(artifacts.sample_texts, length=10))
