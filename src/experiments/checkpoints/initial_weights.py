"""The checkpoint that an experiment starts from, and what it brings along."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.binding import Bound
from ..config.errors import ConfigError
from ..config.paths import cache_folder
from . import checkpoint

# Taken from the run that left the checkpoint unless typed: what its weights mean, and how its data was read.
BROUGHT = ("model", "data", "precision", "truncation", "batch_size", "epochs")
WITH_OTHER_DATA = ("model", "precision")


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where the weights come from."""

    source: str  # a file, or a run of the tracker's store
    run_id: str
    content: dict[str, Any]

    def brings(self, config: Mapping[str, Any], choices: Mapping[str, str], typed: set[str]) -> tuple[dict, dict]:
        """Config and choices with what the checkpoint brings; what was typed stays, also single options."""
        if choices.get("recipe"):
            raise ConfigError("recipe= and checkpoint= do not go together: a checkpoint brings model and data itself")
        config, choices, stored = dict(config), dict(choices), dict(self.content["config"])
        if "cache" in stored["data"]:
            stored["data"] = {**stored["data"], "cache": cache_folder()}  # this machine's, not that of the run
        for key in BROUGHT if "data" not in typed else WITH_OTHER_DATA:
            if key not in typed and key in stored:
                options = {path.partition(".")[2] for path in typed if path.startswith(f"{key}.")}
                kept = {option: config[key][option] for option in options if option in config[key]}
                config[key] = {**stored[key], **kept} if options else stored[key]
                choices |= {key: self.content["choices"][key]} if key in self.content["choices"] else {}
        if "seed" in typed and "data" not in typed and config["data"].get("seed") == self.content["config"]["seed"]:
            config["data"] = {**config["data"], "seed": config["seed"]}  # the data's seed follows the root key
        return config, choices

    def load_into(self, model, dataset) -> None:
        """Put the weights into a model. ConfigError if they are of another network or speak of other symbols."""
        if dataset.vocabulary.fingerprint != self.content["vocabulary"]:
            raise ConfigError(
                f"the weights in {self.source} are of another vocabulary than that of this data "
                f"({len(dataset.vocabulary)} symbols): give the data it was trained on"
            )
        try:
            checkpoint.load_weights(model, self.content["model"], self.source)
        except ValueError as error:
            raise ConfigError(str(error)) from error


def find_origin(which: str, tracker: Bound) -> Origin:
    """A file, the name of a run's folder, a run id or "latest" -> the checkpoint. ConfigError if there is none."""
    try:
        for path in (Path(which), Path(which) / "best.pt", Path(tracker.options["folder"]) / which / "best.pt"):
            if path.is_file():
                content = checkpoint.load(path)
                return Origin(str(path), content["run_id"], content)
        if Path(which).is_dir():
            raise ValueError(f"the folder {which} holds no best.pt; give a file of it, such as last.pt")
        if Path(which).suffix or len(Path(which).parts) > 1:
            raise ValueError(f"there is no file {which}")
        with tempfile.TemporaryDirectory() as folder:
            path, run_id = tracker.target.find_checkpoint(which, Path(folder), **tracker.options)
            return Origin(f"run {run_id}", run_id, checkpoint.load(path))
    except (ValueError, OSError) as error:
        raise ConfigError(f"checkpoint: {error}") from error
