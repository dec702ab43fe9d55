"""What all sides of a comparison are given: sizes, a stream of symbols, weights to begin with."""

import dataclasses
import tempfile

import numpy as np


@dataclasses.dataclass(frozen=True)
class Problem:
    """A language model with embedding and hidden layers of one size, and how it is trained."""

    model: str = "torch_lstm"  # of conf/model
    vocabulary: int = 10_000  # V
    hidden: int = 200  # H, and of the embedding
    layers: int = 2  # L
    dropout: float = 0.0  # probability, of the embedding, between layers, and of what the output reads
    bias: str = "double"  # as torch has it; textbooks have a single one
    batch: int = 20  # B
    truncation: int = 35  # T
    tokens: int | None = None  # N of the stream, on disk; None: enough for all updates
    precision: str = "float32"
    clip: float | None = 0.25
    lr: float = 1.0
    updates: int = 30  # that are timed, after `warm_up` others
    warm_up: int = 5
    threads: int | None = None  # None: what the library chooses
    tracker: str = "memory"
    embedding: int | None = None  # E of a network for labels; of a language model it is H
    reviews: bool = False  # sequences of at most T symbols with one label each, read in both directions; no text
    shortest: int | None = None  # words of a review at least, with lengths as in IMDB; None: all have T
    given_weights: bool = True  # all sides begin with the same; False: each with its own, which takes no memory

    @property
    def gates(self) -> int:
        return {"lstm": 4, "gru": 3, "rnn": 1}[self.model.partition("_")[2]]


def stream(problem: Problem) -> np.ndarray:
    """Ids (N,) drawn with the frequencies of words (Zipf's law)."""
    N = problem.tokens or problem.batch * ((problem.updates + problem.warm_up) * problem.truncation + 1)
    generator = np.random.default_rng(0)
    if problem.tokens is None:
        return zipf(problem.vocabulary, generator.random(N))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as its pages are read
    ids = np.memmap(file, "<i4", "w+", shape=N)
    for start in range(0, N, 1 << 20):
        part = ids[start : start + (1 << 20)]
        part[:] = zipf(problem.vocabulary, generator.random(len(part)))
    ids.flush()
    return np.memmap(file, "<i4", "r", shape=N)  # none of its pages is in this process yet


def zipf(vocabulary: int, drawn: np.ndarray) -> np.ndarray:
    """Numbers of U(0, 1) -> ids with the frequencies of words."""
    shares = 1.0 / (np.arange(vocabulary) + 2.7)
    return np.searchsorted(np.cumsum(shares / shares.sum()), drawn).clip(max=vocabulary - 1)


def weights(problem: Problem) -> dict[str, np.ndarray]:
    """U(-1/sqrt(H), 1/sqrt(H)) under our networks' names, in the precision of the parameters."""
    V, H, GH = problem.vocabulary, problem.hidden, problem.gates * problem.hidden
    shapes = {"embedding.W": (V, H), "output.W": (V, H), "output.b": (V,)}
    for depth in range(problem.layers):
        layer = {"W_ih": (GH, H), "W_hh": (GH, H), "b_ih": (GH,)}
        layer |= {"b_hh": (GH,)} if problem.bias == "double" else {}
        shapes |= {f"layers.{depth}.{name}": shape for name, shape in layer.items()}
    generator, largest = np.random.default_rng(0), H**-0.5
    dtype = np.float64 if problem.precision == "float64" else np.float32
    return {name: generator.uniform(-largest, largest, shape).astype(dtype) for name, shape in shapes.items()}
