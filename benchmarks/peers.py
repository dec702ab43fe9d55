"""The parts with Keras 3 on JAX, which is in an environment of its own (`make peers`)."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from . import reviews
from .alternate import Side, alternate, check_losses, largest_difference
from .floor import operations
from .networks import SHARE, TORCH, compared
from .problem import Problem
from .results import PRODUCTS, Result
from .tables import TIMES, ratios, three_digits

KERAS = "Keras on JAX"
PYTHON = os.environ.get("PEERS_PYTHON", str(Path(sys.prefix) / "peers" / "bin" / "python"))
TOLERANCE = 1e-3  # of losses, relative
REVIEWS = Problem(vocabulary=20_000, hidden=64, embedding=128, batch=32, truncation=200, reviews=True, lr=0.001)


def keras_text() -> Result:
    """Two layers of LSTM over 10,000 words, B=20, T=35, beside Keras 3 on JAX, as both have one bias vector a layer.

    Keras trains with `train_on_batch`, compiled as is its default; the updates in which it compiles are not counted.
    """
    rows, found = [], {}
    for hidden in (200, 650):
        problem = dataclasses.replace(TORCH, hidden=hidden, bias="single", updates={200: 30, 650: 12}[hidden])
        sides = {KERAS: Side("keras_text", problem, PYTHON), "ours": Side("ours", problem)}
        group = found[f"2x{hidden}"] = alternate(sides | {PRODUCTS: Side("floor", problem)}, rounds=3)
        check_losses(group, TOLERANCE)
        rows += compared(f"2x{hidden}", problem, group)
    head = ["network", "side", *TIMES, "times Keras", SHARE, "losses differ by"]
    return Result.of("Keras, text", keras_text.__doc__, head, rows, found, peers=(KERAS,))


def keras_labels() -> Result:
    """The network of Keras's example for IMDB: embedding of 128, two bidirectional LSTMs of 64, 32 reviews, Adam.

    Reviews of 200 words, and reviews of other lengths as in IMDB, cut at 200. Keras pads all of them to 200 and masks
    the padding; ours pads a batch to its longest review, and reviews of similar length make a batch, the same on both
    sides. The products are those of batches of the mean length.
    """
    rows, found = [], {}
    for name, shortest in {"200 words": None, "10 to 200 words": 10}.items():
        problem = dataclasses.replace(REVIEWS, shortest=shortest, updates=20)
        sides = {KERAS: Side("keras_reviews", problem, PYTHON), "ours": Side("our_reviews", problem)}
        shorter = dataclasses.replace(problem, truncation=mean_length(problem))
        group = found[name] = alternate(sides | {PRODUCTS: Side("floor", shorter)}, rounds=3)
        check_losses(group, TOLERANCE)
        rows += of_labels(name, problem, shorter, group)
    head = ["reviews", "side", "reviews/s", *TIMES[1:], "times Keras", SHARE, "losses differ by"]
    return Result.of("Keras, labels", keras_labels.__doc__, head, rows, found, peers=(KERAS,))


def mean_length(problem: Problem) -> int:
    """Words of the longest review of a batch, on average."""
    _, starts, _ = reviews.sequences(problem)
    longest = [np.diff(starts)[batch].max() for batch in reviews.batches(problem, starts)]
    return round(float(np.mean(longest)))


def of_labels(name: str, problem: Problem, shorter: Problem, found: dict) -> list[list]:
    """The rows of a group; the products are those of the `shorter` problem."""
    peer, floor = next(iter(found.values())), found[PRODUCTS]
    rows = []
    for label, figures in found.items():
        times = [f"{problem.batch / figures.seconds:,.0f}", three_digits(1e3 * figures.seconds)]
        times.append(three_digits(1e3 * figures.cpu_seconds))
        difference = largest_difference(figures, peer) if figures.losses[0] is not None else None
        rows.append([name, label, *times, *ratios(figures, peer, floor), difference])
    rows[-1][-1] = f"{operations(shorter) / floor.seconds / 1e9:.0f} GFLOP/s"
    return rows


def versions() -> dict[str, str]:
    """Of Keras and JAX in their environment."""
    program = "from importlib.metadata import version; print(version('keras'), version('jax'))"
    done = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True)
    return dict(zip(("keras", "jax"), done.stdout.split()))
