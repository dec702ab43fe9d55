"""The Optuna study behind a search: its storage, what it samples from and how it compares running trials."""

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from ..config.secrets import revealed
from .dimensions import Dimension

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", "The reported value is ignored", UserWarning)  # a resumed job reports epochs again
NUM_STARTUP_TRIALS = 5  # trials that tpe draws at random before it learns from them
SQLITE_TIMEOUT = {"connect_args": {"timeout": 60}}  # seconds to wait while another process writes


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
