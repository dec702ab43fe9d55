"""Sides that take turns, each time in a fresh process, so that what disturbs the machine disturbs all of them.

The libraries have their own defaults: what the environment says to them is left out.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

from .problem import Problem

KEYS = ("seconds", "mean", "cpu_seconds", "memory", "whole")
LIBRARIES = ("DNNL_", "GLIBC_", "GOMP_", "KMP_", "MALLOC_", "MKL_", "NUMPY_", "OMP_", "ONEDNN_", "OPENBLAS_")


class Side(NamedTuple):
    name: str  # a module of this package, see side.py
    problem: Problem
    python: str = sys.executable  # of the environment that it needs


class Figures(NamedTuple):
    """Medians over the processes of one side, and every process."""

    seconds: float  # of an update
    mean: float  # likewise
    cpu_seconds: float
    memory: float  # bytes
    whole: float  # seconds of a run
    losses: list[float | None]  # of the first process
    turns: list[dict[str, float]]  # KEYS of every process


def alternate(sides: Mapping[str, Side], rounds: int) -> dict[str, Figures]:
    """Each side `rounds` times, in turns; what came out goes to standard error as it comes."""
    measured: dict[str, list[dict]] = {label: [] for label in sides}
    rounds = turns(rounds)
    for k in range(rounds):
        for label, side in sides.items():
            found = run(side)
            measured[label].append(found)
            times = f"{1e3 * found['seconds']:.4g} ms, {1e3 * found['cpu_seconds']:.4g} ms of CPU"
            print(f"  {k + 1}/{rounds} {label}: {times}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return {label: figures_of(found) for label, found in measured.items()}


def figures_of(measured: list[dict]) -> Figures:
    """Of what several turns of one side said: KEYS and losses, as far as they were measured."""
    every = [{key: one.get(key, 0.0) for key in KEYS} for one in measured]
    medians = (statistics.median(one[key] for one in every) for key in KEYS)
    return Figures(*medians, measured[0].get("losses") or [None], every)


def turns(usual: int) -> int:
    """How often a side is measured: as often as usual, or as $BENCHMARK_TURNS says (`--turns`)."""
    return int(os.environ.get("BENCHMARK_TURNS", usual))


def run(side: Side) -> dict:
    """One process."""
    program = [side.python, "-m", "benchmarks.side", side.name, json.dumps(dataclasses.asdict(side.problem))]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(f"{' '.join(program)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    """What is said to a process: all but the settings of libraries."""
    return {key: value for key, value in os.environ.items() if not key.startswith(LIBRARIES)}


def largest_difference(one: Figures, other: Figures) -> float:
    """Of the losses of two sides, relative."""
    return max(abs(a - b) / abs(b) for a, b in zip(one.losses, other.losses))


def check_losses(found: Mapping[str, Figures], tolerance: float) -> None:
    """Raise SystemExit if a side's losses differ from those of the first by more than this, relative."""
    first = next(iter(found))
    for label, figures in found.items():
        if figures.losses[0] is not None and (apart := largest_difference(figures, found[first])) > tolerance:
            raise SystemExit(f"{label} and {first} do not compute the same: losses differ by {apart:.1g}")


def mean_losses(figures: Figures) -> Figures:
    """With the mean loss alone, of sides whose updates differ by chance."""
    losses = [loss for loss in figures.losses if loss is not None]
    return figures._replace(losses=[statistics.fmean(losses)] if losses else [None])
