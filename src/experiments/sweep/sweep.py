"""A sweep from what was typed to its table."""

import contextlib
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import joblib

from ..config.binding import bind
from ..config.composition import Composition
from ..config.errors import ConfigError
from ..config.recorded_form import identity_options
from ..experiment import LATE
from ..tracking import provenance
from ..tracking.interruption import interruptible
from ..training.final_report import program
from .dimensions import Dimension, product
from .grid import Grid
from .options import Options
from .parent import Parent
from .plan import Planner, short_hash
from .scheduler import Rounds, TimeOver

log = logging.getLogger("experiments.sweep")


def run_sweep(options: Options, dimensions: Sequence[Dimension], composer, launcher) -> None:
    """Plan, run and compare. ConfigError before anything is written if a job cannot be run; Incomplete if some failed.

    `composer` makes configs of overrides, `launcher` runs jobs: the two sides of Hydra.
    """
    base = composer(())
    if base.config["resume"] not in (None, "auto"):
        raise ConfigError("resume names one run: a sweep goes on by itself when its command is given again")
    dimensions = checked(dimensions, options, base.config["seed"])
    bound = bind(base.config, "tracker", LATE["tracker"])
    store = bound.build(name="sweep", tags={}).store
    name = sweep_name(options, dimensions, base, store)
    folder = Path(bound.options["folder"]).absolute() / name
    planner = Planner(composer, composer.fixed, name)
    workers = None if launcher.workers is None else joblib.effective_n_jobs(launcher.workers)
    if options.search == "grid":
        jobs = [planner.job(chosen) for chosen in product(dimensions)]
    else:
        jobs = []
        check_corners(planner, dimensions)
        if options.learns and options.batch is None and workers is None:
            raise ConfigError("this launcher does not say how many jobs it runs at once: give hydra.sweeper.batch=N")
    command = shlex.join(sys.argv[1:])
    parent = Parent(bound, name, options, dimensions, {"command": f"experiments {command}"} | provenance.facts())
    try:
        with contextlib.suppress(TimeOver), interruptible() as stop, parent:
            search = make_search(options, dimensions, jobs, planner, folder, base.config["epochs"])
            Rounds(options, folder, parent, launcher, workers, stop).run(search)
        stop.check()
    except KeyboardInterrupt:
        log.info("%s %s goes on with this sweep", program(), command)
        raise
    parent.say_where(composer.fixed)


def make_search(options, dimensions, jobs, planner, folder, epochs):
    """What proposes the jobs."""
    if options.search == "grid":
        return Grid(jobs)
    from .search import Search  # Optuna takes a second to import

    return Search(options, dimensions, planner, folder, epochs)


def checked(dimensions: Sequence[Dimension], options: Options, seed: int) -> list[Dimension]:
    """The dimensions with the replicates among them. ConfigError if this search cannot go through them."""
    if not dimensions and options.replicates == 1:
        raise ConfigError("nothing is swept: give a key several values, as in truncation=5,35 or seed=range(5)")
    has_seeds = any("seed" in dimension.keys for dimension in dimensions)
    if has_seeds and (options.search != "grid" or options.replicates > 1):
        raise ConfigError("the seeds are given twice: a search, or hydra.sweeper.replicates, chooses them itself")
    if options.search != "grid":
        return list(dimensions)
    if spans := [dimension.keys[0] for dimension in dimensions if dimension.span]:
        raise ConfigError(f"{spans[0]} is an interval: give values, or hydra.sweeper.search=random or tpe")
    if options.replicates == 1:
        return list(dimensions)
    return [*dimensions, Dimension(("seed",), tuple((f"seed={seed + k}",) for k in range(options.replicates)))]


def check_corners(planner: Planner, dimensions: Sequence[Dimension]) -> None:
    """Plan a job for every alternative and every end of a span, to hear refusals before the search begins."""
    first = [dimension.corners()[0] for dimension in dimensions]
    for k, dimension in enumerate(dimensions):
        for corner in dimension.corners():
            planner.job(sum([*first[:k], corner, *first[k + 1 :]], ()))


def sweep_name(options: Options, dimensions: Sequence[Dimension], base: Composition, store: str) -> str:
    """What the same command finds again: the question, and a hash of all that holds for every job.

    A grid may get more values and more seeds, a search more trials: it stays the same sweep. Another store has its own.
    """
    keys = [key for dimension in dimensions for key in dimension.keys if key != "seed"]
    axes = keys if options.search == "grid" else [repr(dimension) for dimension in dimensions]
    typed = sorted(text for text in base.overrides if text.partition("=")[0] in ("data.path", "checkpoint"))
    what = [
        store,
        options.search,
        options.pruner,
        options.seed,
        options.name,
        axes,
        typed,
        identity_options(base.config),
    ]
    title = options.name or base.choices.get("sweeps") or "-".join(key.rpartition(".")[2] for key in keys) or "seed"
    return f"sweep-{title[:40]}-{short_hash(json.dumps(what, sort_keys=True))}"
