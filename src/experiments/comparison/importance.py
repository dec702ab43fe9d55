"""How much each axis of a search decides the loss."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tracking.record import RunRecord
from .grouping import Value, group, levels, logarithmic, numbers, value_on, varying
from .measures import completed, criterion_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

log = logging.getLogger("experiments")

MIN_RUNS = 10  # completed runs, below which the shares say little


def importance(runs: Sequence[RunRecord], axes: Sequence[str]) -> dict[str, float]:
    """Axis -> its share of what decides the lowest loss, largest first; empty, with the reason logged, if unknown.

    By PED-ANOVA (Watanabe et al., 2023), Optuna's default, over the completed runs.
    """
    split = criterion_of(runs).split
    done = [run for members in group(runs, axes).values() for run in completed(members)]
    losses = [(run, loss) for run in done if (loss := run.at_best("loss", split)) is not None]
    if len(losses) < MIN_RUNS:
        log.info("parameter importance needs %d completed runs, there are %d", MIN_RUNS, len(losses))
        return {}
    varied = varying([run for run, _ in losses], axes)
    if len(varied) < 2:
        log.info("parameter importance needs two axes that vary, there are %d", len(varied))
        return {}
    try:
        return evaluate(losses, varied)
    except (ValueError, RuntimeError) as error:
        log.info("parameter importance cannot be computed: %s", error)
        return {}


def evaluate(losses: Sequence[tuple[RunRecord, float]], axes: Sequence[str]) -> dict[str, float]:
    """The importance of these axes for the losses of runs, as Optuna computes it."""
    import optuna  # slow, and needed for searches only

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it logs every study
    spaces = {axis: distribution(levels([run for run, _ in losses], axis)) for axis in axes}
    study = optuna.create_study(direction="minimize")
    for run, loss in losses:
        values = {axis: value_on(run, axis) for axis in axes}
        study.add_trial(optuna.create_trial(params=values, distributions=spaces, value=loss))
    return optuna.importance.get_param_importances(study)


def distribution(values: Sequence[Value]) -> "BaseDistribution":
    """The distribution that these sorted values were drawn from, as far as they show it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    found = numbers(values)
    if found is None:
        return CategoricalDistribution(values)
    return FloatDistribution(found[0], found[-1], log=logarithmic(found))
