"""How much each axis of a search decides the loss."""

import logging
from collections.abc import Sequence

from ..tracking.record import Recorded
from .measures import best, completed, judge
from .points import Point, Value, group, levels, logarithmic, numeric, without_seed

log = logging.getLogger("experiments")

ENOUGH = 10  # completed runs, below which a ranking says little


def importance(runs: Sequence[Recorded], axes: Sequence[str]) -> dict[str, float]:
    """Axis -> its share of what decides the lowest loss, largest first; empty, and said why, if it cannot be told.

    By PED-ANOVA (Watanabe et al., 2023), Optuna's default, over the completed runs.
    """
    judged_by, axes = judge(runs), without_seed(axes)
    losses = [
        (point, loss)
        for point, members in group(runs, axes).items()
        for run in completed(members)
        if (loss := best(run, judged_by.loss, judged_by)) is not None
    ]
    if len(losses) < ENOUGH:
        log.info("parameter importance needs %d completed runs, there are %d", ENOUGH, len(losses))
        return {}
    varied = [k for k in range(len(axes)) if len(levels([point for point, _ in losses], k)) > 1]
    if len(varied) < 2:
        log.info("parameter importance needs two axes that vary, there are %d", len(varied))
        return {}
    try:
        return evaluate(losses, {axes[k]: k for k in varied})
    except (ValueError, RuntimeError) as error:
        log.info("parameter importance cannot be computed: %s", error)
        return {}


def evaluate(losses: Sequence[tuple[Point, float]], axes: dict[str, int]) -> dict[str, float]:
    """Losses of points -> the importance of these axes (name -> position in a point), as Optuna computes it."""
    import optuna  # slow, and of use for searches only

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study
    spaces = {axis: distribution(levels([point for point, _ in losses], k)) for axis, k in axes.items()}
    study = optuna.create_study(direction="minimize")
    for point, loss in losses:
        chosen = {axis: point[k] for axis, k in axes.items()}
        study.add_trial(optuna.create_trial(params=chosen, distributions=spaces, value=loss))
    return optuna.importance.get_param_importances(study)


def distribution(values: Sequence[Value]):
    """The space that these sorted values were drawn from, as far as they show it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not numeric(values):
        return CategoricalDistribution(values)
    return FloatDistribution(values[0], values[-1], log=logarithmic(values))
