"""A search: an Optuna study draws which point comes next, and compares running trials."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from ..config.errors import ConfigError, first_line
from ..config.secrets import revealed
from ..tracking.record import RunRecord
from .dimensions import Dimension
from .options import SweepOptions
from .plan import Job, Planner

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", "The reported value is ignored", UserWarning)  # a resumed job reports epochs again
NUM_STARTUP_TRIALS = 5  # trials that tpe draws at random before it learns from them
SQLITE_TIMEOUT = {"connect_args": {"timeout": 60}}  # seconds to wait while another process writes


class Search:
    """Trials of an Optuna study that is kept on disk: a trial that did not end is proposed again at the next start.

    ConfigError if the database of `options.storage` cannot be used.
    """

    def __init__(
        self, options: SweepOptions, dimensions: Sequence[Dimension], planner: Planner, folder: Path, epochs: int
    ):
        self._options, self._planner = options, planner
        self._spaces = {" ".join(dimension.keys): dimension for dimension in dimensions}
        self._distributions = {key: distribution(dimension) for key, dimension in self._spaces.items()}
        study_file = URL.create("sqlite", database=str(folder / "study.db")).render_as_string()
        self._name, self._url = folder.name, options.storage or study_file
        self._where: dict[str, Any] = {
            "storage": self._url,
            "study_name": self._name,
            "pruner": options.pruner,
            "epochs": epochs,
        }
        self._where |= {"objective": options.objective}
        self._is_first = True
        self._has_replicated = False
        if options.storage is not None:
            self._connect()  # before the sweep has a run

    @functools.cached_property
    def _study(self) -> optuna.Study:
        """The study, without the pruner, whose brackets would let tpe learn from a third of the trials only."""
        return optuna.create_study(
            storage=storage(self._url),
            study_name=self._name,
            direction=self._options.objective.direction,
            load_if_exists=True,
        )

    def _connect(self) -> None:
        """ConfigError in one sentence if the study's database cannot be used."""
        try:
            self._study  # noqa: B018 - made now
        except (ImportError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            why = first_line(error.__cause__ or error)  # the reason, without what the libraries put around it
            raise ConfigError(f"hydra.sweeper.storage={self._url} cannot be used: {why}") from error

    def propose(self, batch: int | None) -> list[Job]:
        """At most `batch` new trials; after the last trial the replicates of the best point; then nothing.

        The first proposal is the trials of earlier starts, if any: ended ones for the table, others to be resumed.
        """
        # the trials that are still running, at first also those that ended
        trials = [trial for trial in self._trials() if self._is_first or trial.state == TrialState.RUNNING]
        self._is_first = False
        return [self._job(trial) for trial in trials or self._new_trials(batch)] or self._replicates()

    def observe(self, job: Job, record: RunRecord) -> None:
        """Tell the study how a trial ended; one that diverged counts as worse than all that completed."""
        if job.trial is None:
            return
        if record.outcome == "completed":
            self._study.tell(job.trial, self._reached(record), skip_if_finished=True)
        else:
            state = TrialState.PRUNED if record.is_over else TrialState.FAIL
            self._study.tell(job.trial, state=state, skip_if_finished=True)

    def _reached(self, record: RunRecord) -> float:
        value = self._options.objective.value(record)
        if value is None and self._options.metric is not None:
            known = ", ".join(sorted({key for key in record.metrics if not key.startswith("test/")}))
            raise ConfigError(f"{record.name} has no metric {self._options.metric} to search by; it has {known}")
        return record.best_loss if value is None else value

    def _trials(self) -> list[FrozenTrial]:
        """The trials that have all their parameters: a killed process may have left one without."""
        drawn = self._study.get_trials(deepcopy=False)
        return [trial for trial in drawn if trial.params.keys() == self._distributions.keys()]

    def _new_trials(self, batch: int | None) -> list[FrozenTrial]:
        missing = self._options.trials - len(self._trials())
        drawn = {self._draw() for _ in range(max(0, min(batch or missing, missing)))}
        return [trial for trial in self._trials() if trial.number in drawn]

    def _draw(self) -> int:
        """Draw a trial; its number. A sampler of its own for each makes a resumed search draw the same points."""
        number = len(self._study.get_trials(deepcopy=False))
        seed = int(np.random.SeedSequence([self._options.seed, number]).generate_state(1)[0])
        self._study.sampler = make_sampler(self._options.search, seed)
        return self._study.ask(self._distributions).number

    def _job(self, trial: FrozenTrial) -> Job:
        reports = self._options.pruner and not trial.state.is_finished()  # a finished trial accepts no reports
        return self._planner.job(self._overrides(trial.params), trial.number, self._where if reports else None)

    def _replicates(self) -> list[Job]:
        completed = any(trial.state == TrialState.COMPLETE for trial in self._study.get_trials(deepcopy=False))
        if self._has_replicated or not completed or self._options.replicates == 1:
            return []
        self._has_replicated = True
        best = self._overrides(self._study.best_params)
        first = self._planner.job(best).seed
        return [self._planner.job((*best, f"seed={first + k}")) for k in range(1, self._options.replicates)]

    def _overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The sampled values as overrides KEY=VALUE."""
        chosen: list[str] = []
        for key, dimension in self._spaces.items():
            span, value = dimension.span, params[key]
            chosen += dimension.alternatives[value] if span is None else [f"{key}={span.text(value)}"]
        return tuple(chosen)


def storage(url: str) -> optuna.storages.BaseStorage:
    """The database at this URL, whose password may be masked."""
    engine = SQLITE_TIMEOUT if url.startswith("sqlite") else None
    return optuna.storages.RDBStorage(revealed(url), engine_kwargs=engine)


def running_trial(where: Mapping[str, Any], number: int) -> optuna.Trial:
    """The trial of a job in another process. A study does not store its pruner."""
    pruner = make_pruner(where["pruner"], where["epochs"])
    study = optuna.load_study(study_name=where["study_name"], storage=storage(where["storage"]), pruner=pruner)
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def distribution(dimension: Dimension) -> BaseDistribution:
    """What Optuna samples from; for a list of alternatives the position in it."""
    if dimension.span is None:
        last = len(dimension.alternatives) - 1
        return IntDistribution(0, last) if dimension.is_ordered else CategoricalDistribution(range(last + 1))
    low, high, log, whole = dimension.span
    return IntDistribution(round(low), round(high), log=log) if whole else FloatDistribution(low, high, log=log)


def make_sampler(search: str, seed: int) -> BaseSampler:
    """Random, or a tree-structured Parzen estimator (Bergstra et al., 2011) over all axes together."""
    if search == "random":
        return RandomSampler(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=seed, n_startup_trials=NUM_STARTUP_TRIALS, multivariate=True, constant_liar=True)


def make_pruner(kind: str | None, epochs: int) -> optuna.pruners.BasePruner:
    """How trials are compared after each epoch.

    median: stops a trial worse than the median of the others, from the fifth trial on. hyperband: successive halving
    (Li et al., 2018); the better half continues at each rung, in brackets that start pruning sooner or later. Neither
    prunes before a third of the epochs: a trial that is behind early, as with a low learning rate, often wins.
    """
    soonest = max(1, epochs // 3)
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=soonest, max_resource=epochs, reduction_factor=2)
    if kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=soonest - 1)
    return optuna.pruners.NopPruner()
