"""One thread against all: what they take of the clock and of the processors, by size of the network."""

import dataclasses
import os

from experiments.training.threads import MANY_OPERATIONS

from .alternate import Side, alternate
from .problem import Problem
from .results import Result

MAIN = Problem(vocabulary=34, hidden=128, layers=1, truncation=2, updates=200, warm_up=20)  # plain `experiments`
CHARACTERS = dataclasses.replace(MAIN, vocabulary=65, truncation=35, updates=40)
WORDS = Problem(updates=12, warm_up=3)
BOOK = Problem("numpy_rnn", vocabulary=418, hidden=100, layers=1, bias="single", batch=10, truncation=5, updates=400)
NETWORKS = {
    "the main job": MAIN,
    "GRU 128, V=34, T=2": dataclasses.replace(MAIN, model="torch_gru"),
    "NumPy LSTM 128, V=34, T=2": dataclasses.replace(MAIN, model="numpy_lstm"),
    "NumPy RNN 100, V=418, B=10, T=5": BOOK,
    "LSTM 32, V=65": dataclasses.replace(CHARACTERS, hidden=32),
    "LSTM 64, V=65": dataclasses.replace(CHARACTERS, hidden=64),
    "GRU 64, V=65": dataclasses.replace(CHARACTERS, model="torch_gru", hidden=64),
    "NumPy LSTM 64, V=65": dataclasses.replace(CHARACTERS, model="numpy_lstm", hidden=64),
    "LSTM 128, V=65": CHARACTERS,
    "GRU 128, V=65": dataclasses.replace(CHARACTERS, model="torch_gru"),
    "NumPy LSTM 128, V=65": dataclasses.replace(CHARACTERS, model="numpy_lstm"),
    "LSTM 2x200, V=10,000": WORDS,
    "GRU 2x200, V=10,000": dataclasses.replace(WORDS, model="torch_gru"),
    "NumPy LSTM 2x200, V=10,000": dataclasses.replace(WORDS, model="numpy_lstm"),
    "LSTM 2x650, V=10,000": dataclasses.replace(WORDS, hidden=650, updates=5, warm_up=2),
}
HEAD = ["network", "largest product, millions of operations", "chosen"]
HEAD += [f"{figure}, {threads}" for figure in ("ms", "ms of CPU") for threads in ("one", "all")]


def threads() -> Result:
    """An update with one thread and with all; B=20, T=35 unless said. threads=null takes what is chosen."""
    rows, found = [], {}
    for name, problem in NETWORKS.items():
        numbers = {"one": 1, "all": os.cpu_count() or 1}
        sides = {label: Side("ours", dataclasses.replace(problem, threads=number)) for label, number in numbers.items()}
        found[name] = group = alternate(sides, rounds=3)
        times = [1e3 * f.seconds for f in group.values()] + [1e3 * f.cpu_seconds for f in group.values()]
        chosen = "one" if operations(problem) < MANY_OPERATIONS else "all"
        rows.append([name, f"{operations(problem) / 1e6:.1f}", chosen, *(f"{time:.3g}" for time in times)])
    return Result.of("Threads", threads.__doc__, HEAD, rows, found)


def operations(problem: Problem) -> float:
    """Of the largest product of an update: 2 M N for each column of a window."""
    H = problem.hidden
    return 2.0 * problem.batch * problem.truncation * H * max(problem.gates * H, problem.vocabulary)
