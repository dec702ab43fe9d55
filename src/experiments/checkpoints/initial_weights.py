"""The option `checkpoint=`: weights to start from, and the options of the run that wrote them."""

import dataclasses
import functools
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..config.binding import locate
from ..config.composition import Composition, merge, stated_options
from ..config.errors import ConfigError, MissingLibrary
from ..config.paths import cache_folder
from ..config.recorded_form import todays_form
from ..interfaces.data import Dataset
from ..tracking.store import Store
from . import checkpoint
from .allowed_targets import check_targets
from .stored_dataset import StoredDataset

log = logging.getLogger("experiments")

# Keys taken from the config of the run that wrote the checkpoint, unless they are typed.
TAKEN = ("model", "data", "precision", "truncation", "batch_size", "epochs")
TAKEN_WITH_OTHER_DATA = ("model", "precision")
OF_THE_FILE = ("encoding", "line_ends")  # options of the data that belong to the file it was read from


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """A checkpoint whose weights an experiment starts from."""

    source: str  # the file, or the run in the store, for messages
    run_id: str
    which: str  # what finds it again from every folder: a path, or the run's id
    content: dict[str, Any]

    @functools.cached_property
    def dataset(self) -> StoredDataset | None:
        """What it holds of the data it was trained on; None if an earlier version wrote it. ConfigError if damaged."""
        if "dataset" not in self.content:
            return None
        try:
            return StoredDataset.from_state_dict(self.content["dataset"])
        except MissingLibrary:
            raise
        except ValueError as error:
            raise ConfigError(f"{self.source} is a damaged checkpoint: {error}") from error

    def merged_into(self, composition: Composition) -> Composition:
        """The composition with the model, data and sizes of the checkpoint's run; typed options win.

        Raises ConfigError together with `recipe=`, and for an option that would choose another vocabulary.
        """
        if composition.choices.get("recipe"):
            raise ConfigError("recipe= and checkpoint= do not go together: a checkpoint has model and data itself")
        typed, choices, stored = composition.typed, dict(composition.choices), todays_form(self.content["config"])
        if "cache" in stored["data"]:
            stored["data"] = {**stored["data"], "cache": cache_folder()}  # of this machine
        keys = TAKEN if "data" not in typed else TAKEN_WITH_OTHER_DATA
        config = merge(stored, composition.config, typed, keys)
        if self.dataset is not None:  # else only the text of its training will do, wherever that is now
            if "data" in keys and _names_another_file(composition, stored["data"]):
                config["data"] = {**config["data"], **self._as_its_choice_reads(stored["data"], composition)}
            self._refuse_another_vocabulary(config["data"], stored["data"], composition.typed_texts)
        taken = [key for key in keys if key not in typed and key in self.content["choices"]]
        choices |= {key: self.content["choices"][key] for key in taken}
        if "seed" in typed and "data" not in typed and config["data"].get("seed") == stored["seed"]:
            config["data"] = {**config["data"], "seed": config["seed"]}  # the data's seed follows the root key
        return dataclasses.replace(composition, config=config, choices=choices)

    def _as_its_choice_reads(self, stored: Mapping[str, Any], composition: Composition) -> dict[str, Any]:
        """How another file is read where that is not typed: as the choice states it, not as the checkpoint's file."""
        stated = stated_options(composition.folders, "data", self.content["choices"].get("data", ""))
        names = [name for name in OF_THE_FILE if name in stored and name in stated]
        found = {name: stated[name] for name in names if f"data.{name}" not in composition.typed}
        for name, value in found.items():
            if value != stored[name]:
                log.info(
                    "%s is read with data.%s=%s (the text of training: %s); type data.%s to read it otherwise",
                    *(composition.typed_texts["data.path"], name, value, stored[name], name),
                )
        return found

    def _refuse_another_vocabulary(
        self, options: Mapping[str, Any], stored: Mapping[str, Any], typed: Mapping[str, str]
    ) -> None:
        """Raise ConfigError if an option is typed that chooses the symbols and is not as it was in training."""
        for name in getattr(locate(options["_target_"], "data"), "vocabulary_options", ()):
            key, value = f"data.{name}", options.get(name)
            if key in typed and (name not in stored or stored[name] not in (value, typed[key])):
                raise ConfigError(
                    f"{key}={typed[key]} would choose another vocabulary, but the weights in {self.source} belong to "
                    f"the symbols they were trained with: leave it out, or train new weights without checkpoint="
                )

    def load_into(self, model: torch.nn.Module, dataset: Dataset) -> None:
        """Load the weights into a model. Raises ConfigError if the network, vocabulary or labels differ."""
        if dataset.vocabulary.fingerprint != self.content["vocabulary"]:
            raise ConfigError(
                f"the weights in {self.source} were trained with another vocabulary than that of this data "
                f"({len(dataset.vocabulary)} symbols): choose the data they were trained on"
            )
        labels = tuple(self.content.get("dataset", {}).get("labels", ()))
        if labels and tuple(dataset.labels) != labels:
            raise ConfigError(
                f"the weights in {self.source} tell {', '.join(labels)} apart, in this order, and the data has "
                f"{', '.join(dataset.labels)}: give data.labels=[{','.join(labels)}]"
            )
        checkpoint.load_weights(model, self.content["model"], self.source)


def _names_another_file(composition: Composition, stored: Mapping[str, Any]) -> bool:
    """Whether a path is typed that is not the one of the checkpoint's data."""
    path = composition.config["data"].get("path") if "data.path" in composition.typed else None
    return isinstance(path, str) and os.path.abspath(os.path.expanduser(path)) != stored.get("path")


def with_initial_weights(
    composition: Composition, store: Store, is_resumed: bool
) -> tuple[Composition, InitialWeights]:
    """The composition with the options of the checkpoint's run (a resumed run's config has them), and the weights.

    Raises ConfigError if the checkpoint cannot be used.
    """
    which = composition.config["checkpoint"]
    weights = find_weights(which, store)
    check_targets(weights.content["config"], composition.folders, weights.source)
    if not is_resumed:
        composition = weights.merged_into(composition)
    command = composition.command.replace("checkpoint=latest", f"checkpoint={weights.run_id}")  # the latest run changes
    config = {**composition.config, "checkpoint": weights.which}
    return dataclasses.replace(composition, config=config, command=command), weights


def find_weights(which: str, store: Store, option: str = "checkpoint") -> InitialWeights:
    """The checkpoint named by a file, a run's folder or its name, a run id or "latest".

    Raises ConfigError if it cannot be found or read; `option` is the one that names it.
    """
    try:
        for path in (Path(which), Path(which) / "best.pt"):
            if path.is_file():
                return _read(path, os.path.abspath(which))
        if (own := store.folder / which / "best.pt").is_file():
            return _read(own)
        if Path(which).is_dir():
            raise ValueError(f"the folder {which} holds no best.pt; give a file of it, such as last.pt")
        if Path(which).suffix or len(Path(which).parts) > 1:
            raise ValueError(f"there is no file {which}")
        with tempfile.TemporaryDirectory() as folder:
            path, run_id = store.find_checkpoint(which, Path(folder))
            return InitialWeights(f"run {run_id}", run_id, run_id, checkpoint.load(path))
    except (ValueError, OSError) as error:
        raise ConfigError(f"{option}: {error}") from error


def _read(path: Path, which: str | None = None) -> InitialWeights:
    """A checkpoint file, which the run's id finds again if nothing else does."""
    content = checkpoint.load(path)
    return InitialWeights(str(path), content["run_id"], which or content["run_id"], content)
