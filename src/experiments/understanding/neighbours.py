"""What the vectors of symbols say: which are near each other, analogies, and a map of some of them."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .tables import Row


class Neighbour(NamedTuple):
    """A symbol and the cosine of the angle between its vector and the one that was asked for."""

    symbol: str
    cosine: float


class Map(NamedTuple):
    """Symbols in two dimensions."""

    symbols: list[str]
    asked: list[str]  # the symbol whose neighbour each is, or itself
    places: np.ndarray  # (n, 2)
    explained: np.ndarray  # (2,) the share of the variance of these n vectors along each axis


@dataclass(frozen=True)
class SymbolVectors:
    """A vector for each symbol."""

    symbols: Sequence[str]
    vectors: np.ndarray  # (V, E) float64

    @functools.cached_property
    def directions(self) -> np.ndarray:
        """The vectors with length 1 (V, E); a vector of zeros stays one, so that its cosine with all others is 0."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        directions: np.ndarray = self.vectors / np.where(lengths > 0, lengths, 1.0)
        return directions

    def nearest(self, symbol: int, number: int) -> list[Neighbour]:
        """The symbols with the largest cosine to this one, without itself."""
        return self._nearest(self.directions[symbol], number, [symbol])

    def analogy(self, a: int, b: int, c: int, number: int) -> list[Neighbour]:
        """The symbols that are to c what b is to a: those nearest to b - a + c of length 1 each, without these three.

        Mikolov, Yih and Zweig (2013).
        """
        a_, b_, c_ = self.directions[[a, b, c]]
        target = b_ - a_ + c_
        return self._nearest(target / (np.linalg.norm(target) or 1.0), number, [a, b, c])

    def _nearest(self, direction: np.ndarray, number: int, without: list[int]) -> list[Neighbour]:
        cosines = self.directions @ direction
        cosines[without] = -np.inf
        number = min(number, len(cosines) - len(set(without)))
        order = np.argsort(-cosines, kind="stable")[:number]
        return [Neighbour(self.symbols[k], float(cosines[k])) for k in order]

    def map(self, asked: Sequence[int], number: int) -> Map:
        """These symbols and their nearest ones, each once, on the first two principal axes of their directions."""
        ids = {symbol: k for k, symbol in enumerate(self.symbols)}
        of = {self.symbols[k]: self.symbols[k] for k in asked}
        for k in asked:
            for neighbour in self.nearest(k, number):
                of.setdefault(neighbour.symbol, self.symbols[k])
        places, explained = principal_axes(self.directions[[ids[symbol] for symbol in of]])
        return Map([*of], [*of.values()], places, explained)


def principal_axes(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """vectors (n, E) -> their places (n, 2) on the two axes of the largest variance, and its share along each (2,).

    By singular value decomposition of the centred vectors; along each axis the farthest place is positive.
    """
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    found = min(2, len(values))
    places[:, :found] = left[:, :found] * values[:found]
    farthest = places[np.abs(places).argmax(axis=0), [0, 1]]
    shares = np.zeros(2)
    shares[:found] = values[:found] ** 2 / (np.square(values).sum() or 1.0)
    return places * np.where(farthest < 0, -1.0, 1.0), shares


def neighbour_rows(found: dict[str, list[Neighbour]]) -> Iterator[Row]:
    """A row for each neighbour of each symbol."""
    for word, neighbours in found.items():
        for rank, (symbol, cosine) in enumerate(neighbours, 1):
            yield {"word": word, "rank": rank, "neighbour": symbol, "cosine": cosine}


def analogy_rows(found: dict[tuple[str, ...], list[Neighbour]]) -> Iterator[Row]:
    """A row for each answer to each analogy."""
    for (a, b, c), answers in found.items():
        for rank, (symbol, cosine) in enumerate(answers, 1):
            yield {"a": a, "b": b, "c": c, "rank": rank, "answer": symbol, "cosine": cosine}


def map_rows(found: Map) -> Iterator[Row]:
    """A row for each symbol of a map."""
    for symbol, asked, (x, y) in zip(found.symbols, found.asked, found.places):
        yield {"word": symbol, "asked": asked, "x": float(x), "y": float(y)}
