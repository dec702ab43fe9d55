"""How much each axis of a search decides the loss."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..tracking.record import RunRecord
from .grouping import Combination, Value, group, levels, logarithmic, numbers, without_seed
from .measures import completed, criterion_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

log = logging.getLogger("experiments")

MIN_RUNS = 10  # completed runs, below which the shares say little


def importance(runs: Sequence[RunRecord], axes: Sequence[str]) -> dict[str, float]:
    """Axis -> its share of what decides the lowest loss, largest first; empty, with the reason logged, if unknown.

    By PED-ANOVA (Watanabe et al., 2023), Optuna's default, over the completed runs.
    """
    split, axes = criterion_of(runs).split, without_seed(axes)
    losses = [
        (combination, loss)
        for combination, members in group(runs, axes).items()
        for run in completed(members)
        if (loss := run.at_best("loss", split)) is not None
    ]
    if len(losses) < MIN_RUNS:
        log.info("parameter importance needs %d completed runs, there are %d", MIN_RUNS, len(losses))
        return {}
    varied = [k for k in range(len(axes)) if len(levels([combination for combination, _ in losses], k)) > 1]
    if len(varied) < 2:
        log.info("parameter importance needs two axes that vary, there are %d", len(varied))
        return {}
    try:
        return evaluate(losses, {axes[k]: k for k in varied})
    except (ValueError, RuntimeError) as error:
        log.info("parameter importance cannot be computed: %s", error)
        return {}


def evaluate(losses: Sequence[tuple[Combination, float]], axes: Mapping[str, int]) -> dict[str, float]:
    """Losses of combinations -> the importance of these axes (name -> position), as Optuna computes it."""
    import optuna  # slow, and needed for searches only

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it logs every study
    combinations = [combination for combination, _ in losses]
    spaces = {axis: distribution(levels(combinations, k)) for axis, k in axes.items()}
    study = optuna.create_study(direction="minimize")
    for combination, loss in losses:
        chosen = {axis: combination[k] for axis, k in axes.items()}
        study.add_trial(optuna.create_trial(params=chosen, distributions=spaces, value=loss))
    return optuna.importance.get_param_importances(study)


def distribution(values: Sequence[Value]) -> "BaseDistribution":
    """The distribution that these sorted values were drawn from, as far as they show it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    found = numbers(values)
    if found is None:
        return CategoricalDistribution(values)
    return FloatDistribution(found[0], found[-1], log=logarithmic(found))
