"""The jobs of a sweep, each checked and written down before it is begun."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.atomic import atomic_write
from ..config.composition import Composition
from ..config.errors import ConfigError
from ..experiment import Experiment

PLANS = "jobs"  # folder inside that of the sweep


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep. Its name follows from what it computes, so the same job is the same run whoever asks."""

    name: str
    point: str  # what was chosen for it, but for the seed
    seed: int
    epochs: int
    plan: dict[str, Any]  # what `run_planned` needs, plain enough for JSON
    trial: int | None = None  # its number in a search

    @property
    def label(self) -> str:
        return f"{self.point} seed={self.seed}".strip()

    def write(self, folder: Path) -> str:
        """Write the plan into the sweep's folder; its path."""
        path = folder / PLANS / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(self.plan, indent=1), encoding="utf-8")
        return str(path)


class Planner:
    """Combinations of overrides -> jobs. Data sets are read to know what a job will compute, each of them once."""

    def __init__(self, compose: Callable[[Sequence[str]], Composition], fixed: Sequence[str], sweep: str):
        """`fixed` overrides hold for all jobs; `sweep` is the name of the parent run."""
        self._compose, self._sweep = compose, sweep
        self._is_file = any(override.startswith("sweeps=") for override in fixed)
        self._fingerprints: dict[str, str] = {}

    def job(self, chosen: Sequence[str], trial: int | None = None, study: Mapping[str, Any] | None = None) -> Job:
        """The job of one combination. ConfigError if it cannot be run."""
        composition = self._compose(chosen)
        point = " ".join(override for override in chosen if not override.startswith("seed="))
        try:
            if composition.config["checkpoint"] == "latest":
                raise ConfigError("give the id of a run: checkpoint=latest is another one when the sweep is resumed")
            composition = dataclasses.replace(composition, command=self._single(composition.command))
            composition.config["resume"] = None
            experiment = Experiment.of(composition)
            identity = experiment.identity(self._fingerprint(experiment))
        except ConfigError as error:
            raise ConfigError(f"{' '.join(chosen)}: {error}") from error
        seed = experiment.settings.seed
        known = [*(override for override in chosen if not override.startswith("seed=")), f"seed={seed}"]
        name = f"{slug(known)}-{short_hash(self._sweep, identity, point)}"  # however the seed was given
        context = {"name": self._sweep, "run": name, "point": point, "trial": trial, "study": study}
        planned = dataclasses.replace(composition, config=experiment.config, command=experiment.command)
        plan = {"composition": planned.to_json(), "context": context}
        return Job(name, point, seed, experiment.settings.epochs, plan, trial)

    def _single(self, command: str) -> str:
        """The command of a job without its sweep: a sweep's file sets hydra.mode for its jobs."""
        return f"{command} hydra.mode=RUN" if self._is_file else command

    def _fingerprint(self, experiment: Experiment) -> str:
        section = json.dumps(experiment.data.config(), sort_keys=True)
        if section not in self._fingerprints:
            self._fingerprints[section] = experiment.build_dataset().fingerprint
        return self._fingerprints[section]


def slug(chosen: Sequence[str]) -> str:
    """Overrides as part of a folder's name: `truncation_5-lr_0.1`."""
    parts = [override.rpartition("=") for override in chosen]
    text = "-".join(f"{key.rpartition('.')[2]}_{value}" for key, _, value in parts)
    return re.sub(r"[^\w.-]+", "_", text)[:60].strip("-_.") or "job"


def short_hash(*parts: str) -> str:
    """Eight hexadecimal digits over texts."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()
