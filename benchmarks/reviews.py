"""Sequences with one label each, as long as film reviews, and the weights with which all sides begin.

The network is that of Keras's example for IMDB: an embedding, LSTMs that read in both directions, one logit.
"""

import numpy as np

from .problem import Problem, zipf

MEDIAN, SPREAD = 174, 0.65  # words of an IMDB review: the median, the standard deviation of their logarithm


def sequences(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols (N,) one review after the other, starts (n+1,), labels (n,), which a few words decide."""
    n, longest = problem.batch * (problem.updates + problem.warm_up), problem.truncation
    generator = np.random.default_rng(0)
    lengths = np.full(n, longest)
    if problem.shortest is not None:
        drawn = MEDIAN * np.exp(SPREAD * generator.standard_normal(n))
        lengths = drawn.astype(int).clip(problem.shortest, longest)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    symbols = zipf(problem.vocabulary, generator.random(starts[-1])).astype(np.int32)
    votes = np.add.reduceat(np.where(symbols % 2 == 1, 1, -1), starts[:-1])
    return symbols, starts, (votes > 0).astype(np.int8)


def batches(problem: Problem, starts: np.ndarray) -> list[np.ndarray]:
    """Which reviews make a batch: of similar length, in a random order, as `experiments` deals them out."""
    order, B = np.argsort(np.diff(starts), kind="stable"), problem.batch
    dealt = [order[k : k + B] for k in range(0, len(order), B)]
    return [dealt[k] for k in np.random.default_rng(0).permutation(len(dealt))]


def columns(reviews: tuple, batch: np.ndarray, longest: int, padding: int) -> np.ndarray:
    """(B, longest), padding before each review's words."""
    symbols, starts, _ = reviews
    found = np.full((len(batch), longest), padding, np.int32)
    for row, k in enumerate(batch):
        words = symbols[starts[k] : starts[k + 1]]
        found[row, longest - len(words) :] = words
    return found


def weights(problem: Problem) -> dict[str, np.ndarray]:
    """U(-1/sqrt(H), 1/sqrt(H)) under our networks' names, with one bias vector for a layer and direction."""
    V, E, H = problem.vocabulary, problem.embedding, problem.hidden
    shapes = {"embedding.W": (V, E), "output.W": (1, 2 * H), "output.b": (1,)}
    for depth in range(problem.layers):
        for kind in ("layers", "reverse_layers"):
            layer = {"W_ih": (4 * H, E if depth == 0 else 2 * H), "W_hh": (4 * H, H), "b_ih": (4 * H,)}
            shapes |= {f"{kind}.{depth}.{name}": shape for name, shape in layer.items()}
    generator, largest = np.random.default_rng(0), H**-0.5
    return {name: generator.uniform(-largest, largest, shape).astype("f4") for name, shape in shapes.items()}
