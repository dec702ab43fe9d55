"""The jobs of a sweep: each is checked, and its plan written, before it starts."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..config.atomic import atomic_write
from ..config.composition import Composition
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..tracking.record import RunRecord


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep. Its name follows from what it computes, so that the same job is always the same run."""

    name: str
    point: str  # its own overrides, apart from the seed
    seed: int
    epochs: int
    plan: dict[str, Any]  # what `run_planned` needs, as JSON
    trial: int | None = None  # its number in a search

    @property
    def label(self) -> str:
        """Point and seed."""
        return f"{self.point} seed={self.seed}".strip()

    def write(self, folder: Path) -> str:
        """Write the plan into the sweep's folder; the path."""
        path = folder / "jobs" / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(self.plan, indent=1), encoding="utf-8")
        return str(path)


class Planner:
    """Combinations of overrides -> jobs. Each data set is read once, as a job's name depends on its fingerprint."""

    def __init__(self, compose: Callable[[Sequence[str]], Composition], fixed: Sequence[str], sweep: str):
        """`fixed` are the overrides of all jobs; `sweep` is the name of the parent run."""
        self._compose, self._sweep = compose, sweep
        is_from_file = any(override.startswith("sweeps=") for override in fixed)
        self._run_mode = " hydra.mode=RUN" if is_from_file else ""  # a file in sweeps/ sets hydra.mode=MULTIRUN
        self._fingerprints: dict[str, str] = {}
        self.splits: set[str] = set()  # of all data that was read

    def job(self, chosen: Sequence[str], trial: int | None = None, study: Mapping[str, Any] | None = None) -> Job:
        """The job of one combination. ConfigError if it cannot be run."""
        composition = self._compose(chosen)
        without_seed = [override for override in chosen if not override.startswith("seed=")]
        point = " ".join(without_seed)
        try:
            if composition.config["checkpoint"] == "latest":
                raise ConfigError("give the id of a run: checkpoint=latest is another one when the sweep is resumed")
            for option in ("embedding_from", "layers_from"):
                if composition.config["model"].get(option) == "latest":
                    why = "is another one when the sweep is resumed"
                    raise ConfigError(f"give the id of a run: model.{option}=latest {why}")
            composition = dataclasses.replace(composition, command=composition.command + self._run_mode)
            composition.config.update(resume=None, name=None, note=None)  # those of the sweep itself
            experiment = Experiment.of(composition)
            identity = experiment.description.identity(self._fingerprint(experiment))
        except ConfigError as error:
            raise ConfigError(f"{' '.join(chosen)}: {error}") from error
        seed = experiment.settings.seed
        hashed = short_hash(self._sweep, identity, point)  # which does not depend on the place of the seed
        name = f"{slug([*without_seed, f'seed={seed}'])}-{hashed}"
        context = {"name": self._sweep, "run": name, "point": point, "trial": trial, "study": study}
        planned = dataclasses.replace(composition, config=experiment.config, command=experiment.command)
        plan = {"composition": planned.to_json(), "context": context}
        return Job(name, point, seed, experiment.settings.epochs, plan, trial)

    def _fingerprint(self, experiment: Experiment) -> str:
        weights = experiment.initial_weights  # whose vocabulary the data is read through
        section = json.dumps([experiment.data.config(), weights and weights.run_id], sort_keys=True)
        if section not in self._fingerprints:
            dataset = experiment.build_dataset()
            self._fingerprints[section] = dataset.fingerprint
            self.splits |= set(dataset.splits)
        return self._fingerprints[section]


class Proposer(Protocol):
    """What decides which jobs a sweep has: a grid or a search."""

    def propose(self, batch: int | None) -> list[Job]:
        """The next jobs, at most `batch` of a search; none when there are no more."""

    def observe(self, job: Job, record: RunRecord) -> None:
        """Learn how a proposed job ended."""


class Grid:
    """All jobs of the plan at once. (A search proposes them one after another.)"""

    def __init__(self, jobs: Sequence[Job]):
        self._jobs = list(jobs)

    def propose(self, batch: int | None) -> list[Job]:  # noqa: ARG002 - a grid is one batch
        """All jobs, then none."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def observe(self, job: Job, record: RunRecord) -> None:
        """A grid learns nothing."""


def slug(chosen: Sequence[str]) -> str:
    """Overrides as part of a folder's name: `truncation_5-lr_0.1`."""
    parts = [override.rpartition("=") for override in chosen]
    text = "-".join(f"{key.rpartition('.')[2]}_{value}" for key, _, value in parts)
    return re.sub(r"[^\w.-]+", "_", text)[:60].strip("-_.") or "job"


def short_hash(*parts: str) -> str:
    """Eight hexadecimal digits, a hash of these texts."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()
