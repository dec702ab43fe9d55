"""A sweep from the command line to its report."""

import contextlib
import json
import logging
import shlex
import sys
from collections.abc import Callable, Sequence

from ..comparison.objective import LOWEST_LOSS
from ..config.arguments import as_typed
from ..config.binding import bind
from ..config.composition import Composition
from ..config.errors import ConfigError
from ..config.recorded_form import identity_options
from ..tracking.interruption import interruptible
from ..tracking.naming import FILES
from ..tracking.run import Run
from ..tracking.store import Store
from ..training.final_report import program, run_rows
from .dimensions import Dimension, Exclusion, product, without_excluded
from .options import SweepOptions
from .parent import Parent, own_tags, parent_tags
from .plan import Grid, Planner, Proposer, short_hash
from .scheduler import Launcher, Scheduler, TimeOver

log = logging.getLogger("experiments.sweep")


def run_sweep(
    options: SweepOptions,
    dimensions: Sequence[Dimension],
    exclusions: Sequence[Exclusion],
    compose: Callable[[Sequence[str]], Composition],
    launcher: Launcher,
) -> None:
    """Plan, run and compare the jobs of a sweep: of a grid, all combinations but the excluded ones.

    `compose` makes a composition from the overrides of a job. ConfigError, before anything is written, if a job cannot
    be run; Incomplete if some failed; Interrupted after a signal.
    """
    base = compose(())
    if base.config["resume"] not in (None, "auto"):
        raise ConfigError("resume names one run: a sweep is resumed by its own command")
    dimensions = with_seeds(dimensions, options, base.config["seed"])
    store: Store = bind(base.config, "tracker").build()
    name = sweep_name(options, dimensions, base, store.identifier)
    folder = store.folder / name
    planner = Planner(compose, base.overrides, name)
    if options.search == "grid":
        proposer: Proposer = Grid([planner.job(chosen) for chosen in without_excluded(product(dimensions), exclusions)])
    else:
        from .search import Search  # Optuna takes a second to import

        check_search(options, dimensions, planner, launcher)
        proposer = Search(options, dimensions, planner, folder, base.config["epochs"])
    if options.objective.split not in (None, *planner.splits):
        raise ConfigError(f"hydra.sweeper.metric={options.metric}: the data has no {options.objective.split} split")
    command = shlex.join(as_typed(sys.argv[1:]))
    run = Run(store, name, parent_tags(options, dimensions, f"experiments {command}") | own_tags(base.config))
    try:
        with contextlib.suppress(TimeOver), interruptible() as stop, run:
            run.wait_for_store()  # where its jobs look for it
            Scheduler(options, folder, Parent(run, options), launcher, stop).run(proposer)
        stop.check()
    except KeyboardInterrupt:
        log.info("%s %s resumes this sweep", program(), command)
        raise
    log.info("")
    for label, text in run_rows(run, base.overrides):
        log.info("%-11s %s", label, text)


def with_seeds(dimensions: Sequence[Dimension], options: SweepOptions, seed: int) -> list[Dimension]:
    """The dimensions, in a grid with the replicates as one more. ConfigError if this search cannot vary them."""
    if not dimensions and options.replicates == 1:
        raise ConfigError("nothing is swept: give a key several values, as in truncation=5,35 or seed=range(5)")
    has_seeds = any("seed" in dimension.keys for dimension in dimensions)
    if has_seeds and (options.search != "grid" or options.replicates > 1):
        raise ConfigError("the seeds are given twice: a search, or hydra.sweeper.replicates, chooses them itself")
    if options.search != "grid":
        return list(dimensions)
    if spans := [dimension.keys[0] for dimension in dimensions if dimension.span]:
        raise ConfigError(f"{spans[0]} is an interval: give values, or hydra.sweeper.search=random or tpe")
    seeds = Dimension(("seed",), tuple((f"seed={seed + k}",) for k in range(options.replicates)))
    return [*dimensions, seeds] if options.replicates > 1 else list(dimensions)


def check_search(options: SweepOptions, dimensions: Sequence[Dimension], planner: Planner, launcher: Launcher) -> None:
    """Plan a job for every alternative and every end of a span, so that mistakes are found before the search begins."""
    first = [dimension.corners()[0] for dimension in dimensions]
    for k, dimension in enumerate(dimensions):
        for corner in dimension.corners():
            planner.job([override for chosen in (*first[:k], corner, *first[k + 1 :]) for override in chosen])
    if options.learns and options.batch is None and launcher.num_workers is None:
        raise ConfigError("this launcher does not say how many jobs it runs at once: give hydra.sweeper.batch=N")


def sweep_name(options: SweepOptions, dimensions: Sequence[Dimension], base: Composition, store: str) -> str:
    """The name by which the same command finds its sweep again: a title, and a hash of what all its jobs share.

    A grid may get more values and more seeds, a search more trials: it stays the same sweep. Each store has its own.
    """
    keys = [key for dimension in dimensions for key in dimension.shared_keys or dimension.keys if key != "seed"]
    axes = keys if options.search == "grid" else [repr(dimension) for dimension in dimensions]
    typed = sorted(text for text in base.overrides if text.partition("=")[0] in FILES)  # no part of an identity
    shared = [store, options.search, options.pruner, options.seed, options.name, axes, typed]
    if options.search != "grid" and options.objective != LOWEST_LOSS:  # of a grid it only marks the best row
        shared += options.objective
    title = (
        options.name
        or base.config["name"]
        or base.choices.get("sweeps")
        or "-".join(key.rpartition(".")[2] for key in keys)
        or "seed"
    )
    digits = short_hash(json.dumps([*shared, identity_options(base.config)], sort_keys=True))
    return f"sweep-{title[:40]}-{digits}"
