"""What an output layer that trains on a part of the words saves, and what it costs in perplexity."""

import json
import subprocess
import sys

from .alternate import environment, figures_of
from .results import Result
from .runs import PTB

OUTPUTS = {
    "softmax": [],
    "sampled, 1,000 words": ["model.output=sampled"],
    "sampled, 2,000 words": ["model.output=sampled", "model.num_samples=2000"],
    "adaptive, tails of 100 and 50": ["model.output=adaptive", "model.tail_divisor=2"],
}


def output() -> Result:
    """One epoch of the Penn Treebank by output layer, 2x200, one thread; needs $EXPERIMENTS_DATA.

    Seconds are those of the updates; the validation after them is exact, over all words.
    """
    found = {label: epoch([*PTB, *chosen, "threads=1"]) for label, chosen in OUTPUTS.items()}
    plain, rows = found["softmax"], []
    for label, one in found.items():
        times = [f"{one['seconds']:.0f}", f"{one['cpu_seconds']:.0f}"]
        times.append(f"{one['cpu_seconds'] / plain['cpu_seconds']:.2f}")
        rows.append([label, *times, f"{one['loss']:.4f}", f"{one['perplexity']:.1f}"])
        rows[-1].append(f"{one['perplexity'] / plain['perplexity'] - 1:+.1%}")
    head = ["output", "s", "s of CPU", "share of its CPU", "validation loss", "perplexity", "difference"]
    turns = {label: figures_of([{key: one[key] for key in ("seconds", "cpu_seconds")}]) for label, one in found.items()}
    return Result.of("Output layers", output.__doc__, head, rows, {"2x200": turns}, figures=("cpu_seconds",))


def epoch(arguments: list[str]) -> dict[str, float]:
    """What `benchmarks.epoch` says of these options, in a process of its own."""
    program = [sys.executable, "-m", "benchmarks.epoch", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(f"{' '.join(program)} failed:\n{done.stderr}")
    print(f"  {arguments[-2]}: {done.stdout.strip()}", file=sys.stderr, flush=True)
    return json.loads(done.stdout.splitlines()[-1])
