"""Which point comes next, drawn by Optuna. (Of a grid all points come at once, see grid.py.)"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from .dimensions import Dimension
from .options import Options
from .plan import Job, Planner
from .watch import Watch

optuna.logging.set_verbosity(optuna.logging.WARNING)
STARTUP = 5  # trials that tpe draws at random before it learns from them
WAIT = {"connect_args": {"timeout": 60}}  # seconds for a database that others write


class Search:
    """Trials of an Optuna study that survives: what was begun and not told is proposed again."""

    def __init__(self, options: Options, dimensions: Sequence[Dimension], planner: Planner, folder: Path, epochs: int):
        self._options, self._planner = options, planner
        self._spaces = {" ".join(dimension.keys): dimension for dimension in dimensions}
        self._distributions = {key: distribution(dimension) for key, dimension in self._spaces.items()}
        url = options.storage or f"sqlite:///{folder / 'study.db'}"
        self._where = {"storage": url, "study_name": folder.name, "pruner": options.pruner, "epochs": epochs}
        # without the pruner, whose brackets would let tpe learn from a third of the trials only
        self._study = optuna.create_study(storage=storage(url), study_name=folder.name, load_if_exists=True)
        self._replicated = self._looked_back = False

    def propose(self, batch: int | None) -> list[Job]:
        """The next trials, in batches of so many; after the last one the replicates of the best point; then nothing.

        Before all these the trials of earlier starts: what is over belongs to the table, what is not goes on.
        """
        drawn = self._study.get_trials(deepcopy=False)
        begun = [trial for trial in drawn if trial.params.keys() == self._distributions.keys()]
        waiting = [trial for trial in begun if trial.state == TrialState.RUNNING or not self._looked_back]
        self._looked_back = True
        if not waiting:
            missing = self._options.trials - len(begun)
            waiting = [self._draw() for _ in range(max(0, min(batch or missing, missing)))]
        if waiting:
            ended = {trial.number for trial in begun if trial.state.is_finished()}  # these take no more reports
            study = self._where if self._options.pruner else None
            known = [(trial.number, trial.params, None if trial.number in ended else study) for trial in waiting]
            return [self._planner.job(self._overrides(params), number, where) for number, params, where in known]
        return self._replicates()

    def observe(self, job: Job, watch: Watch) -> None:
        """Tell the study how a trial ended; one that diverged counts as worse than all that did not."""
        if job.trial is None:
            return
        if watch.outcome == "completed":
            self._study.tell(job.trial, watch.best, skip_if_finished=True)
        else:
            state = TrialState.PRUNED if watch.is_over else TrialState.FAIL
            self._study.tell(job.trial, state=state, skip_if_finished=True)

    def _draw(self) -> optuna.Trial:
        # a sampler per trial: a search that was stopped draws what it would have drawn
        number = len(self._study.get_trials(deepcopy=False))
        seed = int(np.random.SeedSequence([self._options.seed, number]).generate_state(1)[0])
        self._study.sampler = make_sampler(self._options.search, seed)
        return self._study.ask(self._distributions)

    def _replicates(self) -> list[Job]:
        done = [t for t in self._study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
        if self._replicated or not done or self._options.replicates == 1:
            return []
        self._replicated = True
        best = self._overrides(self._study.best_params)
        first = self._planner.job(best).seed
        return [self._planner.job((*best, f"seed={first + k}")) for k in range(1, self._options.replicates)]

    def _overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        chosen: tuple[str, ...] = ()
        for key, dimension in self._spaces.items():
            value = params[key]
            chosen += (
                dimension.alternatives[value] if dimension.span is None else (f"{key}={dimension.span.text(value)}",)
            )
        return chosen


def distribution(dimension: Dimension) -> BaseDistribution:
    """Where Optuna draws from; of a list it draws the position."""
    if dimension.span is None:
        last = len(dimension.alternatives) - 1
        return IntDistribution(0, last) if dimension.is_ordered else CategoricalDistribution(range(last + 1))
    low, high, log, whole = dimension.span
    return IntDistribution(round(low), round(high), log=log) if whole else FloatDistribution(low, high, log=log)


def make_sampler(search: str, seed: int) -> BaseSampler:
    """Draws at random, or with a tree-structured Parzen estimator (Bergstra et al., 2011) over all axes together."""
    if search == "random":
        return RandomSampler(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True, constant_liar=True)


def make_pruner(kind: str | None, epochs: int) -> optuna.pruners.BasePruner:
    """How trials are compared after each epoch.

    median: stops what is worse than the median of the others, from the fifth trial on. hyperband: successive halving
    (Li et al., 2018); the better half goes on at each rung, in brackets that begin sooner or later with it. Neither
    judges before a third of the epochs: what is behind in the first ones, as with a low learning rate, often wins.
    """
    soonest = max(1, epochs // 3)
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=soonest, max_resource=epochs, reduction_factor=2)
    if kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=soonest - 1)
    return optuna.pruners.NopPruner()


def storage(url: str) -> optuna.storages.BaseStorage:
    return optuna.storages.RDBStorage(url, engine_kwargs=WAIT if url.startswith("sqlite") else None)


def running_trial(where: Mapping[str, Any], number: int) -> optuna.Trial:
    """The trial of a job in another process. The pruner is no part of what a study stores."""
    pruner = make_pruner(where["pruner"], where["epochs"])
    study = optuna.load_study(study_name=where["study_name"], storage=storage(where["storage"]), pruner=pruner)
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
